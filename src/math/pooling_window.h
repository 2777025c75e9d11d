// What the kinds of pooling share: where windows lie.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "moka/elementwise.h"
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

// Whether dx is larger than most caches, so that writing around them is better: memory is then not
// read before it is overwritten.
inline bool BeyondCache(const PoolingGeometry& g) {
  return g.planes * g.height * g.width >= int64_t{1} << 24;
}
// y[i] = x(i) around the caches.
template <typename F>
__attribute__((always_inline)) inline void StreamTo(int64_t n, float* y, F x) {
  int64_t i = 0;
#ifdef __SSE2__
  const auto one = [&] {
    _mm_stream_si32(reinterpret_cast<int*>(y + i), std::bit_cast<int>(x(i)[0]));
    ++i;
  };
  while (i < n && reinterpret_cast<uintptr_t>(y + i) % 16 != 0) one();
  for (; i + 4 <= n; i += 4) _mm_stream_ps(y + i, _mm_loadu_ps(x(i)));
  while (i < n) one();
#endif
  for (; i < n; ++i) y[i] = *x(i);
}
// What was streamed is there for other threads.
inline void EndStream() {
#ifdef __SSE2__
  _mm_sfence();
#endif
}

inline void Stream(const float* x, int64_t n, float* y) {
  StreamTo(n, y, [=](int64_t i) { return x + i; });
}
inline void StreamFill(float value, int64_t n, float* y) {
  const float values[4] = {value, value, value, value};
  StreamTo(n, y, [&](int64_t) { return values; });
}
// Planes for one thread at a time: some 16,000 pixels; small planes by the 16, as vectors may want
// them.
inline int64_t PlaneGrain(const PoolingGeometry& g) {
  const int64_t planes = 16384 / std::max<int64_t>(1, g.height * g.width);
  return planes < 16 ? std::max<int64_t>(1, planes) : planes / 16 * 16;
}

// The windows [first, last) along one axis that see a row or column of the plane.
struct SeenBy {
  int64_t first = 0, last = 0;

  SeenBy() = default;
  SeenBy(int64_t at, int64_t windows, int64_t stride, int64_t pad, int64_t kernel)
      : first(at + pad < kernel ? 0 : (at + pad - kernel) / stride + 1),
        last(std::min(windows, (at + pad) / stride + 1)) {}
  friend bool operator==(const SeenBy&, const SeenBy&) = default;

  // To row i, from one above it.
  void MoveTo(int64_t i, const PoolingGeometry& g) {
    while (last < g.out_height && last * g.stride_h <= i + g.pad_h) ++last;
    while (first * g.stride_h + g.kernel_h <= i + g.pad_h) ++first;
  }
};

// Windows that lie inside the plane along the width; along the height they may be clipped.
struct WindowRow {
  const float* x;  // the first window's first element that is in the plane
  int64_t stride;  // from one row of the plane to the next
  int64_t rows;    // of a window, in the plane
  int64_t place;   // of x within the window
  int64_t length;  // rows, counting those in the pad
  int64_t windows;
  int64_t kernel;  // their width

  WindowRow(const PoolingGeometry& g, const WindowRange& h, const InnerWindows& inner,
            const float* plane)
      : x(plane + h.begin * g.width + inner.first * g.stride_w - g.pad_w),
        stride(g.width),
        rows(h.end - h.begin),
        place((h.begin - h.start) * g.kernel_w),
        length(h.length),
        windows(inner.last - inner.first),
        kernel(g.kernel_w) {}
};

// Of some planes; `mask` may be null. The second one does planes of finite values, and leaves
// others to `any`.
using MaxOfAnyKernel = void(const PoolingGeometry& g, int64_t planes, const float* x, float* y,
                            uint8_t* mask);
using MaxOfPlanesKernel = void(const PoolingGeometry& g, int64_t planes, const float* x, float* y,
                               uint8_t* mask, MaxOfAnyKernel* any);
using MeansKernel = void(const PoolingGeometry& g, int64_t planes, const float* x, float* y);
using LargestOfKernel = int64_t(const float* x, int64_t count);
using FillKernel = void(float value, int64_t count, float* y);
using SumOfKernel = double(const float* x, int64_t count);
// Of some planes.
using MaskGradientKernel = void(const PoolingGeometry& g, int64_t planes, const uint8_t* mask,
                                const float* dy, float* dx);
using MeanGradientKernel = void(const PoolingGeometry& g, int64_t planes, const float* dy,
                                float* dx);

}  // namespace moka
