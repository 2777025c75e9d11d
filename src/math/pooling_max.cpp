// y = the largest of each window, and where it was.
#include "math/clones.h"
#include "math/pooling_window.h"

namespace moka {
namespace {

// Whether v takes the place of the best so far: of equal ones the first stays, a NaN beats all.
__attribute__((always_inline)) inline bool Beats(float v, float best) {
  return (v > best) | (v != v);
}

// Rows of windows that lie inside the plane along the width; along the height they may be clipped.
struct WindowRow {
  const float* x;  // the first window's first element that is in the plane
  int64_t stride;  // from one row of the plane to the next
  int64_t rows;    // of a window, in the plane
  int64_t place;   // of x within the window
  int64_t windows;
};

// n windows, side by side.
template <int kernel, int stride, int n, bool with_mask>
__attribute__((always_inline)) inline void MaxOfWindows(const WindowRow& row, int64_t q, float* y,
                                                        uint8_t* mask) {
  using Ints = typename Lanes<n>::Ints;
  typename Lanes<n>::Floats best, v;
  const float* x = row.x + q * stride;
  LoadStrided<n, stride, 0>(x, best);
  int32_t at = static_cast<int32_t>(row.place);
  Ints place = Ints{} + at;
  const auto step = [&](int j) __attribute__((always_inline)) {
    const auto beats = (v > best) | (v != v);
    best = beats ? v : best;
    if constexpr (with_mask) place = beats ? Ints{} + (at + j) : place;
  };
  for (int64_t i = 0; i < row.rows; ++i, x += row.stride, at += kernel) {
    LoadStrided<n, stride, 0>(x, v), step(0);
    if constexpr (kernel > 1) LoadStrided<n, stride, 1>(x, v), step(1);
    if constexpr (kernel > 2) LoadStrided<n, stride, 2>(x, v), step(2);
  }
  std::memcpy(y + q, &best, sizeof best);
  if constexpr (with_mask) {
    const auto bytes = __builtin_convertvector(place, typename Lanes<n>::Bytes);
    std::memcpy(mask + q, &bytes, sizeof bytes);
  }
}

// All windows of a row if there are at least 4 (the last vectors may overlap), otherwise none.
// Returns how many.
template <int kernel, int stride, bool with_mask>
__attribute__((always_inline)) inline int64_t MaxOfRow(const WindowRow& row, float* y,
                                                       uint8_t* mask) {
  const int64_t n = row.windows;
  if (n < 4) return 0;
  if (n < 8) {
    MaxOfWindows<kernel, stride, 4, with_mask>(row, 0, y, mask);
    if (n > 4) MaxOfWindows<kernel, stride, 4, with_mask>(row, n - 4, y, mask);
    return n;
  }
  for (int64_t q = 0; q < n - 8; q += 8)
    MaxOfWindows<kernel, stride, 8, with_mask>(row, q, y, mask);
  MaxOfWindows<kernel, stride, 8, with_mask>(row, n - 8, y, mask);
  return n;
}

MOKA_CLONES int64_t MaxOfRow22(const WindowRow& row, float* y, uint8_t* mask) {
  return mask ? MaxOfRow<2, 2, true>(row, y, mask) : MaxOfRow<2, 2, false>(row, y, mask);
}
MOKA_CLONES int64_t MaxOfRow32(const WindowRow& row, float* y, uint8_t* mask) {
  return mask ? MaxOfRow<3, 2, true>(row, y, mask) : MaxOfRow<3, 2, false>(row, y, mask);
}
MOKA_CLONES int64_t MaxOfRow31(const WindowRow& row, float* y, uint8_t* mask) {
  return mask ? MaxOfRow<3, 1, true>(row, y, mask) : MaxOfRow<3, 1, false>(row, y, mask);
}

using FastRow = int64_t (*)(const WindowRow& row, float* y, uint8_t* mask);
FastRow FastRowFor(const PoolingGeometry& g) {
  if (g.kernel_w == 2 && g.stride_w == 2) return MaxOfRow22;
  if (g.kernel_w == 3 && g.stride_w == 2) return MaxOfRow32;
  if (g.kernel_w == 3 && g.stride_w == 1) return MaxOfRow31;
  return nullptr;
}

template <typename Index>
void MaxOfWindow(const PoolingGeometry& g, const float* plane, const WindowRange& h,
                 const WindowRange& w, float* y, Index* mask) {
  float best = plane[h.begin * g.width + w.begin];
  int64_t best_at = 0;  // (i - h.begin) * kernel_w + j - w.begin
  for (int64_t i = h.begin; i < h.end; ++i) {
    const float* row = plane + i * g.width + w.begin;
    const int64_t at = (i - h.begin) * g.kernel_w;
    for (int64_t j = 0; j < w.end - w.begin; ++j) {
      const bool beats = Beats(row[j], best);
      best = beats ? row[j] : best;
      best_at = beats ? at + j : best_at;
    }
  }
  *y = best;
  if (mask)
    *mask = static_cast<Index>((h.begin - h.start) * g.kernel_w + w.begin - w.start + best_at);
}

template <typename Index>
void MaxOfPlane(const PoolingGeometry& g, FastRow fast, const float* x, float* y, Index* mask) {
  const InnerWindows inner(g.out_width, g.stride_w, g.pad_w, g.kernel_w, g.width);
  for (int64_t r = 0; r < g.out_height; ++r, y += g.out_width, mask += mask ? g.out_width : 0) {
    const WindowRange h(r, g.stride_h, g.pad_h, g.kernel_h, g.height);
    int64_t done = inner.first;  // windows [inner.first, done) need no more
    if constexpr (sizeof(Index) == 1) {
      const WindowRow row{x + h.begin * g.width + inner.first * g.stride_w - g.pad_w, g.width,
                          h.end - h.begin, (h.begin - h.start) * g.kernel_w,
                          inner.last - inner.first};
      if (fast) done += fast(row, y + inner.first, mask ? mask + inner.first : nullptr);
    }
    for (int64_t q = 0; q < g.out_width; ++q) {
      if (q == inner.first) q = done;
      if (q == g.out_width) break;
      MaxOfWindow(g, x, h, WindowRange(q, g.stride_w, g.pad_w, g.kernel_w, g.width), y + q,
                  mask ? mask + q : nullptr);
    }
  }
}

template <typename Index>
void Forward(Context& context, const PoolingGeometry& g, const float* x, float* y, Index* mask) {
  const FastRow fast = FastRowFor(g);
  const int64_t in = g.height * g.width, out = g.out_height * g.out_width;
  context.ParallelFor(g.planes, PlaneGrain(g), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p)
      MaxOfPlane(g, fast, x + p * in, y + p * out, mask ? mask + p * out : nullptr);
  });
}

