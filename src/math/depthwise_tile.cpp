// Copies between planes and tiles, and the sizes of tiles.
#include "math/depthwise_tile.h"

#include <algorithm>

#include "math/clones.h"
#include "math/depthwise.h"
#include "math/depthwise_lanes.h"

namespace moka {
namespace {

constexpr int64_t kTileFloats = 8192;  // 32 KB: a tile stays in the L1 cache
constexpr int64_t kMostRows = 64;      // of a tile: so many floats are summed before doubles

int64_t Ceil(int64_t n, int64_t step) { return (n + step - 1) / step; }

DepthwiseCut Even(int64_t n, int64_t most) {
  if (n <= 0) return {};
  const int64_t tiles = Ceil(n, std::clamp<int64_t>(most, 1, n));
  const int64_t rows = Ceil(n, tiles);
  return {rows, Ceil(n, rows)};
}

// One row of n, in whole vectors that may overlap.
__attribute__((always_inline)) inline void CopyRow(const float* x, float* y, int64_t n) {
  if (n >= 16) {
    for (int64_t k = 0; k < n - 16; k += 16) CopyLanes<16>(x + k, y + k);
    CopyLanes<16>(x + n - 16, y + n - 16);
  } else if (n >= 8) {
    CopyLanes<8>(x, y), CopyLanes<8>(x + n - 8, y + n - 8);
  } else if (n >= 4) {
    CopyLanes<4>(x, y), CopyLanes<4>(x + n - 4, y + n - 4);
  } else {
    for (int64_t k = 0; k < n; ++k) y[k] = x[k];
  }
}

// y[k] = x[2 k], reading nothing beyond the last.
__attribute__((always_inline)) inline void GatherRow2(const float* x, float* y, int64_t n) {
  if (n >= 16) {
    for (int64_t k = 0; k < n - 16; k += 16) EvenLanes<16>(x + 2 * k, y + k);
    EvenLanes<16>(x + 2 * (n - 16), y + n - 16);
  } else if (n >= 8) {
    EvenLanes<8>(x, y), EvenLanes<8>(x + 2 * (n - 8), y + n - 8);
  } else if (n >= 4) {
    EvenLanes<4>(x, y), EvenLanes<4>(x + 2 * (n - 4), y + n - 4);
  } else {
    for (int64_t k = 0; k < n; ++k) y[k] = x[2 * k];
  }
}

MOKA_CLONES void GatherRows(const float* x, int64_t x_step, float* y, int64_t y_step, int64_t rows,
                            int64_t n, int64_t stride) {
  for (int64_t r = 0; r < rows; ++r, x += x_step, y += y_step) {
    if (stride == 2) {
      GatherRow2(x, y, n);
    } else {
      for (int64_t k = 0; k < n; ++k) y[k] = x[k * stride];
    }
  }
}

}  // namespace

bool IsDepthwise(const ConvolutionGeometry& g) { return g.channels == g.group; }

DepthwiseAxis HeightOf(const ConvolutionGeometry& g) {
  return {g.height, g.out_height(), g.kernel_h, g.stride_h, g.pad_h, g.dilation_h};
}
DepthwiseAxis WidthOf(const ConvolutionGeometry& g) {
  return {g.width, g.out_width(), g.kernel_w, g.stride_w, g.pad_w, g.dilation_w};
}

int64_t Product(int64_t a, int64_t b) {
  constexpr int64_t kMost = int64_t{1} << 60;
  int64_t product;
  return __builtin_mul_overflow(a, b, &product) ? kMost : std::min(product, kMost);
}

int64_t TileLayout::phase_step() const { return WholeLines(columns); }
int64_t TileLayout::Floats(int64_t rows) const { return Product(rows, row_step()) + 16; }

TileLayout InputTile(const ConvolutionGeometry& g) {
  const DepthwiseAxis w = WidthOf(g);
  return {g.height, g.width, w.pad, w.stride, w.dilation, w.phases(), w.out + w.reach()};
}

TileLayout OutputTile(const ConvolutionGeometry& g) {
  const DepthwiseAxis w = WidthOf(g);
  const int64_t first = w.pad / w.stride, last = (w.pad + w.size - 1) / w.stride;
  return {g.out_height(), w.out, w.reach() - first, 1, 1, 1, last - first + 1 + w.reach()};
}

void FillTile(const TileLayout& t, const float* plane, int64_t top, int64_t rows, float* tile) {
  const int64_t row_step = t.row_step();
  const int64_t before = std::clamp<int64_t>(-top, 0, rows);
  const int64_t inside = std::clamp<int64_t>(t.height - (top + before), 0, rows - before);
  std::fill_n(tile, before * row_step, 0.0f);
  std::fill_n(tile + (before + inside) * row_step, (rows - before - inside) * row_step, 0.0f);
  for (int64_t i = 0; i < t.phases && inside > 0; ++i) {
    // The first column of this phase, and where it lies in the tile.
    const int64_t phase = i * t.dilation % t.stride;
    int64_t from =
        t.pad > phase ? (t.stride - (t.pad - phase) % t.stride) % t.stride : phase - t.pad;
    const int64_t to = (t.pad + from) / t.stride;
    const int64_t n = std::min(Ceil(t.width - from, t.stride), t.columns - to);
    if (from >= t.width || n <= 0) continue;
    const float* x = plane + (top + before) * t.width + from;
    float* y = tile + before * row_step + i * t.phase_step() + to;
    if (t.stride == 1) {
      CopyRows(x, t.width, y, row_step, inside, n);
    } else {
      GatherRows(x, t.width, y, row_step, inside, n, t.stride);
    }
  }
}

MOKA_CLONES void CopyRows(const float* x, int64_t x_step, float* y, int64_t y_step, int64_t rows,
                          int64_t n) {
  for (int64_t r = 0; r < rows; ++r) CopyRow(x + r * x_step, y + r * y_step, n);
}

void SpreadRows(const float* x, int64_t x_step, float* y, int64_t y_step, int64_t rows, int64_t n,
                int64_t stride) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t k = 0; k < n; ++k) y[r * y_step + k * stride] = x[r * x_step + k];
  }
}

