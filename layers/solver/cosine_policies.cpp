// Learning-rate policies along half cosines: with h(a, b, p) = b + (a - b) (1 + cos(pi p)) / 2,
// which goes from a to b as p goes from 0 to 1, the rate at iteration t is
//   cosine     h(base_lr, min_lr, t / max_iter)
//   one_cycle  h(base_lr / div_factor, base_lr, t / top) up to top = pct_start max_iter - 1, then
//              h(base_lr, base_lr / (div_factor final_div_factor), (t - top) / (max_iter - 1 -
//              top))
// Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017. Smith,
// Topin, "Super-convergence: very fast training of neural networks using large learning rates",
// 2018, in the form of PyTorch's OneCycleLR, whose first and last rate are those of iterations 0
// and max_iter - 1. Beyond their end both stay at the last rate.
#include <algorithm>
#include <numbers>

#include "checks.h"
#include "moka/learning_rate.h"
#include "moka/registry.h"

namespace moka {
namespace {

double HalfCosine(double from, double to, double part) {
  return to + (from - to) * (1 + std::cos(std::numbers::pi * part)) / 2;
}

class Cosine final : public LearningRatePolicy {
 public:
  explicit Cosine(const SolverParameter& solver)
      : max_iter_(MaxIter(solver)), lowest_(LowestFactor(solver)) {}
  double Factor(int64_t iteration) const override {
    return HalfCosine(1, lowest_, std::min(static_cast<double>(iteration) / max_iter_, 1.0));
  }

 private:
  const int max_iter_;
  const double lowest_;
};

class OneCycle final : public LearningRatePolicy {
 public:
  explicit OneCycle(const SolverParameter& solver)
      : end_(MaxIter(solver) - 1),
        top_(double{Share(solver)} * (end_ + 1) - 1),
        first_(1 / double{Positive("div_factor", solver.div_factor())}),
        last_(first_ / Positive("final_div_factor", solver.final_div_factor())) {}

  double Factor(int64_t iteration) const override {
    const double t = std::min(static_cast<double>(iteration), end_);
    if (t <= top_ && top_ > 0) return HalfCosine(first_, 1, t / top_);
    return end_ > top_ ? HalfCosine(1, last_, (t - top_) / (end_ - top_)) : 1;
  }

 private:
  static float Share(const SolverParameter& solver) {
    const float share = solver.pct_start();
    if (share >= 0 && share <= 1) return share;
    throw Error("pct_start ", share, " must be from 0 to 1: a share of max_iter").At("pct_start");
  }

  const double end_, top_;
  const double first_, last_;
};

}  // namespace

void RegisterCosinePolicies(Registry& registry) {
  registry.AddLearningRatePolicy<Cosine>("cosine");
  registry.AddLearningRatePolicy<OneCycle>("one_cycle");
}

}  // namespace moka