template <typename Index>
void Backward(Context& context, const PoolingGeometry& g, const Index* mask, const float* dy,
              float* dx) {
  const int64_t in = g.height * g.width, out = g.out_height * g.out_width;
  // Bytes: where each place of a window lies in memory, from the window's first element.
  int64_t offsets[256] = {};
  for (int64_t place = 0; sizeof(Index) == 1 && place < g.kernel_h * g.kernel_w; ++place) {
    offsets[place] = place / g.kernel_w * g.width + place % g.kernel_w;
  }
  context.ParallelFor(g.planes, PlaneGrain(g), [&](int64_t begin, int64_t end) {
    std::fill(dx + begin * in, dx + end * in, 0.0f);
    for (int64_t p = begin; p < end; ++p) {
      int64_t at = p * out;
      for (int64_t r = 0; r < g.out_height; ++r) {
        const int64_t first = p * in + (r * g.stride_h - g.pad_h) * g.width - g.pad_w;
        for (int64_t q = 0; q < g.out_width; ++q, ++at) {
          const int64_t place = mask[at];
          const int64_t offset = sizeof(Index) == 1
                                     ? offsets[place]
                                     : place / g.kernel_w * g.width + place % g.kernel_w;
          dx[first + q * g.stride_w + offset] += dy[at];
        }
      }
    }
  });
}

}  // namespace

void MaxPoolForward(Context& context, const PoolingGeometry& g, const float* x, float* y,
                    uint8_t* mask) {
  Forward(context, g, x, y, mask);
}
void MaxPoolForward(Context& context, const PoolingGeometry& g, const float* x, float* y,
                    int32_t* mask) {
  Forward(context, g, x, y, mask);
}
void MaskPoolBackward(Context& context, const PoolingGeometry& g, const uint8_t* mask,
                      const float* dy, float* dx) {
  Backward(context, g, mask, dy, dx);
}
void MaskPoolBackward(Context& context, const PoolingGeometry& g, const int32_t* mask,
                      const float* dy, float* dx) {
  Backward(context, g, mask, dy, dx);
}

}  // namespace moka
