// Kernels of average pooling; see math/for_each_processor.h.
#include "math/pooling_tile_lanes.h"

// Of some rows of a plane, the sum of each window's part of the row: a ring of the last rows.
struct RowSums {
  static constexpr int64_t kMost = 16, kWindows = kTileWidth * kLanes;
  const int64_t ring;  // a power of 2
  float sums[kMost][kWindows];

  explicit RowSums(const PoolingGeometry& g)
      : ring(g.kernel_h <= 2   ? 2
             : g.kernel_h <= 4 ? 4
                               : kMost) {}
  float* at(int64_t row) { return sums[row & (ring - 1)]; }

  // y = the sums over the rows of h times a factor, for vectors that cover [0, count).
  __attribute__((always_inline)) void Sum(const WindowRange& h, int64_t count, float factor,
                                          float* y) {
    const int64_t n = h.end - h.begin;
    if (n == 3) return Sum<3>(h, count, factor, y);
    if (n == 2) return Sum<2>(h, count, factor, y);
    Sum<0>(h, count, factor, y);
  }

 private:
  template <int rows>
  void Sum(const WindowRange& h, int64_t count, float factor, float* y) {
    const float* from[rows > 0 ? rows : kMost] = {};
    const int64_t n = rows > 0 ? rows : h.end - h.begin;
    for (int64_t i = 0; i < n; ++i) from[i] = at(h.begin + i);
    ForEachVector(Lanes<kLanes>(), count, [=](auto lanes, int64_t k) {
      typename decltype(lanes)::Floats sum, v;
      std::memcpy(&sum, from[0] + k, sizeof v);
      for (int64_t i = 1; i < n; ++i) std::memcpy(&v, from[i] + k, sizeof v), sum += v;
      sum *= factor;
      std::memcpy(y + k, &sum, sizeof sum);
    });
  }
};

// Row x of the planes of a tile.
template <int kernel>
__attribute__((always_inline)) inline void SumsOfTileRow(const TileGeometry& of,
                                                         const TileFloats* x, float* y) {
  for (int64_t q = 0; q < of.g.out_width; ++q, y += kLanes) {
    const auto& w = of.columns.windows[q];
    const TileFloats* v = x + w.begin;
    TileFloats sum = *v;
    if (kernel > 0 && w.count == kernel) {
      for (int64_t j = 1; j < kernel; ++j) sum += v[j];
    } else {
      for (int64_t j = 1; j < w.count; ++j) sum += v[j];
    }
    sum *= w.inverse;
    std::memcpy(y, &sum, sizeof sum);
  }
}

template <int kernel, int stride>
void MeansOfTiles(const PoolingGeometry& g, int64_t planes, const float* x, float* y) {
  const TileGeometry of(g);
  TileRows rows;
  RowSums sums(g);
  TileFloats in[kTilePixels + kLanes], out[kTilePixels + kLanes];
  for (int64_t p = 0; p < planes; p += kLanes) {
    const int64_t count = std::min<int64_t>(kLanes, planes - p);
    rows.Load(x, of.pixels * 4, count, in);
    int64_t done = 0;
    for (int64_t r = 0; r < g.out_height; ++r) {
      const WindowRange h(r, g.stride_h, g.pad_h, g.kernel_h, g.height);
      for (done = std::max(done, h.begin); done < h.end; ++done)
        SumsOfTileRow<kernel>(of, in + done * g.width, sums.at(done));
      sums.Sum(h, g.out_width * kLanes, of.rows.windows[r].inverse, &out[r * g.out_width][0]);
    }
    rows.Store(out, of.windows * 4, count, y);
    x += kLanes * of.pixels, y += kLanes * of.windows;
  }
}

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

// A window that hangs over the end of a row.
inline float MeanOfWindow(const PoolingGeometry& g, const WindowRange& h, const WindowRange& w,
                          const float* x) {
  float sum = 0;
  for (int64_t i = h.begin; i < h.end; ++i) {
    for (int64_t j = w.begin; j < w.end; ++j) sum += x[i * g.width + j];
  }
  return sum / static_cast<float>(h.length * w.length);
}

