// Losses of the difference of two bottoms: loss = scale/N sum f(a - b), with N the number of
// samples.
#pragma once

#include <algorithm>

#include "moka/layer.h"
#include "normaliser.h"

namespace moka {

// Function has: static double Value(double d), f(d) / kScale; static float Slope(float d), f'(d);
// static constexpr double kScale.
template <typename Function>
class DifferenceLoss : public Layer {
 public:
  explicit DifferenceLoss(const LayerSpec& spec) : Layer(spec) {}

  // Backward takes the difference anew: reading both bottoms costs less memory than keeping it.
  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits().Bottoms(2).Tops(1).Loss(0).BottomGradientReads(Reads::Bottoms());
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    const Shape &a = bottom[0], &b = bottom[1];
    if (a.count() != b.count() || a.size_or_1(0) != b.size_or_1(0)) {
      throw Error("bottom 0 is ", a, " (", a.count(), " values), bottom 1 is ", b, " (", b.count(),
                  " values): both must have as many samples and as many values");
    }
    samples_ = std::max<int64_t>(1, a.size_or_1(0));
    plan.top(0) = Shape();
    parts_ = plan.Scratch<LossSum>(Pieces(a.count(), kGrain));
  }

  void Forward(ForwardPass& pass) override {
    const float* a = pass.bottom(0).data();
    const float* b = pass.bottom(1).data();
    const LossSum sum = SumPieces(
        pass, pass.bottom(0).count(), kGrain, pass.Get(parts_), [&](int64_t begin, int64_t end) {
          LossSum part;
          for (int64_t i = begin; i < end; ++i) {
            part.loss += Function::Value(static_cast<double>(a[i]) - b[i]);
          }
          return part;
        });
    pass.top(0).data()[0] =
        static_cast<float>(sum.loss * Function::kScale / static_cast<double>(samples_));
  }

  // da = dy/N f'(a - b), db = -da
  void Backward(BackwardPass& pass) override {
    const float* a = pass.bottom(0).data();
    const float* b = pass.bottom(1).data();
    const float scale = pass.top_diff(0).data()[0] / static_cast<float>(samples_);
    for (int k = 0; k < 2; ++k) {
      if (!pass.wants_bottom(k)) continue;
      float* d = pass.bottom_diff(k).data();
      const float signed_scale = k == 0 ? scale : -scale;
      pass.ParallelFor(pass.bottom(k).count(), kGrain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) d[i] = signed_scale * Function::Slope(a[i] - b[i]);
      });
    }
  }

 private:
  static constexpr int64_t kGrain = 16384;

  int64_t samples_ = 1;
  Buffer<LossSum> parts_;
};

}  // namespace moka
