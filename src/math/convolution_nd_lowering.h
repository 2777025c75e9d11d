// Lowering over any number of axes of space: a tile of output pixels at a time.
#pragma once

#include <cstdint>
#include <span>

#include "moka/convolution_nd.h"

namespace moka {

// Floats in which a tile of so many pixels keeps where its rows begin; a multiple of 16.
int64_t NdRowFloats(const ConvolutionNdGeometry& g, int64_t pixels);

// The output pixels [begin, end), counted through all axes of space, of some channels of one image:
//   columns (channels * kernels, end - begin): columns[(c, i), p] = x[c][o(p) * stride + i *
//   dilation - pad]
// with o(p) the place of pixel p, and 0 in the pad. A row is what lies along the last axis; a tile
// may begin and end within one.
class ConvolutionNdTile {
 public:
  // `rows`: NdRowFloats floats, aligned to 8 bytes.
  ConvolutionNdTile(const ConvolutionNdGeometry& g, int64_t channels, int64_t begin, int64_t end,
                    std::span<float> rows);

  int64_t pixels() const { return end_ - begin_; }
  // x, dx: the first of the channels' planes. stride: from one row of columns to the next.
  void Lower(const float* x, float* columns, int64_t stride) const;
  void Scatter(const float* columns, int64_t stride, float* dx) const;

 private:
  void FindRows(int64_t kernel) const;
  template <typename F>
  void ForEachRun(const F& run) const;

  const ConvolutionNdGeometry& g_;
  const ConvolutionNdGeometry::Axis last_;
  const int64_t channels_, begin_, end_, width_;  // width: of a row of y
  const int64_t first_row_, rows_;
  int64_t* const starts_;  // of each row: where its row of x begins, or -1 if that lies in the pad
};

}  // namespace moka
