// SGD with momentum mu: v = mu v + rate g; w = w - v.
#include <cmath>

#include "moka/error.h"
#include "solver/update_rule.h"

namespace moka {
namespace {

class Sgd final : public UpdateRule {
 public:
  explicit Sgd(float mu) : mu_(mu) {}
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

std::unique_ptr<UpdateRule> MakeSgd(const SolverParameter& solver) {
  const float mu = solver.momentum();
  if (!(mu >= 0 && mu < 1)) {
    throw Error("momentum ", mu, " must be at least 0 and below 1").At("momentum");
  }
  return std::make_unique<Sgd>(mu);
}

}  // namespace moka
