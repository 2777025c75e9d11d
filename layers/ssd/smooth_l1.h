// f(d) = (sigma d)^2 / 2 where |d| < 1 / sigma^2, |d| - 1 / (2 sigma^2) elsewhere.
#pragma once

#include <cmath>

namespace moka::ssd {

struct SmoothL1 {
  double sigma2 = 1;

  double Value(double d) const {
    const double a = std::abs(d);
    return a < 1 / sigma2 ? 0.5 * sigma2 * d * d : a - 0.5 / sigma2;
  }
  // f'(d); NaN stays NaN.
  double Slope(double d) const {
    if (std::abs(d) < 1 / sigma2) return sigma2 * d;
    return d > 0 ? 1 : d < 0 ? -1 : d;
  }
};

}  // namespace moka::ssd
