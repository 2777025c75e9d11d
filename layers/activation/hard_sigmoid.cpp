// HardSigmoid: y = min(max(alpha x + beta, 0), 1), a sigmoid of three straight pieces.
#include <cmath>

#include "hard_sigmoid.pb.h"
#include "moka/elementwise.h"
#include "moka/functions.h"
#include "moka/registry.h"

namespace moka {
namespace {

class HardSigmoid final : public Layer {
 public:
  HardSigmoid(const LayerSpec& spec, const HardSigmoidParameter& params)
      : Layer(spec), alpha_(params.alpha()), beta_(params.beta()) {
    if (!std::isfinite(alpha_)) {
      throw Error("alpha must be finite, but is ", alpha_).At("hard_sigmoid_param.alpha");
    }
    if (!std::isfinite(beta_)) {
      throw Error("beta must be finite, but is ", beta_).At("hard_sigmoid_param.beta");
    }
  }

  static LayerTraits Traits(const LayerSpec&, const HardSigmoidParameter&) {
    return GradientFromTop();
  }

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  void Forward(ForwardPass& pass) override {
    ForwardEach(pass, [a = alpha_, b = beta_](float x) { return Clamp(a * x + b, 0.0f, 1.0f); });
  }

  // dx = alpha dy where 0 < y < 1, and 0 elsewhere.
  void Backward(BackwardPass& pass) override {
    BackwardFromTop(
        pass, [a = alpha_](float y, float dy) { return dy * (y > 0 ? (y < 1 ? a : 0.0f) : 0.0f); });
  }

 private:
  const float alpha_, beta_;
};

}  // namespace

void RegisterHardSigmoid(Registry& registry) {
  registry.Add<HardSigmoid>("HardSigmoid", Field<HardSigmoidParameter>{"hard_sigmoid_param", 5011});
}

}  // namespace moka
