// Softmax of one row: y = exp(x) / sum exp(x).
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace moka {

// n values, `stride` apart. y may be x. The largest is taken off first, so that exp cannot
// overflow; a NaN or +inf anywhere makes all of y NaN.
inline void SoftmaxRow(const float* x, float* y, int64_t n, int64_t stride) {
  float max = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < n; ++i) max = x[i * stride] > max ? x[i * stride] : max;
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const float e = std::exp(x[i * stride] - max);
    y[i * stride] = e;
    sum += e;
  }
  for (int64_t i = 0; i < n; ++i) y[i * stride] = static_cast<float>(y[i * stride] / sum);
}

// <a, b>
inline double DotRow(const float* a, const float* b, int64_t n, int64_t stride) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(a[i * stride]) * b[i * stride];
  return sum;
}

}  // namespace moka
