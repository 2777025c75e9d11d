// TanH: y = tanh(x), between -1 and 1; its slope 1 - y^2 is at most 1.
#include "moka/elementwise.h"
#include "moka/functions.h"
#include "moka/registry.h"
#include "tanh.pb.h"

namespace moka {
namespace {

class TanH final : public Layer {
 public:
  TanH(const LayerSpec& spec, const TanHParameter&) : Layer(spec) {}

  static LayerTraits Traits(const LayerSpec&, const TanHParameter&) { return GradientFromTop(); }

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  void Forward(ForwardPass& pass) override {
    ForwardEach(pass, [](float x) { return Tanh(x); });
  }

  // 1 - y^2 as (1 - y) (1 + y), which loses no digits where y is near 1 or -1.
  void Backward(BackwardPass& pass) override {
    BackwardFromTop(pass, [](float y, float dy) { return dy * ((1 - y) * (1 + y)); });
  }
};

}  // namespace

void RegisterTanH(Registry& registry) {
  registry.Add<TanH>("TanH", Field<TanHParameter>{"tanh_param", 127});
}

}  // namespace moka