MOKA_CLONES void InterleaveRows(const float* even, const float* odd, int64_t x_step, float* y,
                                int64_t y_step, int64_t rows, int64_t n) {
  const int64_t pairs = n / 2;
  for (int64_t r = 0; r < rows; ++r, even += x_step, odd += x_step, y += y_step) {
    if (pairs >= 16) {
      for (int64_t k = 0; k < pairs - 16; k += 16)
        InterleaveLanes<16>(even + k, odd + k, y + 2 * k);
      const int64_t k = pairs - 16;
      InterleaveLanes<16>(even + k, odd + k, y + 2 * k);
    } else if (pairs >= 4) {
      for (int64_t k = 0; k < pairs - 4; k += 4) InterleaveLanes<4>(even + k, odd + k, y + 2 * k);
      const int64_t k = pairs - 4;
      InterleaveLanes<4>(even + k, odd + k, y + 2 * k);
    } else {
      for (int64_t k = 0; k < pairs; ++k) y[2 * k] = even[k], y[2 * k + 1] = odd[k];
    }
    if (n % 2 != 0) y[n - 1] = even[pairs];
  }
}

DepthwiseCut CutForward(const ConvolutionGeometry& g, const TileLayout& layout) {
  const DepthwiseAxis h = HeightOf(g);
  // Rows that tiles share are copied twice: never more of them than rows of a tile's own.
  const int64_t shared = h.dilation * (h.kernel - 1);
  const int64_t fit = (kTileFloats / layout.row_step() - shared) / h.stride;
  const int64_t least = std::max<int64_t>(4, shared / h.stride);
  return Even(h.out, std::min(std::max(fit, least), kMostRows));
}

DepthwiseCut CutBackwardData(const ConvolutionGeometry& g, const TileLayout& layout) {
  const DepthwiseAxis h = HeightOf(g);
  const int64_t multiplier = g.outputs / g.group;
  const int64_t fit = kTileFloats / layout.row_step() / multiplier - h.reach();
  const int64_t least = std::max<int64_t>(4, h.reach());
  return Even(h.size, Product(std::min(std::max(fit, least), kMostRows), h.stride));
}

}  // namespace moka
