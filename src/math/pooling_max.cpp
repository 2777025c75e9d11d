// y = the largest of each window, and where it was.
#include "math/clones.h"
#include "math/pooling_window.h"

namespace moka {
namespace {

// Whether v takes the place of the best so far: of equal ones the first stays, a NaN beats all.
__attribute__((always_inline)) inline bool Beats(float v, float best) {
  return (v > best) | (v != v);
}

template <int kernel, int stride, int n, bool with_mask, int at>
__attribute__((always_inline)) inline void MaxStep(const float* x, int64_t row,
                                                   typename Lanes<n>::Floats& best,
                                                   typename Lanes<n>::Ints& place) {
  if constexpr (at < kernel * kernel) {
    typename Lanes<n>::Floats v;
    LoadStrided<n, stride, at % kernel>(x + at / kernel * row, v);
    const auto beats = (v > best) | (v != v);
    best = beats ? v : best;
    if constexpr (with_mask) place = beats ? typename Lanes<n>::Ints{} + at : place;
    MaxStep<kernel, stride, n, with_mask, at + 1>(x, row, best, place);
  }
}

// n windows of kernel x kernel, side by side, wholly inside the plane.
template <int kernel, int stride, int n, bool with_mask>
__attribute__((always_inline)) inline void MaxOfWindows(const float* x, int64_t row, float* y,
                                                        uint8_t* mask) {
  typename Lanes<n>::Floats best;
  typename Lanes<n>::Ints place = {};
  LoadStrided<n, stride, 0>(x, best);
  MaxStep<kernel, stride, n, with_mask, 1>(x, row, best, place);
  std::memcpy(y, &best, sizeof best);
  if constexpr (with_mask) {
    const auto bytes = __builtin_convertvector(place, typename Lanes<n>::Bytes);
    std::memcpy(mask, &bytes, sizeof bytes);
  }
}

// The first windows of a row, as many as make whole vectors; returns how many.
template <int kernel, int stride, bool with_mask>
__attribute__((always_inline)) inline int64_t MaxOfRow(const float* x, int64_t row, int64_t windows,
                                                       float* y, uint8_t* mask) {
  int64_t q = 0;
  for (; q + 8 <= windows; q += 8)
    MaxOfWindows<kernel, stride, 8, with_mask>(x + q * stride, row, y + q,
                                               mask + (with_mask ? q : 0));
  for (; q + 4 <= windows; q += 4)
    MaxOfWindows<kernel, stride, 4, with_mask>(x + q * stride, row, y + q,
                                               mask + (with_mask ? q : 0));
  return q;
}

MOKA_CLONES int64_t MaxOfRow22(const float* x, int64_t row, int64_t windows, float* y,
                               uint8_t* mask) {
  return mask ? MaxOfRow<2, 2, true>(x, row, windows, y, mask)
              : MaxOfRow<2, 2, false>(x, row, windows, y, mask);
}
MOKA_CLONES int64_t MaxOfRow32(const float* x, int64_t row, int64_t windows, float* y,
                               uint8_t* mask) {
  return mask ? MaxOfRow<3, 2, true>(x, row, windows, y, mask)
              : MaxOfRow<3, 2, false>(x, row, windows, y, mask);
}
MOKA_CLONES int64_t MaxOfRow31(const float* x, int64_t row, int64_t windows, float* y,
                               uint8_t* mask) {
  return mask ? MaxOfRow<3, 1, true>(x, row, windows, y, mask)
              : MaxOfRow<3, 1, false>(x, row, windows, y, mask);
}

using FastRow = int64_t (*)(const float* x, int64_t row, int64_t windows, float* y, uint8_t* mask);
FastRow FastRowFor(const PoolingGeometry& g) {
  if (g.kernel_h != g.kernel_w) return nullptr;
  if (g.kernel_w == 2 && g.stride_w == 2) return MaxOfRow22;
  if (g.kernel_w == 3 && g.stride_w == 2) return MaxOfRow32;
  if (g.kernel_w == 3 && g.stride_w == 1) return MaxOfRow31;
  return nullptr;
}

template <typename Index>
void MaxOfWindow(const PoolingGeometry& g, const float* plane, const WindowRange& h,
                 const WindowRange& w, float* y, Index* mask) {
  float best = plane[h.begin * g.width + w.begin];
  int64_t best_i = h.begin, best_j = w.begin;
  for (int64_t i = h.begin; i < h.end; ++i) {
    for (int64_t j = w.begin; j < w.end; ++j) {
      const float v = plane[i * g.width + j];
      if (Beats(v, best)) best = v, best_i = i, best_j = j;
    }
  }
  *y = best;
  if (mask) *mask = static_cast<Index>((best_i - h.start) * g.kernel_w + best_j - w.start);
}

template <typename Index>
void MaxOfPlane(const PoolingGeometry& g, FastRow fast, const float* x, float* y, Index* mask) {
  const InnerWindows inner(g.out_width, g.stride_w, g.pad_w, g.kernel_w, g.width);
  for (int64_t r = 0; r < g.out_height; ++r, y += g.out_width, mask += mask ? g.out_width : 0) {
    const WindowRange h(r, g.stride_h, g.pad_h, g.kernel_h, g.height);
    int64_t done = inner.first;  // windows [inner.first, done) need no more
    if constexpr (sizeof(Index) == 1) {
      if (fast && h.end - h.begin == g.kernel_h) {
        done +=
            fast(x + h.start * g.width + inner.first * g.stride_w - g.pad_w, g.width,
                 inner.last - inner.first, y + inner.first, mask ? mask + inner.first : nullptr);
      }
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
