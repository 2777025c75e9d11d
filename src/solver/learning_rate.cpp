// The learning rate at an iteration: base_lr times what the policy says.
#include "solver/learning_rate.h"

#include <algorithm>
#include <cmath>

#include "moka/registry.h"
#include "moka/solver.h"

namespace moka {

RateSchedule::RateSchedule(const SolverParameter& solver, const Registry& registry)
    : base_(solver.base_lr()) {
  if (!solver.has_base_lr()) throw Error("base_lr is missing").At("base_lr");
  if (!std::isfinite(solver.base_lr()))
    throw Error("base_lr ", solver.base_lr(), " is not finite").At("base_lr");
  if (solver.base_lr() < 0) throw Error("base_lr ", solver.base_lr(), " is negative").At("base_lr");
  policy_ = registry.MakeLearningRatePolicy(solver);
}

float RateSchedule::At(int64_t iteration) const {
  const auto rate = static_cast<float>(base_ * policy_->Factor(iteration));
  if (!std::isfinite(rate))
    throw Error("the learning rate of iteration ", iteration, " would be ", rate).At("lr_policy");
  return rate;
}

int CurrentStep(const SolverParameter& solver, int64_t iteration) {
  if (solver.lr_policy() == "step") return static_cast<int>(iteration / solver.stepsize());
  if (solver.lr_policy() != "multistep") return 0;
  return static_cast<int>(std::count_if(solver.stepvalue().begin(), solver.stepvalue().end(),
                                        [&](int value) { return value <= iteration; }));
}

float LearningRate(const SolverParameter& solver, const Registry& registry, int64_t iteration) {
  return RateSchedule(solver, registry).At(iteration);
}

}  // namespace moka
