// Kernels of max pooling; see math/for_each_processor.h.
#include "math/pooling_lanes.h"

// n windows, side by side. Of equal values the first stays, a NaN beats all.
template <int n, int kernel, int stride, bool with_mask>
__attribute__((always_inline)) inline void MaxOfWindows(const WindowRow& row, int64_t q, float* y,
                                                        uint8_t* mask) {
  typename Lanes<n>::Floats best;
  typename Lanes<n>::Ints place = {}, at;
  const float* x = row.x + q * stride;
  const int64_t width = kernel > 0 ? kernel : row.kernel;
  LoadPhase<n, stride, 0>(x, best, std::make_integer_sequence<int, n>());
  place += static_cast<int32_t>(row.place);
  at = place;
  for (int64_t i = 0; i < row.rows; ++i, x += row.stride) {
    ForEachColumn<n, stride>(
        x, width, [&](const auto& v) __attribute__((always_inline)) {
          const auto greater = v > best;
          const auto nan = v != v;
          place = greater ? at : place;
          place = nan ? at : place;
          best = greater ? v : best;
          best = nan ? v : best;
          at += 1;
        });
  }
  std::memcpy(y + q, &best, sizeof best);
  if constexpr (with_mask) {
    const auto bytes = __builtin_convertvector(place, typename Lanes<n>::Bytes);
    std::memcpy(mask + q, &bytes, sizeof bytes);
  }
}

// All windows of a row if there are enough, otherwise none. Returns how many.
template <int kernel, int stride>
int64_t MaxOfRow(const WindowRow& row, float* y, uint8_t* mask) {
  if (mask) {
    return ForEachVector(Lanes<kLanes>(), row.windows, [&](auto lanes, int64_t q) {
      MaxOfWindows<decltype(lanes)::kCount, kernel, stride, true>(row, q, y, mask);
    });
  }
  return ForEachVector(Lanes<kLanes>(), row.windows, [&](auto lanes, int64_t q) {
    MaxOfWindows<decltype(lanes)::kCount, kernel, stride, false>(row, q, y, mask);
  });
}

MaxOfRowKernel* MaxOfRowFor(const PoolingGeometry& g) {
  return ForWindowWidth(
      g, []<int kernel, int stride>() -> MaxOfRowKernel* { return MaxOfRow<kernel, stride>; });
}

// Where the largest of `count` values is, n <= count < 2^31: the first of several. `count` if it is
// a NaN.
template <int n>
__attribute__((always_inline)) inline int64_t Largest(const float* x, int64_t count, Lanes<n>) {
  typename Lanes<n>::Floats best, v;
  typename Lanes<n>::Ints at, place = {};
  const auto infinity = typename Lanes<n>::Floats{} + std::numeric_limits<float>::infinity();
  best = -infinity;
  for (int64_t i = 0; i < count; i += n) {
    PrefetchAfter(x + i, n);
    std::memcpy(&v, x + (i < count - n ? i : count - n), sizeof v);
    v = v == v ? v : infinity;
    best = v > best ? v : best;
  }
  LargestToAll<n / 2>(best, Lanes<n>());
  for (int i = 0; i < n; ++i) at[i] = i;
  place += static_cast<int32_t>(count);
  for (int64_t i = 0; i < count; i += n) {
    const int64_t from = i < count - n ? i : count - n;
    std::memcpy(&v, x + from, sizeof v);
    const auto here = at + static_cast<int32_t>(from);
    const auto earlier = here < place ? here : place;
    place = v == best ? earlier : place;
  }
  place = -place;
  LargestToAll<n / 2>(place, Lanes<n>());
  return -place[0];
}

// Where the largest is: the first of several, the last NaN if there is one.
int64_t LargestOf(const float* x, int64_t count) {
  if (count >= kLanes && count <= std::numeric_limits<int32_t>::max()) {
    const int64_t at = Largest(x, count, Lanes<kLanes>());
    // Beside infinity there may be a NaN.
    if (at < count && x[at] < std::numeric_limits<float>::infinity()) return at;
  }
  int64_t at = 0;
  for (int64_t i = 1; i < count; ++i) at = (x[i] > x[at]) | (x[i] != x[i]) ? i : at;
  return at;
}

// The rows of windows that see one row of dx: a ring of the last ones.
struct SeenWindows {
  static constexpr int64_t kMost = 8;
  const int64_t ring;  // as many as needed, a power of 2
  WindowLine<float> dy[kMost];
  WindowLine<int32_t> mask[kMost];

