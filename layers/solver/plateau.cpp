// The learning-rate policy plateau: base_lr gamma^k, but at least min_lr. k, from 0, rises by 1
// after plateau_winsize[k] iterations without a new lowest smoothed loss and without a rise of k;
// after the last plateau_winsize no more. As in SSD's Caffe, which has no min_lr.
#include <algorithm>
#include <limits>

#include "checks.h"
#include "moka/learning_rate.h"
#include "moka/registry.h"

namespace moka {
namespace {

class Plateau final : public LearningRatePolicy, public LossDriven {
 public:
  explicit Plateau(const SolverParameter& solver)
      : windows_(solver.plateau_winsize().begin(), solver.plateau_winsize().end()),
        gamma_(solver.gamma()),
        lowest_(LowestFactor(solver)) {
    RequireField(solver, "gamma", solver.has_gamma());
    RequireField(solver, "plateau_winsize", !windows_.empty());
    if (!(solver.gamma() >= 0 && solver.gamma() <= 1)) {
      throw Error("gamma ", solver.gamma(), " must be from 0 to 1 for lr_policy \"plateau\"")
          .At("gamma");
    }
    for (size_t i = 0; i < windows_.size(); ++i) {
      if (windows_[i] < 1) {
        throw Error("plateau_winsize ", windows_[i], " must be at least 1")
            .At("plateau_winsize[" + std::to_string(i) + "]");
      }
    }
  }

  double Factor(int64_t) const override {
    return std::max(std::pow(gamma_, static_cast<double>(falls_)), lowest_);
  }
  const void* Interface(const char* name, int version) const override {
    return LossDriven::Is(name, version) ? static_cast<const LossDriven*>(this) : nullptr;
  }

  void Observe(int64_t iteration, double smoothed_loss) override {
    if (smoothed_loss < lowest_loss_) {
      lowest_loss_ = smoothed_loss;
      since_ = iteration;
    }
    if (falls_ < windows_.size() && iteration >= since_ + windows_[falls_]) {
      ++falls_;
      since_ = iteration;
    }
  }

  // How often the rate fell, the iteration of the last event, the lowest loss.
  std::vector<double> State() const override {
    return {static_cast<double>(falls_), static_cast<double>(since_), lowest_loss_};
  }
  void CheckState(std::span<const double> state) const override {
    if (state.empty()) return;
    if (state.size() != 3)
      throw Error("lr_policy \"plateau\" remembers 3 numbers, not ", state.size());
    const bool falls = state[0] >= 0 && state[0] <= 1e9 && state[0] == std::floor(state[0]);
    const bool since = state[1] >= 0 && state[1] <= 1e15 && state[1] == std::floor(state[1]);
    if (!falls || !since || std::isnan(state[2])) {
      throw Error("lr_policy \"plateau\" cannot have fallen ", state[0],
                  " times, last at iteration ", state[1], ", with a lowest loss of ", state[2]);
    }
  }
  void SetState(std::span<const double> state) override {
    falls_ = state.empty() ? 0 : static_cast<size_t>(state[0]);
    since_ = state.empty() ? 0 : static_cast<int64_t>(state[1]);
    lowest_loss_ = state.empty() ? std::numeric_limits<double>::infinity() : state[2];
  }

 private:
  const std::vector<int> windows_;
  const double gamma_, lowest_;
  size_t falls_ = 0;
  int64_t since_ = 0;
  double lowest_loss_ = std::numeric_limits<double>::infinity();
};

}  // namespace

void RegisterPlateau(Registry& registry) { registry.AddLearningRatePolicy<Plateau>("plateau"); }

}  // namespace moka