template <int kernel, int stride>
void MeansOfPlanes(const PoolingGeometry& g, int64_t planes, const float* x, float* y) {
  const InnerWindows inner(g.out_width, g.stride_w, g.pad_w, g.kernel_w, g.width);
  for (int64_t p = 0; p < planes; ++p, x += g.height * g.width) {
    for (int64_t r = 0; r < g.out_height; ++r, y += g.out_width) {
      const WindowRange h(r, g.stride_h, g.pad_h, g.kernel_h, g.height);
      ReadAhead(x + r * g.stride_h * g.width + kAhead, g.stride_h * g.width);
      const int64_t done = MeanOfRow<kernel, stride>({g, h, inner, x}, y + inner.first);
      for (int64_t q = 0; q < g.out_width; ++q) {
        if (q == inner.first) q += done;
        if (q == g.out_width) break;
        const WindowRange w(q, g.stride_w, g.pad_w, g.kernel_w, g.width);
        y[q] = MeanOfWindow(g, h, w, x);
      }
    }
  }
}

// For windows that are many, and small enough for a sum in single precision.
MeansKernel* MeansFor(const PoolingGeometry& g) {
  if (g.kernel_h > 64 / g.kernel_w) return nullptr;
  if (FitsTile(g) && g.kernel_h <= RowSums::kMost) {
    MeansKernel* const tiles = ForWindowWidth(
        g, []<int kernel, int stride>() -> MeansKernel* { return MeansOfTiles<kernel, stride>; });
    return tiles ? tiles : MeansOfTiles<0, 1>;
  }
  if (g.out_width < 4) return nullptr;
  return ForWindowWidth(
      g, []<int kernel, int stride>() -> MeansKernel* { return MeansOfPlanes<kernel, stride>; });
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

// y = value, without a call where they are few.
void Fill(float value, int64_t count, float* y) {
  const int64_t done = ForEachVector(Lanes<kLanes>(), count, [=](auto lanes, int64_t i) {
    const auto v = typename decltype(lanes)::Floats{} + value;
    std::memcpy(y + i, &v, sizeof v);
  });
  std::fill(y + done, y + count, value);
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

// dx of the planes of a tile.
inline void SpreadTile(const TileGeometry& of, const TileFloats* dy, TileFloats* dx) {
  const PoolingGeometry& g = of.g;
  TileFloats shares[kTileWidth];
  SeenBy rows, before, columns[kTileWidth];
  for (int64_t j = 0; j < g.width; ++j)
    columns[j] = SeenBy(j, g.out_width, g.stride_w, g.pad_w, g.kernel_w);
  for (int64_t i = 0; i < g.height; ++i, dx += g.width) {
    rows.MoveTo(i, g);
    if (rows == before) {
      std::copy_n(dx - g.width, g.width, dx);
      continue;
    }
    before = rows;
    std::fill_n(shares, g.out_width, TileFloats{});
    for (int64_t r = rows.first; r < rows.last; ++r) {
      const TileFloats* row = dy + r * g.out_width;
      const float factor = of.rows.windows[r].inverse;
      for (int64_t q = 0; q < g.out_width; ++q) shares[q] += row[q] * factor;
    }
    for (int64_t q = 0; q < g.out_width; ++q) shares[q] *= of.columns.windows[q].inverse;
    for (int64_t j = 0; j < g.width; ++j) {
      TileFloats sum = {};
      for (int64_t q = columns[j].first; q < columns[j].last; ++q) sum += shares[q];
      dx[j] = sum;
    }
  }
}

void MeanGradientOfTiles(const PoolingGeometry& g, int64_t planes, const float* dy, float* dx) {
  const TileGeometry of(g);
  TileRows rows;
  TileFloats in[kTilePixels + kLanes], out[kTilePixels + kLanes];
  for (int64_t p = 0; p < planes; p += kLanes) {
    const int64_t count = std::min<int64_t>(kLanes, planes - p);
    rows.Load(dy, of.windows * 4, count, out);
    SpreadTile(of, out, in);
    rows.Store(in, of.pixels * 4, count, dx);
    dx += kLanes * of.pixels, dy += kLanes * of.windows;
  }
}

template <int kernel, int stride>
void MeanGradientOfPlane(const PoolingGeometry& g, const float* dy, float* dx) {
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

template <int kernel, int stride>
void MeanGradient(const PoolingGeometry& g, int64_t planes, const float* dy, float* dx) {
  const int64_t in = g.height * g.width, out = g.out_height * g.out_width;
  for (int64_t p = 0; p < planes; ++p)
    MeanGradientOfPlane<kernel, stride>(g, dy + p * out, dx + p * in);
}

// For windows that are many.
MeanGradientKernel* MeanGradientFor(const PoolingGeometry& g) {
  if (FitsTile(g)) return MeanGradientOfTiles;
  if (g.out_width < 4 || g.kernel_w > kMostOverlap) return nullptr;
  return ForWindowWidth(g, []<int kernel, int stride>() -> MeanGradientKernel* {
    return MeanGradient<kernel, stride>;
  });
}
