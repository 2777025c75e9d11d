// RMSProp with rho = rms_decay: h = rho h + (1 - rho) g^2; w = w - rate g / (sqrt(h) + delta).
// Tieleman, Hinton, "Lecture 6.5 - rmsprop", Coursera: Neural networks for machine learning, 2012.
#include "checks.h"
#include "moka/registry.h"
#include "moka/update_rule.h"

namespace moka {
namespace {

class RmsProp final : public UpdateRule {
 public:
  explicit RmsProp(const SolverParameter& solver)
      : rho_(BelowOne("rms_decay", solver.rms_decay())), delta_(Delta(solver)) {
    RefuseMomentum(solver);
  }
  int histories() const override { return 1; }
  void Update(const UpdatePiece& piece) const override {
    UpdateEach(piece, [rho = rho_, delta = delta_](const UpdatePiece& p, int64_t i) {
      const float g = p.Gradient(i);
      float& h = p.history[0][i];
      h = rho * h + (1 - rho) * (g * g);
      p.w[i] -= p.rate * g / (std::sqrt(h) + delta);
    });
  }

 private:
  const float rho_, delta_;
};

}  // namespace

void RegisterRmsProp(Registry& registry) { registry.AddUpdateRule<RmsProp>("RMSProp"); }

}  // namespace moka
