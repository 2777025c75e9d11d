// What ReLU and LeakyReLU share: y = x where x >= 0, and y = slope x elsewhere.
#pragma once

#include <cmath>
#include <string>

#include "moka/elementwise.h"
#include "moka/fusion.h"
#include "moka/layer.h"

namespace moka {

class Rectifier : public Layer, public ElementStep {
 public:
  // `field`: the parameter message that has the negative_slope, for errors.
  Rectifier(const LayerSpec& spec, float slope, const std::string& field)
      : Layer(spec), slope_(slope) {
    if (!std::isfinite(slope)) {
      throw Error("negative_slope must be finite, but is ", slope).At(field + ".negative_slope");
    }
  }

  // For slope >= 0, y is positive where x is. For slope < 0, y is so on both sides of 0.
  static LayerTraits SlopeTraits(float slope) {
    return slope >= 0 ? GradientFromTop() : GradientFromBottom();
  }

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  // The question is `x < 0`, not `x > 0`, so that NaN passes: hiding it would keep the solver from
  // stopping. Slope 0 multiplies nothing, since 0 * -infinity is NaN, where ReLU is plainly 0.
  void Forward(ForwardPass& pass) override {
    if (slope_ == 0) {
      ForwardEach(pass, [](float x) { return x < 0 ? 0.0f : x; });
    } else {
      ForwardEach(pass, [slope = slope_](float x) { return x < 0 ? slope * x : x; });
    }
  }

  // dx = dy where x > 0, and slope dy elsewhere; at the kink, 0, too, as in Caffe.
  void Backward(BackwardPass& pass) override {
    const auto g = [slope = slope_](float x_or_y, float dy) {
      return dy * (x_or_y > 0 ? 1.0f : slope);  // a product even for slope 0: NaN in dy passes
    };
    slope_ >= 0 ? BackwardFromTop(pass, g) : BackwardFromBottom(pass, g);
  }

  const void* Interface(const char* name, int version) const override {
    return IfAsked<ElementStep>(this, name, version);
  }
  Kind kind() const override { return kRectifier; }
  float slope() const override { return slope_; }

 private:
  const float slope_;
};

}  // namespace moka
