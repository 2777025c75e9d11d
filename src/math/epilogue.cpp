// y = r(scale p + shift + add), p the product.
#include "math/epilogue.h"

#include <algorithm>

#include "math/clones.h"

namespace moka {
namespace {

// y = a y + b + add
MOKA_CLONES void Line(int64_t n, float a, float b, const float* add, float* y) {
  if (add == nullptr) {
    for (int64_t i = 0; i < n; ++i) y[i] = a * y[i] + b;
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) y[i] = a * y[i] + b + add[i];
  }
}

MOKA_CLONES void Add(int64_t n, const float* add, float* y) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] += add[i];
}

// Slope 0 multiplies nothing, as 0 * -infinity is NaN.
MOKA_CLONES void Rectify(int64_t n, float slope, float* y) {
  if (slope == 0) {
    for (int64_t i = 0; i < n; ++i) y[i] = y[i] < 0 ? 0.0F : y[i];
  } else {
    for (int64_t i = 0; i < n; ++i) y[i] = y[i] < 0 ? slope * y[i] : y[i];
  }
}

constexpr int64_t kStrip = 4096;  // stays in the nearest cache from one loop to the next

}  // namespace

float EpilogueTile::Begin() const {
  const float* shift = EarlyShift(e_);
  if (shift == nullptr) return 0;
  for (int64_t i = 0; i < outputs_; ++i) std::fill_n(y_ + i * plane_, pixels_, shift[first_ + i]);
  return 1;
}

void EpilogueTile::End() const {
  if (e_.scale == nullptr && e_.add == nullptr && e_.slope == 1) return;
  for (int64_t i = 0; i < outputs_; ++i) {
    for (int64_t from = 0; from < pixels_; from += kStrip) {
      const int64_t n = std::min(kStrip, pixels_ - from);
      float* y = y_ + i * plane_ + from;
      const float* add = e_.add == nullptr ? nullptr : e_.add + dense_at_ + i * plane_ + from;
      if (e_.scale != nullptr) {
        Line(n, e_.scale[first_ + i], e_.shift == nullptr ? 0 : e_.shift[first_ + i], add, y);
      } else if (add != nullptr) {
        Add(n, add, y);
      }
      if (e_.slope != 1) Rectify(n, e_.slope, y);
    }
  }
}

}  // namespace moka
