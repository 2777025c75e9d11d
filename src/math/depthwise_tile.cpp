// Copies between planes and tiles, and the sizes of tiles.
#include "math/depthwise_tile.h"

#include <algorithm>

#include "math/depthwise.h"

namespace moka {
namespace {

constexpr int64_t kTileFloats = 4096;  // 16 KB: tile and result stay in the L1 cache
constexpr int64_t kMostRows = 64;      // of a tile: so many floats are summed before doubles

int64_t Ceil(int64_t n, int64_t step) { return (n + step - 1) / step; }

DepthwiseCut Even(int64_t n, int64_t most) {
  if (n <= 0) return {};
  const int64_t tiles = Ceil(n, std::clamp<int64_t>(most, 1, n));
  const int64_t rows = Ceil(n, tiles);
  return {rows, Ceil(n, rows)};
}

}  // namespace

// From some 8 outputs of each channel on, matrix products are as fast.
bool IsDepthwise(const ConvolutionGeometry& g) {
  return g.channels == g.group && g.outputs / g.group <= 8;
}

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
  return {g.height, g.width, w.pad, w.stride, w.dilation, w.phases, w.out + w.reach()};
}

TileLayout OutputTile(const ConvolutionGeometry& g) {
  const DepthwiseAxis w = WidthOf(g);
  const int64_t first = w.pad / w.stride, last = (w.pad + w.size - 1) / w.stride;
  return {g.out_height(), w.out, w.reach() - first, 1, 1, 1, last - first + 1 + w.reach()};
}

void FillTile(const DepthwiseKernels& kernels, const TileLayout& t, const float* plane, int64_t top,
              int64_t rows, float* tile) {
  const int64_t row_step = t.row_step();
  const int64_t before = std::clamp<int64_t>(-top, 0, rows);
  const int64_t inside = std::clamp<int64_t>(t.height - (top + before), 0, rows - before);
  std::fill_n(tile, before * row_step, 0.0f);
  std::fill_n(tile + (before + inside) * row_step, (rows - before - inside) * row_step, 0.0f);
  for (int64_t i = 0; i < t.phases && inside > 0; ++i) {
    // The first column of this phase, and where it lies in the tile.
    const int64_t phase = i * t.dilation % t.stride;
    const int64_t from =
        t.pad > phase ? (t.stride - (t.pad - phase) % t.stride) % t.stride : phase - t.pad;
    const int64_t to = (t.pad + from) / t.stride;
    const int64_t n = std::min(Ceil(t.width - from, t.stride), t.columns - to);
    if (from >= t.width || n <= 0) continue;
    const float* x = plane + (top + before) * t.width + from;
    float* y = tile + before * row_step + i * t.phase_step() + to;
    kernels.gather(x, t.width, y, row_step, inside, n, t.stride);
  }
}

void FillInputOffsets(const ConvolutionGeometry& g, const TileLayout& layout, int64_t* offsets) {
  const DepthwiseAxis h = HeightOf(g), w = WidthOf(g);
  for (int64_t i = 0; i < h.kernel; ++i) {
    for (int64_t j = 0; j < w.kernel; ++j) {
      *offsets++ =
          i * h.dilation * layout.row_step() + j % w.period * layout.phase_step() + w.Shift(j);
    }
  }
}

void SpreadRows(const float* x, int64_t x_step, float* y, int64_t y_step, int64_t rows, int64_t n,
                int64_t stride) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t k = 0; k < n; ++k) y[r * y_step + k * stride] = x[r * x_step + k];
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
  const DepthwiseAxis h = HeightOf(g), w = WidthOf(g);
  const bool direct = h.stride == 1 && w.stride == 1;
  // Of each row of dy: its copies, and the rows of dx that are sorted by phase.
  const int64_t floats = Product(layout.row_step(), g.outputs / g.group + (direct ? 0 : w.phases));
  const int64_t fit = kTileFloats / floats - h.reach();
  const int64_t least = std::max<int64_t>(4, h.reach());
  return Even(h.size, Product(std::min(std::max(fit, least), kMostRows), h.stride));
}

}  // namespace moka
