// ReLU6: y = min(max(x, 0), 6).
// Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision", 2017.
#include "moka/elementwise.h"
#include "moka/functions.h"
#include "moka/registry.h"

namespace moka {
namespace {

class ReLU6 final : public Layer {
 public:
  explicit ReLU6(const LayerSpec& spec) : Layer(spec) {}

  static LayerTraits Traits(const LayerSpec&) { return GradientFromTop(); }

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  void Forward(ForwardPass& pass) override {
    ForwardEach(pass, [](float x) { return Clamp(x, 0.0f, 6.0f); });
  }

  // dx = dy where 0 < x < 6, and 0 elsewhere.
  void Backward(BackwardPass& pass) override {
    BackwardFromTop(pass,
                    [](float y, float dy) { return dy * (y > 0 ? (y < 6 ? 1.0f : 0.0f) : 0.0f); });
  }
};

}  // namespace

void RegisterReLU6(Registry& registry) { registry.Add<ReLU6>("ReLU6"); }

}  // namespace moka
