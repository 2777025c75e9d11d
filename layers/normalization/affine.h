// A learned factor and bias behind a normalization, and the checks of its other parameters.
#pragma once

#include <string>

#include "moka/filler.h"
#include "moka/layer.h"
#include "moments.h"

namespace moka {

// The normalized tensor times `scale` plus `bias`: params 0 and 1 of the layer, if it is affine.
class Affine {
 public:
  // From the layer's own message, whose field in the file is `param`.
  template <typename Params>
  Affine(const Params& params, const std::string& param)
      : on_(params.affine()),
        scale_(params.scale_filler()),
        bias_(params.bias_filler()),
        param_(param) {
    CheckEps(params.eps(), param);
    if (!params.has_scale_filler()) scale_.set_value(1);
  }

  bool on() const { return on_; }
  const Shape& shape() const { return shape_; }

  void SetUp(const LayerSpec& spec, const Shape& shape, Setup& setup) {
    shape_ = shape;
    if (!on_) return;
    spec.MakeFiller(scale_, shape, param_ + ".scale_filler");
    setup.AddParam("scale", shape, scale_);
    spec.MakeFiller(bias_, shape, param_ + ".bias_filler");
    setup.AddParam("bias", shape, bias_);
  }
  void CheckShape(const Shape& shape) const {
    if (!on_ || shape == shape_) return;
    throw Error("the params are ", shape_, ", but the bottom wants ", shape);
  }

  const float* scale(const Pass& pass) const {
    return on_ ? pass.param(0).values().data() : nullptr;
  }
  const float* bias(const Pass& pass) const {
    return on_ ? pass.param(1).values().data() : nullptr;
  }
  bool wants_gradient(const BackwardPass& pass) const {
    return on_ && (pass.wants_param(0) || pass.wants_param(1));
  }
  // dscale[j] = or += of.second, dbias[j] likewise of.first.
  void AddGradient(BackwardPass& pass, int64_t j, const Sums& of) const {
    for (const int k : {0, 1}) {
      if (!pass.wants_param(k)) continue;
      float& dw = pass.param_diff(k).data()[j];
      const double add = k == 0 ? of.second : of.first;
      dw = static_cast<float>(pass.adds_param(k) ? dw + add : add);
    }
  }

 private:
  const bool on_;
  FillerParameter scale_, bias_;
  const std::string param_;
  Shape shape_;
};

}  // namespace moka
