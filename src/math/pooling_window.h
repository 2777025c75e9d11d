// What the kinds of pooling share: where windows lie, and vectors of windows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "moka/math.h"

namespace moka {

// A window's range along one axis, clipped to the plane; and its length, clipped to the plane and
// its pad.
struct WindowRange {
  int64_t start, begin, end, length;

  WindowRange(int64_t index, int64_t stride, int64_t pad, int64_t kernel, int64_t size)
      : start(index * stride - pad),
        begin(std::max<int64_t>(start, 0)),
        end(std::min(start + kernel, size)),
        length(std::min(start + kernel, size + pad) - start) {}
};

// The windows [first, last) along one axis that lie wholly inside the plane.
struct InnerWindows {
  int64_t first, last;

  InnerWindows(int64_t windows, int64_t stride, int64_t pad, int64_t kernel, int64_t size)
      : first(std::min(windows, (pad + stride - 1) / stride)),
        last(size + pad < kernel ? first
                                 : std::clamp((size + pad - kernel) / stride + 1, first, windows)) {
  }
};

// Planes for one thread at a time: some 16,000 pixels.
inline int64_t PlaneGrain(const PoolingGeometry& g) {
  return std::max<int64_t>(1, 16384 / std::max<int64_t>(1, g.height * g.width));
}

template <int n>
struct Lanes {
  typedef float Floats __attribute__((vector_size(n * 4)));
  typedef int32_t Ints __attribute__((vector_size(n * 4)));
  typedef uint8_t Bytes __attribute__((vector_size(n)));
};

// values = x[j], x[stride + j], ..., x[(n - 1) * stride + j]; reads nothing beyond the last of
// them.
template <int n, int stride, int j>
__attribute__((always_inline)) inline void LoadStrided(const float* x,
                                                       typename Lanes<n>::Floats& values) {
  static_assert((n == 4 || n == 8) && (stride == 1 || stride == 2));
  if constexpr (stride == 1) {
    std::memcpy(&values, x + j, sizeof values);
  } else {
    // The even elements of what begins at j, or the odd ones of what begins one earlier: those do
    // not read past the last.
    constexpr int odd = j > 0 ? 1 : 0;
    typename Lanes<n>::Floats low, high;
    std::memcpy(&low, x + j - odd, sizeof low);
    std::memcpy(&high, x + j - odd + n, sizeof high);
    if constexpr (n == 8) {
      values = __builtin_shufflevector(low, high, odd, odd + 2, odd + 4, odd + 6, odd + 8, odd + 10,
                                       odd + 12, odd + 14);
    } else {
      values = __builtin_shufflevector(low, high, odd, odd + 2, odd + 4, odd + 6);
    }
  }
}

}  // namespace moka