  explicit SeenWindows(const PoolingGeometry& g)
      : ring(g.kernel_h <= g.stride_h       ? 1
             : g.kernel_h <= 2 * g.stride_h ? 2
             : g.kernel_h <= 4 * g.stride_h ? 4
                                            : 8) {}
  void Clear(const Part& part) {
    for (int64_t k = 0; k < ring; ++k) dy[k].Clear(part), mask[k].Clear(part);
  }
  void Load(const PoolingGeometry& g, const Part& part, int64_t r, const float* dys,
            const uint8_t* masks) {
    const int64_t from = r * g.out_width + part.begin, n = part.end - part.begin;
    PrefetchAfter(dys + from, n), PrefetchAfter(masks + from, n);
    CopyRow(dys + from, n, dy[r & (ring - 1)].at(part, part.begin));
    int32_t* places = mask[r & (ring - 1)].at(part, part.begin);
#pragma GCC ivdep
    for (int64_t k = 0; k < n; ++k) places[k] = masks[from + k];
  }
};

// Row i of a part of dx. The order of the sums is that of the windows.
template <int kernel, int stride>
__attribute__((always_inline)) inline void TakeFromWindows(const PoolingGeometry& g, int64_t i,
                                                           const SeenBy& rows, const Part& part,
                                                           const SeenWindows& seen,
                                                           ColumnLine& line) {
  using Floats = Lanes<kLanes>::Floats;
  Lanes<kLanes>::Ints places;
  Floats v;
  const int64_t columns = kernel > 0 ? kernel : g.kernel_w;
  float sums[stride * (Part::kMost + kLanes)];  // vectors of each phase, side by side
  for (int64_t r = rows.first; r < rows.last; ++r) {
    const float* dy = seen.dy[r & (seen.ring - 1)].seen(part);
    const int32_t* mask = seen.mask[r & (seen.ring - 1)].seen(part);
    const int64_t place = (i + g.pad_h - r * g.stride_h) * columns;
    for (int64_t m = 0; m < part.count; m += kLanes) {
      Floats sum[stride] = {};
      if (r > rows.first) std::memcpy(sum, sums + m * stride, sizeof sum);
      for (int64_t c = 0; c < stride; ++c) {
        for (int64_t t = (columns - 1 - c) / stride; t >= 0; --t) {
          std::memcpy(&v, dy + m - t, sizeof v);
          std::memcpy(&places, mask + m - t, sizeof places);
          const auto here = Lanes<kLanes>::Ints{} + static_cast<int32_t>(place + c + t * stride);
          sum[c] = places == here ? sum[c] + v : sum[c];
        }
      }
      if (r + 1 < rows.last) {
        std::memcpy(sums + m * stride, sum, sizeof sum);
      } else {
        StorePhases<kLanes, stride>(sum, line.columns + m * stride);
      }
    }
  }
  if (rows.first >= rows.last) std::fill_n(line.columns, part.count * stride, 0.0f);
}

template <int kernel, int stride>
void MaskGradient(const PoolingGeometry& g, const uint8_t* mask, const float* dy, float* dx) {
  SeenWindows seen(g);
  ColumnLine line;
  const bool stream = BeyondCache(g);
  ForEachPart(g, [&](const Part& part) {
    seen.Clear(part);
    SeenBy rows;
    int64_t loaded = 0;
    for (int64_t i = 0; i < g.height; ++i) {
      rows.MoveTo(i, g);
      for (; loaded < rows.last; ++loaded) seen.Load(g, part, loaded, dy, mask);
      TakeFromWindows<kernel, stride>(g, i, rows, part, seen, line);
      line.Store(g, part, stream, dx + i * g.width);
    }
  });
}

// For windows that are many and small, where it is better than each window's giving to one pixel.
MaskGradientKernel* MaskGradientFor(const PoolingGeometry& g) {
  const bool small = g.kernel_h <= 64 / g.kernel_w && g.kernel_w <= kMostOverlap &&
                     (g.kernel_h - 1) / g.stride_h < SeenWindows::kMost;
  const bool better = BeyondCache(g) ? g.out_width >= 8 : g.stride_w == 1 && g.out_width >= 32;
  if (!small || !better) return nullptr;
  return ForWindowWidth(g, []<int kernel, int stride>() -> MaskGradientKernel* {
    return MaskGradient<kernel, stride>;
  });
}
