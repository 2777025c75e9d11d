// SGD with momentum mu: v = mu v + rate g; w = w - v.
#include "checks.h"
#include "moka/registry.h"
#include "moka/update_rule.h"

namespace moka {
namespace {

class Sgd final : public UpdateRule {
 public:
  explicit Sgd(const SolverParameter& solver) : mu_(Momentum(solver)) {}
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
};

}  // namespace

void RegisterSgd(Registry& registry) { registry.AddUpdateRule<Sgd>("SGD"); }

}  // namespace moka
