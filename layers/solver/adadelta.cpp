// AdaDelta with mu = momentum: h = mu h + (1 - mu) g^2; d = g sqrt((x + delta) / (h + delta));
// x = mu x + (1 - mu) d^2; w = w - rate d.
// Zeiler, "ADADELTA: an adaptive learning rate method", 2012. The history is h, then x.
#include "checks.h"
#include "moka/registry.h"
#include "moka/update_rule.h"

namespace moka {
namespace {

class AdaDelta final : public UpdateRule {
 public:
  explicit AdaDelta(const SolverParameter& solver) : mu_(Momentum(solver)), delta_(Delta(solver)) {}
  int histories() const override { return 2; }
  void Update(const UpdatePiece& piece) const override {
    UpdateEach(piece, [mu = mu_, delta = delta_](const UpdatePiece& p, int64_t i) {
      const float g = p.Gradient(i);
      float& h = p.history[0][i];
      float& x = p.history[1][i];
      h = mu * h + (1 - mu) * (g * g);
      const float d = g * std::sqrt((x + delta) / (h + delta));
      x = mu * x + (1 - mu) * (d * d);
      p.w[i] -= p.rate * d;
    });
  }

 private:
  const float mu_, delta_;
};

}  // namespace

void RegisterAdaDelta(Registry& registry) { registry.AddUpdateRule<AdaDelta>("AdaDelta"); }

}  // namespace moka
