// y = the largest of each window, and where it was.
#include <cstring>
#include <limits>
#include <utility>

#include "math/pooling_window.h"

#define MOKA_KERNELS "math/pooling_max_lanes.h"
#include "math/for_each_processor.h"

namespace moka {
namespace {

struct Kernels {
  MaxOfRowKernel* row;
  LargestOfKernel* largest;
};

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

template <typename Index>
void MaxOfPlane(const PoolingGeometry& g, const InnerWindows& inner, const Kernels& kernels,
                const float* x, float* y, Index* mask) {
  for (int64_t r = 0; r < g.out_height; ++r, y += g.out_width, mask += mask ? g.out_width : 0) {
    const WindowRange h(r, g.stride_h, g.pad_h, g.kernel_h, g.height);
    ReadAhead(x + r * g.stride_h * g.width + kAhead, g.stride_h * g.width);
    int64_t done = inner.first;  // windows [inner.first, done) need no more
    if constexpr (sizeof(Index) == 1) {
      if (kernels.row)
        done += kernels.row({g, h, inner, x}, y + inner.first, mask ? mask + inner.first : nullptr);
    }
    for (int64_t q = 0; q < g.out_width; ++q) {
      if (q == inner.first) q = done;
      if (q == g.out_width) break;
      MaxOfWindow(g, kernels.largest, x, h,
                  WindowRange(q, g.stride_w, g.pad_w, g.kernel_w, g.width), y + q,
                  mask ? mask + q : nullptr);
    }
  }
}

template <typename Index>
void Forward(Context& context, const PoolingGeometry& g, const float* x, float* y, Index* mask) {
  const Kernels kernels{g.out_width < 4 ? nullptr : MOKA_BEST(MaxOfRowFor)(g),
                        MOKA_BEST(LargestOf)};
  const InnerWindows inner(g.out_width, g.stride_w, g.pad_w, g.kernel_w, g.width);
  const int64_t in = g.height * g.width, out = g.out_height * g.out_width;
  context.ParallelFor(g.planes, PlaneGrain(g), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p)
      MaxOfPlane(g, inner, kernels, x + p * in, y + p * out, mask ? mask + p * out : nullptr);
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
    for (int64_t p = begin; p < end; ++p) gradient(g, mask + p * out, dy + p * out, dx + p * in);
  });
}
void MaskPoolBackward(Context& context, const PoolingGeometry& g, const int32_t* mask,
                      const float* dy, float* dx) {
  Backward(context, g, mask, dy, dx);
}

}  // namespace moka
