// y = the largest of each window, and where it was.
#include <cstring>
#include <limits>
#include <utility>

#include "math/pooling_window.h"

#define MOKA_KERNELS "math/pooling_max_lanes.h"
#include "math/for_each_processor.h"

namespace moka {
namespace {

template <typename Index>
void MaxOfWindow(const PoolingGeometry& g, LargestOfKernel* largest, const float* plane,
                 const WindowRange& h, const WindowRange& w, float* y, Index* mask) {
  // Rows that touch are one.
  const bool whole = g.kernel_w == g.width && w.begin == 0 && w.end == g.width;
  const int64_t rows = whole ? 1 : h.end - h.begin;
  const int64_t columns = whole ? (h.end - h.begin) * g.width : w.end - w.begin;
  const float* row = plane + h.begin * g.width + w.begin;
  float best = *row;
  int64_t best_at = 0;  // (i - h.begin) * kernel_w + j - w.begin
  for (int64_t i = 0; i < rows; ++i, row += g.width) {
    const int64_t only = columns >= 16 ? largest(row, columns) : -1;
    for (int64_t j = std::max<int64_t>(only, 0); j < columns; ++j) {
      const bool beats = (row[j] > best) | (row[j] != row[j]);
      best = beats ? row[j] : best;
      best_at = beats ? i * g.kernel_w + j : best_at;
      if (j == only) break;
    }
  }
  *y = best;
  if (mask)
    *mask = static_cast<Index>((h.begin - h.start) * g.kernel_w + w.begin - w.start + best_at);
}

// Of any windows and values.
template <typename Index>
void MaxOfAny(const PoolingGeometry& g, int64_t planes, const float* x, float* y, Index* mask) {
  LargestOfKernel* const largest = MOKA_BEST(LargestOf);
  for (int64_t p = 0; p < planes; ++p, x += g.height * g.width) {
    for (int64_t r = 0; r < g.out_height; ++r) {
      const WindowRange h(r, g.stride_h, g.pad_h, g.kernel_h, g.height);
      ReadAhead(x + r * g.stride_h * g.width + kAhead, g.stride_h * g.width);
      for (int64_t q = 0; q < g.out_width; ++q, ++y, mask += mask ? 1 : 0)
        MaxOfWindow(g, largest, x, h, WindowRange(q, g.stride_w, g.pad_w, g.kernel_w, g.width), y,
                    mask);
    }
  }
}

template <typename Index>
void Forward(Context& context, const PoolingGeometry& g, const float* x, float* y, Index* mask) {
  const int64_t in = g.height * g.width, out = g.out_height * g.out_width;
  MaxOfPlanesKernel* const fast = sizeof(Index) == 1 ? MOKA_BEST(MaxOfPlanesFor)(g) : nullptr;
  context.ParallelFor(g.planes, PlaneGrain(g), [&](int64_t begin, int64_t end) {
    const float* from = x + begin * in;
    float* to = y + begin * out;
    Index* places = mask ? mask + begin * out : nullptr;
    if constexpr (sizeof(Index) == 1) {
      if (fast) return fast(g, end - begin, from, to, places, MaxOfAny<Index>);
    }
    MaxOfAny(g, end - begin, from, to, places);
  });
}

// Each window gives to where its largest was. offsets, for places in bytes: where each place of a
// window lies in memory, from the window's first element.
template <typename Index>
void SpreadPlane(const PoolingGeometry& g, const int64_t* offsets, const Index* mask,
                 const float* dy, float* dx) {
  for (int64_t r = 0; r < g.out_height; ++r) {
    const int64_t first = (r * g.stride_h - g.pad_h) * g.width - g.pad_w;
    for (int64_t q = 0; q < g.out_width; ++q) {
      const int64_t place = *mask++;
      const int64_t offset =
          sizeof(Index) == 1 ? offsets[place] : place / g.kernel_w * g.width + place % g.kernel_w;
      dx[first + q * g.stride_w + offset] += *dy++;
    }
  }
}

template <typename Index>
void Backward(Context& context, const PoolingGeometry& g, const Index* mask, const float* dy,
              float* dx) {
  const int64_t in = g.height * g.width, out = g.out_height * g.out_width;
  int64_t offsets[256] = {};
  for (int64_t place = 0; sizeof(Index) == 1 && place < g.kernel_h * g.kernel_w; ++place) {
    offsets[place] = place / g.kernel_w * g.width + place % g.kernel_w;
  }
  context.ParallelFor(g.planes, PlaneGrain(g), [&](int64_t begin, int64_t end) {
    // Past the cache, if hardly any of it is touched again.
    if (BeyondCache(g) && in / 1024 >= out) {
      StreamFill(0, (end - begin) * in, dx + begin * in);
      EndStream();
    } else {
      std::fill(dx + begin * in, dx + end * in, 0.0f);
    }
    for (int64_t p = begin; p < end; ++p)
      SpreadPlane(g, offsets, mask + p * out, dy + p * out, dx + p * in);
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
  MaskGradientKernel* const gradient = MOKA_BEST(MaskGradientFor)(g);
  if (!gradient) return Backward(context, g, mask, dy, dx);
  const int64_t in = g.height * g.width, out = g.out_height * g.out_width;
  context.ParallelFor(g.planes, PlaneGrain(g), [&](int64_t begin, int64_t end) {
    gradient(g, end - begin, mask + begin * out, dy + begin * out, dx + begin * in);
    if (BeyondCache(g)) EndStream();
  });
}
void MaskPoolBackward(Context& context, const PoolingGeometry& g, const int32_t* mask,
                      const float* dy, float* dx) {
  Backward(context, g, mask, dy, dx);
}

}  // namespace moka
