// Small planes, whose rows are shorter than a vector: each is copied once for each column of the
// kernel, with its columns moved so that rows of a copy are as long as those of the result. Then
// whole planes are summed as if they were one long row, and no vector holds a border.
#pragma once

#include <cstdint>

#include "math/depthwise_kernels.h"
#include "math/depthwise_tile.h"
#include "moka/math.h"

namespace moka {

struct SmallLayout {
  static constexpr int64_t kGroupFloats = 6144;

  int64_t height, width;  // of the plane that is copied
  // Element (row, q) of copy (phase, variant) is the plane's (h, c) with
  //   c = q * stride + variant * dilation - pad
  // and h + row_pad = the row's of the phase (which for one phase is the row itself).
  int64_t rows, row_width;  // of a copy
  int64_t stride, dilation, pad, variants;
  DepthwiseAxis h;  // phases of rows; trivial for one
  int64_t row_pad;

  // Floats before a copy, so that the plane's first row begins a line if rows are only shifted.
  int64_t lead() const {
    return shifts() ? WholeLines(std::max<int64_t>(0, row_pad) * row_width) -
                          std::max<int64_t>(0, row_pad) * row_width
                    : 0;
  }
  int64_t copy() const { return WholeLines(lead() + rows * row_width + 16); }  // floats
  int64_t floats() const { return h.phases * variants * copy(); }              // of all copies
  // How many planes are copied before they are summed: what has just been stored is slow to load.
  int64_t group() const { return std::clamp<int64_t>(kGroupFloats / floats(), 1, 8); }
  bool shifts() const { return stride == 1 && h.stride == 1 && row_width == width; }
};
SmallLayout SmallInput(const ConvolutionGeometry& g);
SmallLayout SmallOutput(const ConvolutionGeometry& g);  // dy, for dx

// Whether planes are small, and whether they are for dx too.
bool IsSmall(const ConvolutionGeometry& g, const DepthwiseKernels& kernels);
bool IsSmallBackward(const ConvolutionGeometry& g, const DepthwiseKernels& kernels);

// Where tap (i, j) lies in the copies of an input.
void FillSmallOffsets(const ConvolutionGeometry& g, const SmallLayout& layout, int64_t* offsets);

// DepthwiseBackwardData for small planes, if IsSmallBackward.
int64_t SmallDataScratch(const ConvolutionGeometry& g, const DepthwiseKernels& kernels);
void SmallBackwardData(Context& context, const ConvolutionGeometry& g,
                       const DepthwiseKernels& kernels, const float* w, const float* dy, float* dx,
                       WorkerScratch scratch);

// A worker's tables for these copies.
class SmallCopies {
 public:
  SmallCopies(const SmallLayout& layout, const DepthwiseKernels& kernels, Carver& carver);
  static int64_t Floats(const SmallLayout& layout);  // of Carver

  // tiles = the copies of planes [first, last) of `planes`. Rows that lie in the pad must be zero
  // already.
  void Make(const float* x, int64_t planes, int64_t first, int64_t last, float* tiles);

 private:
  void FillMasks(int64_t floats);
  void Run(const float* x, int64_t planes, float* tiles);

  const SmallLayout& layout_;
  const int64_t size_;  // of a plane
  const DepthwiseKernels& kernels_;
  const int64_t lead_;
  const bool shifts_planes_;
  DepthwiseCopies copies_{};
  int64_t first_row_ = 0, to_row_ = 0;  // if shifted
  int64_t before_ = 0, after_ = 0;      // floats around a plane that are read too
  int64_t* shifts_;
  int64_t* to_;
  int32_t *masks_, *picks_;
  float* plane_;
};

}  // namespace moka
