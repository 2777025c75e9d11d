// The learning rate at an iteration: base_lr times what the policy says, after a warm-up.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "moka/learning_rate.h"
#include "moka/registry.h"

namespace moka {

class RateSchedule {
 public:
  // Throws Error with the field: base_lr or what the policy needs is missing or makes no sense; an
  // unknown policy.
  RateSchedule(const SolverParameter& solver, const Registry& registry);
  // Throws Error if the policy gives no finite number. Before warmup_iter, the rate lies on the
  // line from warmup_start_lr to the policy's rate at warmup_iter.
  float At(int64_t iteration) const;

  // For a policy that looks at the loss (LossDriven); with others these do nothing, and the state
  // is empty.
  void Observe(int64_t iteration, double smoothed_loss);
  std::vector<double> State() const;
  // Throws Error, which names the file.
  void CheckState(const std::vector<double>& state, const std::string& file) const;
  void SetState(const std::vector<double>& state);

 private:
  double PolicyRate(int64_t iteration) const;

  const float base_, warmup_start_;
  const int warmup_;
  std::unique_ptr<LearningRatePolicy> policy_;
  LossDriven* loss_driven_;  // of policy_, or nullptr
};

// How often step or multistep have lowered the rate: what a .solverstate keeps for other readers.
int CurrentStep(const SolverParameter& solver, int64_t iteration);

}  // namespace moka
