// Swish: y = x s(beta x), s(z) = 1 / (1 + exp(-z)); with beta 1 also called SiLU.
// Ramachandran, Zoph, Le, "Searching for activation functions", 2017.
#include <cmath>

#include "moka/elementwise.h"
#include "moka/functions.h"
#include "moka/registry.h"
#include "swish.pb.h"

namespace moka {
namespace {

class Swish final : public Layer {
 public:
  Swish(const LayerSpec& spec, const SwishParameter& params) : Layer(spec), beta_(params.beta()) {
    if (!std::isfinite(beta_)) {
      throw Error("beta must be finite, but is ", beta_).At("swish_param.beta");
    }
  }

  static LayerTraits Traits(const LayerSpec&, const SwishParameter&) {
    return GradientFromBottom();
  }

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  // In double where beta x is not exact as a float: the exponential would magnify its rounding.
  void Forward(ForwardPass& pass) override {
    beta_ == 1 ? Forward(pass, 1.0f) : Forward(pass, static_cast<double>(beta_));
  }

  // dy/dx = s (1 + z (1 - s)), z = beta x; beyond 100, s is 0 or 1 and so is the slope.
  void Backward(BackwardPass& pass) override {
    BackwardFromBottom(pass, [b = beta_](float x, float dy) {
      const float z = Clamp(b * x, -100.0f, 100.0f), s = Sigmoid(z);
      return dy * (s * (1 + z * (1 - s)));
    });
  }

 private:
  // Where s is 0, so is y, even for infinite x.
  template <typename T>
  static void Forward(ForwardPass& pass, T beta) {
    ForwardEach(pass, [beta](float x) {
      const float s = 1 / (1 + Exp(-beta * x));
      return s == 0 ? 0 : x * s;
    });
  }

  const float beta_;
};

}  // namespace

void RegisterSwish(Registry& registry) {
  registry.Add<Swish>("Swish", Field<SwishParameter>{"swish_param", 147});
}

}  // namespace moka
