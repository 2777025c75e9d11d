// ELU: y = x where x > 0, and y = alpha (exp(x) - 1) elsewhere.
// Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by ELUs", ICLR 2016.
#include <cmath>

#include "elu.pb.h"
#include "moka/elementwise.h"
#include "moka/functions.h"
#include "moka/registry.h"

namespace moka {
namespace {

class ELU final : public Layer {
 public:
  ELU(const LayerSpec& spec, const ELUParameter& params) : Layer(spec), alpha_(params.alpha()) {
    if (!std::isfinite(alpha_)) {
      throw Error("alpha must be finite, but is ", alpha_).At("elu_param.alpha");
    }
  }

  // For alpha >= 0, y is positive where x is, and alpha exp(x) is y + alpha: y is enough. A
  // negative alpha makes y positive on both sides of 0.
  static LayerTraits Traits(const LayerSpec&, const ELUParameter& params) {
    return params.alpha() >= 0 ? GradientFromTop() : GradientFromBottom();
  }

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  void Forward(ForwardPass& pass) override {
    ForwardEach(pass, [a = alpha_](float x) { return x > 0 ? x : a * Expm1(x); });
  }

  void Backward(BackwardPass& pass) override {
    const float a = alpha_;
    if (a >= 0) {
      BackwardFromTop(pass, [a](float y, float dy) { return dy * (y > 0 ? 1 : y + a); });
    } else {
      BackwardFromBottom(pass, [a](float x, float dy) { return dy * (x > 0 ? 1 : a * Exp(x)); });
    }
  }

 private:
  const float alpha_;
};

}  // namespace

void RegisterELU(Registry& registry) {
  registry.Add<ELU>("ELU", Field<ELUParameter>{"elu_param", 140});
}

}  // namespace moka
