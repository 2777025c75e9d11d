// AbsVal: y = |x|.
// Caffe: refuses to work in place, where it would lose the signs; here the net keeps x for that.
#include <cmath>

#include "moka/elementwise.h"
#include "moka/registry.h"

namespace moka {
namespace {

class AbsVal final : public Layer {
 public:
  explicit AbsVal(const LayerSpec& spec) : Layer(spec) {}

  static LayerTraits Traits(const LayerSpec&) { return GradientFromBottom(); }

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  void Forward(ForwardPass& pass) override {
    ForwardEach(pass, [](float x) { return std::abs(x); });
  }

  // dx = dy times the sign of x, which is 0 for 0.
  void Backward(BackwardPass& pass) override {
    BackwardFromBottom(
        pass, [](float x, float dy) { return dy * (x > 0 ? 1.0f : (x < 0 ? -1.0f : 0.0f)); });
  }
};

}  // namespace

void RegisterAbsVal(Registry& registry) { registry.Add<AbsVal>("AbsVal"); }

}  // namespace moka
