// Normalization: y = (x - mean) / deviation, over sets of numbers, and its gradient.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "channels.h"
#include "moka/error.h"

namespace moka {

// What makes a set of numbers normal: (x - mean) * inverse. `inverse` is 1 / deviation.
struct Normal {
  double mean = 0, inverse = 0;
};

struct Moments {
  double mean, variance;
};

// Mean and variance of m numbers from the sums of x - shift and of its square. A shift among the
// numbers, as the first of them, keeps the difference of squares exact where the mean is large.
inline Moments MomentsOf(const Sums& sums, float shift, int64_t m) {
  const double count = static_cast<double>(m);
  const double mean = sums.first / count, variance = sums.second / count - mean * mean;
  return {shift + mean, variance < 0 ? 0 : variance};  // below 0 by rounding; NaN stays
}
// A term of these sums.
inline Sums Deviation(float x, float shift) {
  const double d = static_cast<double>(x) - shift;
  return {d, d * d};
}

// y = (x - mean) inverse scale + bias. What mean loses as a float stands in the offset.
struct Line {
  float center, slope, offset;

  Line(const Normal& n, double scale, double bias)
      : center(static_cast<float>(n.mean)),
        slope(static_cast<float>(n.inverse * scale)),
        offset(static_cast<float>(bias - (n.mean - center) * n.inverse * scale)) {}
  float operator()(float x) const { return (x - center) * slope + offset; }
};

// dx of y = (x - mean) inverse, where mean and variance come from the m numbers x themselves:
// dx = inverse (g - mean(g) - xn mean(g xn)), with g the gradient of y and xn the normal x.
// `sums`: of g, and of g (x - mean).
struct NormalGradient {
  float mean, slope, center, back;

  NormalGradient(const Normal& n, const Sums& sums, int64_t m)
      : mean(static_cast<float>(sums.first / static_cast<double>(m))),
        slope(static_cast<float>(n.inverse)),
        center(static_cast<float>(n.mean)),
        back(static_cast<float>(-n.inverse * n.inverse * n.inverse * sums.second /
                                static_cast<double>(m))) {}
  float operator()(float x, float g) const { return (g - mean) * slope + (x - center) * back; }
};

// Throws unless eps may be added to a variance.
inline void CheckEps(float eps, const std::string& param) {
  if (std::isfinite(eps) && eps >= 0) return;
  throw Error("eps must be finite and at least 0, but is ", eps).At(param + ".eps");
}

}  // namespace moka
