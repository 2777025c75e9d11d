// SGD with momentum mu: v = mu v + rate g; w = w - v.
#include "moka/registry.h"
#include "moka/update_rule.h"

namespace moka {
namespace {

class Sgd final : public UpdateRule {
 public:
  explicit Sgd(const SolverParameter& solver) : mu_(solver.momentum()) {
    if (!(mu_ >= 0 && mu_ < 1))
      throw Error("momentum ", mu_, " must be at least 0 and below 1").At("momentum");
  }
  int histories() const override { return 1; }
  void Update(const UpdatePiece& piece) const override {
    float* w = piece.w;
    float* v = piece.history[0];
    for (int64_t i = 0; i < piece.n; ++i) {
      v[i] = mu_ * v[i] + piece.rate * piece.Gradient(i);
      w[i] -= v[i];
    }
  }

 private:
  const float mu_;
};

}  // namespace

void RegisterSgd(Registry& registry) { registry.AddUpdateRule<Sgd>("SGD"); }

}  // namespace moka
