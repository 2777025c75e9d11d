// The learning rate at an iteration: base_lr times what the policy says.
#pragma once

#include <cstdint>
#include <memory>

#include "moka/learning_rate.h"
#include "moka/registry.h"

namespace moka {

class RateSchedule {
 public:
  // Throws Error with the field: base_lr or what the policy needs is missing or makes no sense; an
  // unknown policy.
  RateSchedule(const SolverParameter& solver, const Registry& registry);
  // Throws Error if the policy gives no finite number.
  float At(int64_t iteration) const;

 private:
  const float base_;
  std::unique_ptr<LearningRatePolicy> policy_;
};

// How often step or multistep have lowered the rate: what a .solverstate keeps for other readers.
int CurrentStep(const SolverParameter& solver, int64_t iteration);

}  // namespace moka
