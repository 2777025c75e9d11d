// Tiles of a plane for depthwise convolution: rows with their pad, columns sorted by phase.
//
// With stride s, output q and tap j read column q * s + j * dilation of the padded row. Those of
// equal (j * dilation) % s, a phase, lie side by side in a tile: tap j then reads columns q +
// j * dilation / s of its phase, which are neighbours for neighbouring q.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>

#include "math/depthwise_kernels.h"
#include "moka/math.h"

namespace moka {

// One axis of the geometry.
struct DepthwiseAxis {
  DepthwiseAxis(int64_t size, int64_t out, int64_t kernel, int64_t stride, int64_t pad,
                int64_t dilation)
      : size(size),
        out(out),
        kernel(kernel),
        stride(stride),
        pad(pad),
        dilation(dilation),
        period(stride / std::gcd(stride, dilation)),
        phases(std::min(period, kernel)) {}

  int64_t size, out, kernel, stride, pad, dilation;
  // Taps j and j + period read the same phase; those below `phases` each another one.
  int64_t period, phases;

  int64_t Phase(int64_t tap) const { return tap * dilation % stride; }
  int64_t Shift(int64_t tap) const { return tap * dilation / stride; }
  int64_t reach() const { return Shift(kernel - 1); }
  // Taps of phase `tap` < phases.
  int64_t Taps(int64_t tap) const { return (kernel - tap + period - 1) / period; }
};
DepthwiseAxis HeightOf(const ConvolutionGeometry& g);
DepthwiseAxis WidthOf(const ConvolutionGeometry& g);

// Where the elements of a tile lie: (row, phase, column) at row * row_step() + phase * phase_step +
// column. A row that is outside the plane is zero, as is a column.
struct TileLayout {
  int64_t height, width;  // of the plane
  int64_t pad;            // columns before it; negative: as many of its own are left out
  int64_t stride, dilation, phases;
  int64_t columns;  // of a phase

  int64_t phase_step() const;
  int64_t row_step() const { return phases * phase_step(); }
  int64_t Floats(int64_t rows) const;  // so that 16 floats can be read from each element
};
// Of x for `rows` output rows at a time; of dy, for rows of dx.
TileLayout InputTile(const ConvolutionGeometry& g);
TileLayout OutputTile(const ConvolutionGeometry& g);

// tile = rows [top, top + rows) of the plane. Columns outside the plane are not written: they must
// be zero already.
void FillTile(const DepthwiseKernels& kernels, const TileLayout& layout, const float* plane,
              int64_t top, int64_t rows, float* tile);

// y[r][k * stride] = x[r][k], k < n.
void SpreadRows(const float* x, int64_t x_step, float* y, int64_t y_step, int64_t rows, int64_t n,
                int64_t stride);
// Where tap (i, j) lies in an input tile.
void FillInputOffsets(const ConvolutionGeometry& g, const TileLayout& layout, int64_t* offsets);

// Fetches lines that will soon be written.
inline void PrefetchForWriting(const float* y, int64_t n) {
  for (int64_t k = 0; k < n; k += 16) __builtin_prefetch(y + k, 1, 3);
}

// How many output rows (of y; of dx on the way back) a tile is for, by shape alone.
struct DepthwiseCut {
  int64_t rows = 1, tiles = 1;
};
DepthwiseCut CutForward(const ConvolutionGeometry& g, const TileLayout& layout);
DepthwiseCut CutBackwardData(const ConvolutionGeometry& g, const TileLayout& layout);

// Sizes that would pass 2^60 stay there: Plan then refuses them as too much memory.
int64_t Product(int64_t a, int64_t b);

// Hands out a worker's scratch in whole cache lines.
inline int64_t WholeLines(int64_t floats) { return (floats + 15) / 16 * 16; }
class Carver {
 public:
  explicit Carver(std::span<float> scratch)
      : next_(reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(scratch.data()) + 63) / 64 *
                                       64)) {}
  static constexpr int64_t kAlignment = 16;  // floats that it may lose

  float* Take(int64_t floats) {
    float* taken = next_;
    next_ += WholeLines(floats);
    return taken;
  }

 private:
  float* next_;
};

}  // namespace moka
