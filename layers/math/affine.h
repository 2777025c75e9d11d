// What Exp, Log and Power share: they begin with u = shift + scale x, and their parameters are
// finite numbers.
#pragma once

#include <cmath>
#include <string>

#include "moka/error.h"

namespace moka {

// In double: where the two terms nearly cancel, the rounding of scale x would be most of u.
struct Affine {
  double scale, shift;
  bool is_identity() const { return scale == 1 && shift == 0; }
  double operator()(float x) const { return scale * static_cast<double>(x) + shift; }
};

// `value`, checked. `field`: where it stands, "exp_param.scale".
inline float Finite(float value, const std::string& field) {
  if (!std::isfinite(value)) {
    throw Error(field.substr(field.find('.') + 1), " must be finite, but is ", value).At(field);
  }
  return value;
}

// log(base), with Caffe's -1 for e.
inline double LogOfBase(float base, const std::string& field) {
  if (base == -1) return 1;
  if (!(base > 0) || !std::isfinite(base)) {
    throw Error("base must be positive and finite, or -1 for e, but is ", base).At(field);
  }
  return std::log(static_cast<double>(base));
}

}  // namespace moka
