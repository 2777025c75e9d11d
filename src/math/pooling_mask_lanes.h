// Kernels of max pooling's gradient: to the places that a mask names. Included by
// math/for_each_processor.h's files, and so without a guard.
#include "math/pooling_tile_lanes.h"

// What one window gives to each of its pixels, those of rows [h.begin, h.end) and `columns`.
template <int columns>
__attribute__((always_inline)) inline void GiveToPixels(const PoolingGeometry& g,
                                                        const WindowRange& h, int64_t count,
                                                        int64_t skipped, const TileFloats& dy,
                                                        const TileInts& place, TileFloats* dx) {
  const int64_t n = columns > 0 ? columns : count;
  auto at = TileInts{} + static_cast<int32_t>((h.begin - h.start) * g.kernel_w + skipped);
  for (int64_t i = h.begin; i < h.end; ++i, dx += g.width, at += static_cast<int32_t>(g.kernel_w)) {
    for (int64_t j = 0; j < n; ++j)
      dx[j] = place == at + static_cast<int32_t>(j) ? dx[j] + dy : dx[j];
  }
}

// dx, which is 0 at first. The order of the sums is that of the windows.
template <int kernel, int stride>
__attribute__((always_inline)) inline void GiveToTile(const TileGeometry& of, const TileFloats* dy,
                                                      const TilePlaces& places, TileFloats* dx) {
  const PoolingGeometry& g = of.g;
  int64_t window = 0;
  for (int64_t r = 0; r < g.out_height; ++r) {
    const WindowRange h(r, g.stride_h, g.pad_h, g.kernel_h, g.height);
    TileFloats* row = dx + h.begin * g.width;
    for (int64_t q = 0; q < g.out_width; ++q, ++window) {
      const TileFloats v = dy[window];
      const TileInts place = places.Packed(window);
      const auto& w = of.columns.windows[q];
      if (kernel > 0 && w.count == kernel) {
        GiveToPixels<kernel>(g, h, kernel, 0, v, place, row + w.begin);
      } else {
        GiveToPixels<0>(g, h, w.count, w.skipped, v, place, row + w.begin);
      }
    }
  }
}

template <int kernel, int stride>
void MaskGradientOfTiles(const PoolingGeometry& g, int64_t planes, const uint8_t* mask,
                         const float* dy, float* dx) {
  const TileGeometry of(g);
  TileRows rows;
  TileFloats in[kTilePixels + kLanes], out[kTilePixels + kLanes];
  TilePlaces places;
  for (int64_t p = 0; p < planes; p += kLanes) {
    const int64_t count = std::min<int64_t>(kLanes, planes - p);
    rows.Load(dy, of.windows * 4, count, out);
    rows.Load(mask, of.windows, count, places.four);
    std::fill_n(in, of.pixels, TileFloats{});
    GiveToTile<kernel, stride>(of, out, places, in);
    rows.Store(in, of.pixels * 4, count, dx);
    dx += kLanes * of.pixels, dy += kLanes * of.windows, mask += kLanes * of.windows;
  }
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
void MaskGradientOfPlane(const PoolingGeometry& g, const uint8_t* mask, const float* dy,
                         float* dx) {
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
template <int kernel, int stride>
void MaskGradient(const PoolingGeometry& g, int64_t planes, const uint8_t* mask, const float* dy,
                  float* dx) {
  const int64_t in = g.height * g.width, out = g.out_height * g.out_width;
  for (int64_t p = 0; p < planes; ++p)
    MaskGradientOfPlane<kernel, stride>(g, mask + p * out, dy + p * out, dx + p * in);
}

// For windows that are many and small, where it is better than each window's giving to one pixel.
MaskGradientKernel* MaskGradientFor(const PoolingGeometry& g) {
  // Not for planes of 4096 bytes, whose pixels all fall on the same lines of the first cache.
  const bool overlaps = g.kernel_h * g.kernel_w <= 16 * g.stride_h * g.stride_w && g.stride_w <= 2;
  if (FitsTile(g) && overlaps && g.height * g.width < kTilePixels) {
    return ForWindowWidth(g, []<int kernel, int stride>() -> MaskGradientKernel* {
      return MaskGradientOfTiles<kernel, stride>;
    });
  }
  const bool small = g.kernel_h <= 64 / g.kernel_w && g.kernel_w <= kMostOverlap &&
                     (g.kernel_h - 1) / g.stride_h < SeenWindows::kMost;
  const bool better = BeyondCache(g) ? g.out_width >= 8 : g.stride_w == 1 && g.out_width >= 32;
  if (!small || !better) return nullptr;
  return ForWindowWidth(g, []<int kernel, int stride>() -> MaskGradientKernel* {
    return MaskGradient<kernel, stride>;
  });
}
