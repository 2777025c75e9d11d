// What ReLU and LeakyReLU share: y = x where x >= 0, and y = slope x elsewhere.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "moka/elementwise.h"
#include "moka/fusion.h"
#include "moka/layer.h"

namespace moka {

class Rectifier : public Layer, public ElementStep, public StridedBackward {
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
    const auto g = [slope = slope_](float x_or_y, float dy) { return Gradient(slope, x_or_y, dy); };
    slope_ >= 0 ? BackwardFromTop(pass, g) : BackwardFromBottom(pass, g);
  }

  // The same, item by item, if y is what it needs.
  void BackwardStrided(BackwardPass& pass, int64_t stride, int64_t diff_stride) const override {
    const int64_t items = pass.top(0).shape().size_or_1(0);
    const int64_t size = items == 0 ? 0 : pass.top(0).count() / items;
    if (size == 0 || !pass.wants_bottom(0)) return;
    const int64_t parts = (size + kElementGrain - 1) / kElementGrain;
    pass.ParallelFor(items * parts, 1,
                     [=, slope = slope_, y = pass.top(0).data(), dy = pass.top_diff(0).data(),
                      dx = pass.bottom_diff(0).data()](int64_t begin, int64_t end) {
                       for (int64_t i = begin; i < end; ++i) {
                         const int64_t item = i / parts, first = i % parts * kElementGrain;
                         const int64_t n = std::min(kElementGrain, size - first);
                         BackwardRow(n, slope, y + item * stride + first,
                                     dy + item * diff_stride + first, dx + item * size + first);
                       }
                     });
  }

  const void* Interface(const char* name, int version) const override {
    const void* strided = slope_ >= 0 ? IfAsked<StridedBackward>(this, name, version) : nullptr;
    return strided != nullptr ? strided : IfAsked<ElementStep>(this, name, version);
  }
  Kind kind() const override { return kRectifier; }
  float slope() const override { return slope_; }

 private:
  // A product even for slope 0: NaN in dy passes.
  static float Gradient(float slope, float x_or_y, float dy) {
    return dy * (x_or_y > 0 ? 1.0f : slope);
  }
  static void BackwardRow(int64_t n, float slope, const float* y, const float* dy, float* dx) {
    Vectorised([=] {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) dx[i] = Gradient(slope, y[i], dy[i]);
    });
  }

  const float slope_;
};

}  // namespace moka
