// Nesterov's momentum mu: u = mu v + rate g; w = w - ((1 + mu) u - mu v); v = u.
// Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in deep
// learning", ICML 2013, in Caffe's form.
#include "checks.h"
#include "moka/registry.h"
#include "moka/update_rule.h"

namespace moka {
namespace {

class Nesterov final : public UpdateRule {
 public:
  explicit Nesterov(const SolverParameter& solver) : mu_(Momentum(solver)) {}
  int histories() const override { return 1; }
  void Update(const UpdatePiece& piece) const override {
    UpdateEach(piece, [mu = mu_](const UpdatePiece& p, int64_t i) {
      float& v = p.history[0][i];
      const float u = mu * v + p.rate * p.Gradient(i);
      p.w[i] -= (1 + mu) * u - mu * v;
      v = u;
    });
  }

 private:
  const float mu_;
};

}  // namespace

void RegisterNesterov(Registry& registry) { registry.AddUpdateRule<Nesterov>("Nesterov"); }

}  // namespace moka
