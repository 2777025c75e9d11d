// What a solver file must say for its lr_policy.
#pragma once

#include <cstdint>

#include "moka/solver.pb.h"

namespace moka {

// Throws Error with the field: base_lr or what the policy needs is missing or makes no sense; an
// unknown policy.
void CheckLearningRate(const SolverParameter& solver);
// How often step or multistep have lowered the rate: what a .solverstate keeps for other readers.
int CurrentStep(const SolverParameter& solver, int64_t iteration);

}  // namespace moka
