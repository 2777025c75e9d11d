// AdaGrad: h = h + g^2; w = w - rate g / (sqrt(h) + delta).
// Duchi, Hazan, Singer, "Adaptive subgradient methods for online learning and stochastic
// optimization", JMLR 12, 2011.
#include "checks.h"
#include "moka/registry.h"
#include "moka/update_rule.h"

namespace moka {
namespace {

class AdaGrad final : public UpdateRule {
 public:
  explicit AdaGrad(const SolverParameter& solver) : delta_(Delta(solver)) {
    RefuseMomentum(solver);
  }
  int histories() const override { return 1; }
  void Update(const UpdatePiece& piece) const override {
    UpdateEach(piece, [delta = delta_](const UpdatePiece& p, int64_t i) {
      const float g = p.Gradient(i);
      float& h = p.history[0][i];
      h += g * g;
      p.w[i] -= p.rate * g / (std::sqrt(h) + delta);
    });
  }

 private:
  const float delta_;
};

}  // namespace

void RegisterAdaGrad(Registry& registry) { registry.AddUpdateRule<AdaGrad>("AdaGrad"); }

}  // namespace moka
