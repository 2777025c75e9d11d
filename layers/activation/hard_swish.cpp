// HardSwish: y = x min(max(x / 6 + 1/2, 0), 1): 0 up to -3, x from 3 on.
// Howard et al., "Searching for MobileNetV3", ICCV 2019.
#include "moka/elementwise.h"
#include "moka/functions.h"
#include "moka/registry.h"

namespace moka {
namespace {

class HardSwish final : public Layer {
 public:
  explicit HardSwish(const LayerSpec& spec) : Layer(spec) {}

  static LayerTraits Traits(const LayerSpec&) { return GradientFromBottom(); }

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  // A product with a clamped x, so that -infinity gives 0 and not -infinity times 0.
  void Forward(ForwardPass& pass) override {
    ForwardEach(
        pass, [](float x) { return (x < -3 ? -3 : x) * Clamp(x * (1.0f / 6) + 0.5f, 0.0f, 1.0f); });
  }

  // dy/dx = x / 3 + 1/2 between -3 and 3
  void Backward(BackwardPass& pass) override {
    BackwardFromBottom(pass, [](float x, float dy) {
      const float slope = x * (1.0f / 3) + 0.5f;
      return dy * (x < -3 ? 0.0f : (x > 3 ? 1.0f : slope));
    });
  }
};

}  // namespace

void RegisterHardSwish(Registry& registry) { registry.Add<HardSwish>("HardSwish"); }

}  // namespace moka
