// SpatialDropout: y = x m / (1 - ratio), with one m for each channel of each item: 0 with
// probability ratio and else 1; when testing, y = x. Tompson, Goroshin, Jain, LeCun, Bregler, CVPR
// 2015.
#include <algorithm>
#include <cstdint>

#include "moka/elementwise.h"
#include "moka/math.h"
#include "moka/registry.h"
#include "spatial_dropout.pb.h"

namespace moka {
namespace {

class SpatialDropout final : public Layer {
 public:
  SpatialDropout(const LayerSpec& spec, const SpatialDropoutParameter& params)
      : Layer(spec), ratio_(params.dropout_ratio()), identity_(IsIdentity(spec, params)) {
    if (!(ratio_ >= 0 && ratio_ < 1)) {
      throw Error("dropout_ratio must be at least 0 and less than 1, but is ", ratio_)
          .At("spatial_dropout_param.dropout_ratio");
    }
  }

  static LayerTraits Traits(const LayerSpec& spec, const SpatialDropoutParameter& params) {
    LayerTraits traits;
    traits.BottomGradientReads(Reads::Nothing()).ParamGradientReads(Reads::Nothing());
    return IsIdentity(spec, params) ? traits.SameValues(0, 0) : traits.MayShare(0, 0);
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    const Shape& x = bottom[0];
    if (x.axes() < 2) {
      throw Error(
          "SpatialDropout needs a bottom of at least 2 axes (items, channels), but its shape is ",
          x);
    }
    rows_ = x.count(0, 2);
    length_ = x.count_from(2);
    plan.top(0) = x;
  }

  void Forward(ForwardPass& pass) override {
    if (identity_) return Copy(pass.context(), pass.bottom(0).values(), pass.top(0).values());
    Drop(pass, pass.bottom(0), pass.top(0));
  }
  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    if (identity_) {
      return Copy(pass.context(), pass.top_diff(0).values(), pass.bottom_diff(0).values());
    }
    Drop(pass, pass.top_diff(0), pass.bottom_diff(0));
  }

 private:
  static bool IsIdentity(const LayerSpec& spec, const SpatialDropoutParameter& params) {
    return !spec.training() || params.dropout_ratio() == 0;
  }

  // y = x m / (1 - ratio), and dx from dy in the same way; m of a row is drawn again in Backward. A
  // product, so that NaN passes even where m is 0.
  void Drop(Pass& pass, const Tensor& from, Tensor& to) const {
    const RandomStream random = pass.random();
    const auto threshold = static_cast<uint32_t>(ratio_ * 0x1p32);  // ratio < 1: fits
    const float scale = 1 / (1 - ratio_);
    const int64_t grain = std::max<int64_t>(1, kElementGrain / std::max<int64_t>(1, length_));
    pass.ParallelFor(rows_, grain,
                     [=, length = length_, x = from.data(), y = to.data()](int64_t r, int64_t end) {
                       for (; r < end; ++r) {
                         const bool kept = random.Bits(static_cast<uint64_t>(r)) >= threshold;
                         const float m = kept ? scale : 0;
                         Vectorised([=, i = r * length, stop = (r + 1) * length] {
#pragma GCC ivdep
                           for (int64_t k = i; k < stop; ++k) y[k] = x[k] * m;
                         });
                       }
                     });
  }

  const float ratio_;
  const bool identity_;
  int64_t rows_ = 0, length_ = 0;  // x (rows, length): one row for each item and channel
};

}  // namespace

void RegisterSpatialDropout(Registry& registry) {
  registry.Add<SpatialDropout>("SpatialDropout",
                               Field<SpatialDropoutParameter>{"spatial_dropout_param", 155});
}

}  // namespace moka
