// The learning rate at an iteration: base_lr times what the policy says, after a warm-up.
#include "solver/learning_rate.h"

#include <algorithm>
#include <cmath>

#include "moka/registry.h"
#include "moka/solver.h"
#include "solver/solver_nets.h"

namespace moka {
namespace {

void CheckWarmup(const SolverParameter& s) {
  if (s.warmup_iter() < 0)
    throw Error("warmup_iter ", s.warmup_iter(), " must be at least 0").At("warmup_iter");
  if (!s.has_warmup_start_lr()) return;
  const float start = s.warmup_start_lr();
  if (!s.has_warmup_iter())
    throw Error("warmup_start_lr needs warmup_iter, which is missing").At("warmup_start_lr");
  if (!(start >= 0) || !std::isfinite(start))
    throw Error("warmup_start_lr ", start, " must be a number from 0 up").At("warmup_start_lr");
  if (start > s.base_lr()) {
    throw Error("warmup_start_lr ", start, " is above base_lr, ", s.base_lr())
        .At("warmup_start_lr");
  }
}

// A policy hands its interfaces out as const; this one is ours to change.
LossDriven* LossDrivenOf(const LearningRatePolicy& policy) {
  return const_cast<LossDriven*>(
      static_cast<const LossDriven*>(policy.Interface(LossDriven::kName, LossDriven::kVersion)));
}

}  // namespace

RateSchedule::RateSchedule(const SolverParameter& solver, const Registry& registry)
    : base_(solver.base_lr()),
      warmup_start_(solver.warmup_start_lr()),
      warmup_(solver.warmup_iter()) {
  if (!solver.has_base_lr()) throw Error("base_lr is missing").At("base_lr");
  if (!std::isfinite(solver.base_lr()))
    throw Error("base_lr ", solver.base_lr(), " is not finite").At("base_lr");
  if (solver.base_lr() < 0) throw Error("base_lr ", solver.base_lr(), " is negative").At("base_lr");
  CheckWarmup(solver);
  policy_ = registry.MakeLearningRatePolicy(solver);
  loss_driven_ = LossDrivenOf(*policy_);
}

double RateSchedule::PolicyRate(int64_t iteration) const {
  const double rate = base_ * policy_->Factor(iteration);
  if (!std::isfinite(static_cast<float>(rate))) {
    throw Error("the learning rate of iteration ", iteration, " would be ",
                static_cast<float>(rate))
        .At("lr_policy");
  }
  return rate;
}

float RateSchedule::At(int64_t iteration) const {
  if (iteration >= warmup_) return static_cast<float>(PolicyRate(iteration));
  const double part = static_cast<double>(iteration) / warmup_;
  return static_cast<float>(warmup_start_ + (PolicyRate(warmup_) - warmup_start_) * part);
}

void RateSchedule::Observe(int64_t iteration, double smoothed_loss) {
  if (loss_driven_ != nullptr) loss_driven_->Observe(iteration, smoothed_loss);
}

std::vector<double> RateSchedule::State() const {
  return loss_driven_ == nullptr ? std::vector<double>() : loss_driven_->State();
}

void RateSchedule::CheckState(const std::vector<double>& state, const std::string& file) const {
  if (loss_driven_ == nullptr) return;
  try {
    loss_driven_->CheckState(state);
  } catch (Error& error) {
    error.Prefix(file + ": ");
    throw;
  }
}

void RateSchedule::SetState(const std::vector<double>& state) {
  if (loss_driven_ != nullptr) loss_driven_->SetState(state);
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

void VisitLearningRates(const SolverDescription& solver, const Registry& registry,
                        int64_t iterations, const std::function<void(int64_t, float)>& visit) {
  WithPlaces(solver, [&] {
    RateSchedule schedule(solver.common, registry);
    for (int64_t i = 0; i < iterations; ++i) {
      schedule.Observe(i, 1);
      visit(i, schedule.At(i));
    }
  });
}

}  // namespace moka
