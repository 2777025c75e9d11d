// How a convolution becomes matrix products: tiles of output rows, lowered one at a time so that
// they stay in the L2 cache.
//
// With k = channels * kernel_h * kernel_w rows and p = output rows * out_width columns, the lowered
// tile is
//   columns (k, p):  columns[(c, i, j), (r, q)] = x[c][r * stride_h + i * dilation_h - pad_h][q *
//   stride_w + j * dilation_w - pad_w]
// and then  y (m, p) = w (m, k) columns;  columns' gradient (k, p) = w' dy;  dw (m, k) += dy
// columns'.
#pragma once

#include <cstdint>
#include <span>

#include "moka/math.h"

namespace moka {

// How a pass cuts its work. It depends on the geometry alone, so that the bits do not depend on the
// number of threads.
struct ConvolutionCut {
  int64_t channels = 1;  // of one group, in a block
  int64_t channel_blocks = 1;
  int64_t rows = 1;  // output rows of a tile
  int64_t row_tiles = 1;
  int64_t images = 1;  // in a chunk (backward weights)
  int64_t chunks = 1;
};
ConvolutionCut CutForward(const ConvolutionGeometry& g);
ConvolutionCut CutBackwardData(const ConvolutionGeometry& g);
ConvolutionCut CutBackwardWeights(const ConvolutionGeometry& g);
// At least the chunks of CutBackwardWeights, for this batch and for every smaller one: a net that
// is planned for a batch must run smaller ones too, and even chunks are not monotone (25 images
// give 13, 24 give 24).
int64_t MostChunks(const ConvolutionGeometry& g);

// Floats that a tile of this cut needs.
int64_t TileFloats(const ConvolutionGeometry& g, const ConvolutionCut& cut);
// A worker's floats for the backward pass of the weights: a tile and more.
int64_t BackwardWeightsFloats(const ConvolutionGeometry& g);

// A matrix inside a larger one.
struct MatrixView {
  float* data;
  int64_t stride;
};

// Part of one image's lowering: `channels` channels, output rows [row, row + rows). `scratch` holds
// TileFloats. A 1x1 kernel with stride 1 and no pad needs no lowering: there the columns are the
// image itself, and nothing is copied.
class ConvolutionTile {
 public:
  ConvolutionTile(const ConvolutionGeometry& g, int64_t channels, int64_t row, int64_t rows,
                  std::span<float> scratch);

  int64_t depth() const {
    return channels_ * g_.kernel_h * g_.kernel_w;
  }                                                      // rows of the columns matrix
  int64_t pixels() const { return rows_ * out_width_; }  // its columns

  // x: the first of the channels' planes.
  struct ConstView {
    const float* data;
    int64_t stride;
  };
  ConstView Lower(const float* x);

  // Where the gradient of the columns is to be written, before Scatter adds it to dx.
  MatrixView Columns(float* dx);
  void Scatter(float* dx);

 private:
  float* columns() const { return scratch_.data(); }
  float* padded() const { return scratch_.data() + depth() * pixels(); }

  const ConvolutionGeometry& g_;
  const int64_t channels_, row_, rows_, out_width_;
  const int64_t span_h_, span_w_;  // rows and columns of the padded image that the tile reads
  const bool pointwise_, has_pad_;
  std::span<float> scratch_;
};

}  // namespace moka
