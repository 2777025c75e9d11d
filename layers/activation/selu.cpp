// SELU: y = 1.0507 x where x > 0, and y = 1.0507 * 1.6733 (exp(x) - 1) elsewhere.
// Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing neural networks", NIPS 2017.
#include "moka/elementwise.h"
#include "moka/functions.h"
#include "moka/registry.h"

namespace moka {
namespace {

// Mean 0 and variance 1 of a layer's values are a fixed point, and a stable one, for these numbers.
constexpr float kScale = 1.0507009873554805f, kBend = 1.7580993408473766f;  // scale, scale alpha

class SELU final : public Layer {
 public:
  explicit SELU(const LayerSpec& spec) : Layer(spec) {}

  static LayerTraits Traits(const LayerSpec&) { return GradientFromTop(); }

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  void Forward(ForwardPass& pass) override {
    ForwardEach(pass, [](float x) { return x > 0 ? kScale * x : kBend * Expm1(x); });
  }

  // Where x <= 0, the slope scale alpha exp(x) is y + scale alpha.
  void Backward(BackwardPass& pass) override {
    BackwardFromTop(pass, [](float y, float dy) { return dy * (y > 0 ? kScale : y + kBend); });
  }
};

}  // namespace

void RegisterSELU(Registry& registry) { registry.Add<SELU>("SELU"); }

}  // namespace moka
