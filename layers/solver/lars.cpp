// LARS, layer-wise adaptive rates, with momentum mu: v = mu v + rate local (g + decay w); w = w -
// v, where for a whole param local = eta ||w|| / (||g|| + decay ||w|| + epsilon). You, Gitman,
// Ginsburg, "Large batch training of convolutional networks", 2017. As others do who train with it,
// local is 1 where it would hold back what it is not made for: params of one axis (biases, scales
// of normalizations), those with decay_mult 0, and those whose w or g is all 0.
#include "checks.h"
#include "lars.pb.h"
#include "moka/registry.h"
#include "moka/update_rule.h"

namespace moka {
namespace {

class Lars final : public UpdateRule, public LayerwiseRate {
 public:
  Lars(const SolverParameter& solver, const LarsParameter& params)
      : mu_(Momentum(solver)), eta_(params.eta()), epsilon_(params.epsilon()) {
    if (!(eta_ > 0 && std::isfinite(eta_)))
      throw Error("eta ", eta_, " must be above 0 and finite").At("lars_param.eta");
    if (!(epsilon_ >= 0 && std::isfinite(epsilon_)))
      throw Error("epsilon ", epsilon_, " must be a number from 0 up").At("lars_param.epsilon");
  }

  double RateFactor(const WholeParam& param) const override {
    const bool plain = param.axes < 2 || param.decay_mult == 0;
    if (plain || param.values_norm == 0 || param.gradient_norm == 0) return 1;
    return eta_ * param.values_norm /
           (param.gradient_norm + double{param.decay} * param.values_norm + epsilon_);
  }
  const void* Interface(const char* name, int version) const override {
    return LayerwiseRate::Is(name, version) ? static_cast<const LayerwiseRate*>(this) : nullptr;
  }

  int histories() const override { return 1; }
  void Update(const UpdatePiece& piece) const override {
    UpdateEach(piece, [mu = mu_](const UpdatePiece& p, int64_t i) {
      float& v = p.history[0][i];
      v = mu * v + p.rate * p.Gradient(i);
      p.w[i] -= v;
    });
  }

 private:
  const float mu_;
  const double eta_, epsilon_;
};

}  // namespace

void RegisterLars(Registry& registry) {
  registry.AddUpdateRule<Lars>("LARS", Field<LarsParameter>{"lars_param", 5090});
}

}  // namespace moka
