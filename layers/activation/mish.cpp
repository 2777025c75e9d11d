// Mish: y = x tanh(log(1 + exp(x))). Misra, "Mish: a self regularized activation function", 2019.
#include "moka/elementwise.h"
#include "moka/functions.h"
#include "moka/registry.h"

namespace moka {
namespace {

class Mish final : public Layer {
 public:
  explicit Mish(const LayerSpec& spec) : Layer(spec) {}

  static LayerTraits Traits(const LayerSpec&) { return GradientFromBottom(); }

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  // With w = exp(x) and n = w (w + 2), tanh(log(1 + w)) = n / (n + 2): from x = 20 on that is 1.
  // Where w underflows, y is 0 for -infinity too.
  void Forward(ForwardPass& pass) override {
    ForwardEach(pass, [](float x) {
      const float w = Exp(x < 20 ? x : 20), n = w * (w + 2);
      return (x < -110 ? -110 : x) * (n / (n + 2));
    });
  }

  // dy/dx = n / (n + 2) + 4 x w (w + 1) / (n + 2)^2
  void Backward(BackwardPass& pass) override {
    BackwardFromBottom(pass, [](float x_any, float dy) {
      const float x = Clamp(x_any, -110.0f, 20.0f);
      const float w = Exp(x), n = w * (w + 2), r = 1 / (n + 2);
      return dy * (n * r + 4 * x * w * (w + 1) * r * r);
    });
  }
};

}  // namespace

void RegisterMish(Registry& registry) { registry.Add<Mish>("Mish"); }

}  // namespace moka
