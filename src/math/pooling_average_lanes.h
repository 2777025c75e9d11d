// Kernels of average pooling; see math/for_each_processor.h.
#include "math/pooling_lanes.h"

// n windows, side by side.
template <int n, int kernel, int stride>
__attribute__((always_inline)) inline void MeanOfWindows(const WindowRow& row, int64_t q,
                                                         float* y) {
  typename Lanes<n>::Floats sum = {};
  const float* x = row.x + q * stride;
  const int64_t width = kernel > 0 ? kernel : row.kernel;
  for (int64_t i = 0; i < row.rows; ++i, x += row.stride) {
    ForEachColumn<n, stride>(
        x, width, [&](const auto& v) __attribute__((always_inline)) { sum += v; });
  }
  sum /= static_cast<float>(row.length * width);
  std::memcpy(y + q, &sum, sizeof sum);
}

// All windows of a row if there are enough, otherwise none. Returns how many.
template <int kernel, int stride>
int64_t MeanOfRow(const WindowRow& row, float* y) {
  return ForEachVector(Lanes<kLanes>(), row.windows, [&](auto lanes, int64_t q) {
    MeanOfWindows<decltype(lanes)::kCount, kernel, stride>(row, q, y);
  });
}

// For windows that are many, and small enough for a sum in single precision.
MeanOfRowKernel* MeanOfRowFor(const PoolingGeometry& g) {
  if (g.out_width < 4 || g.kernel_h > 64 / g.kernel_w) return nullptr;
  return ForWindowWidth(
      g, []<int kernel, int stride>() -> MeanOfRowKernel* { return MeanOfRow<kernel, stride>; });
}

// In double, but for a few values of each lane.
double SumOf(const float* x, int64_t count) {
  constexpr int64_t kFew = 8 * kLanes;
  double sums[kLanes] = {};
  int64_t i = 0;
  while (i + kLanes <= count) {
    Lanes<kLanes>::Floats few = {}, v;
    for (const int64_t end = std::min(count - kLanes + 1, i + kFew); i < end; i += kLanes)
      std::memcpy(&v, x + i, sizeof v), few += v;
    float lanes[kLanes];
    std::memcpy(lanes, &few, sizeof few);
    for (int k = 0; k < kLanes; ++k) sums[k] += lanes[k];
  }
  for (int n = kLanes / 2; n > 0; n /= 2) {
    for (int k = 0; k < n; ++k) sums[k] += sums[k + n];
  }
  for (; i < count; ++i) sums[0] += x[i];
  return sums[0];
}

// What each of the windows that see a part gives to each of its pixels, summed over `rows` of
// windows.
inline void LoadShares(const PoolingGeometry& g, const SeenBy& rows, const Part& part,
                       const float* dy, WindowLine<float>& line) {
  float* share = line.at(part, part.begin);
  const int64_t n = part.end - part.begin;
  for (int64_t r = rows.first; r < rows.last; ++r) {
    const float* row = dy + r * g.out_width + part.begin;
    if (r + 1 == rows.last) PrefetchAfter(row, n);
    const WindowRange h(r, g.stride_h, g.pad_h, g.kernel_h, g.height);
    const float factor = 1 / static_cast<float>(h.length * g.kernel_w);
    if (r == rows.first) {
#pragma GCC ivdep
      for (int64_t k = 0; k < n; ++k) share[k] = factor * row[k];
    } else {
#pragma GCC ivdep
      for (int64_t k = 0; k < n; ++k) share[k] += factor * row[k];
    }
  }
  // Those that hang over the pad are shorter.
  for (int64_t q = part.end - 1; q >= part.begin; --q) {
    const WindowRange w(q, g.stride_w, g.pad_w, g.kernel_w, g.width);
    if (w.length == g.kernel_w) break;
    *line.at(part, q) *= static_cast<float>(g.kernel_w) / static_cast<float>(w.length);
  }
}

template <int kernel, int stride>
void MeanGradient(const PoolingGeometry& g, const float* dy, float* dx) {
  WindowLine<float> shares;
  ColumnLine line;
  const bool stream = BeyondCache(g);
  Lanes<kLanes>::Floats v;
  const int64_t columns = kernel > 0 ? kernel : g.kernel_w;
  ForEachPart(g, [&](const Part& part) {
    shares.Clear(part);
    SeenBy rows, before;
    for (int64_t i = 0; i < g.height; ++i) {
      rows.MoveTo(i, g);
      if (rows.first >= rows.last) {
        std::fill_n(line.columns, part.count * stride, 0.0f);
      } else if (rows != before) {
        LoadShares(g, rows, part, dy, shares);
        const float* share = shares.seen(part);
        for (int64_t m = 0; m < part.count; m += kLanes) {
          Lanes<kLanes>::Floats sums[stride] = {};
          for (int64_t c = 0; c < stride; ++c) {
            for (int64_t t = (columns - 1 - c) / stride; t >= 0; --t)
              std::memcpy(&v, share + m - t, sizeof v), sums[c] += v;
          }
          StorePhases<kLanes, stride>(sums, line.columns + m * stride);
        }
      }
      line.Store(g, part, stream, dx + i * g.width);
      before = rows;
    }
  });
}

// For windows that are many.
MeanGradientKernel* MeanGradientFor(const PoolingGeometry& g) {
  if (g.out_width < 4 || g.kernel_w > kMostOverlap) return nullptr;
  return ForWindowWidth(g, []<int kernel, int stride>() -> MeanGradientKernel* {
    return MeanGradient<kernel, stride>;
  });
}
