// Products of weights with the windows that slide over images, without columns in memory:
//
//   y[n][o][r][q] = sum over c, i, j of a[o][c][i][j] x[n][c][row(r, i)][column(q, j)],
//   row(r, i) = r * stride + first + i * step, zeros outside of x; columns likewise.
//
// Both passes of a convolution that give images are of this form, and the third needs the same
// windows. Output pixels are counted through all images, so that small images fill vectors too.
// They are cut into tiles; of a tile a worker lays the windows out in panels
// (sliding_windows-inl.h), which stay in its L2 cache, and multiplies them with packed weights
// (tile-inl.h). Where a copy would not pay, it multiplies them where they are.
#pragma once

#include <cstdint>
#include <span>

#include "moka/math.h"

namespace moka {

struct SlidingAxis {
  int64_t size = 1;                                   // of x
  int64_t out = 1;                                    // of y
  int64_t taps = 1, first = 0, step = 1, stride = 1;  // step may be negative
};

// Of one group. Rows of x are dense, those of y may be spread.
struct SlidingProduct {
  int64_t images = 0, channels = 0, outputs = 0;
  SlidingAxis h, w;
  int64_t x_image = 0;  // floats from one image to the next
  int64_t y_image = 0, y_plane = 0, y_row = 0, y_column = 1;
  // If not 0: y's size, of which every other row and column is computed; the others are zeros.
  int64_t spread_height = 0, spread_width = 0;

  int64_t taps() const { return h.taps * w.taps; }
  int64_t depth() const { return channels * taps(); }
  int64_t x_plane() const { return h.size * w.size; }
  int64_t out_plane() const { return h.out * w.out; }
  int64_t pixels() const { return images * out_plane(); }
};

// The forward pass of a group: x is the images, y the outputs.
SlidingProduct SlidingForward(const ConvolutionGeometry& g);
// Backward data: dx's rows and columns fall into phases, each modulo the stride, that meet
// different taps of the kernel. Those that meet none are zero and are not among the phases; of
// those that are, some may lie beyond a small dx, with no pixels. x is dy, y is dx from the phase's
// first pixel on.
struct SlidingPhase {
  SlidingProduct product;
  int64_t row = 0, column = 0;  // the first pixel of dx
  int64_t first_tap_h = 0, first_tap_w = 0, tap_step_h = 1, tap_step_w = 1;
};
int64_t SlidingPhases(const ConvolutionGeometry& g);
// Whether the only phase writes all of dx, zeros between: 1x1 kernels with stride 2.
bool SpreadsHalf(const ConvolutionGeometry& g);
SlidingPhase SlidingBackwardData(const ConvolutionGeometry& g, int64_t phase);

// How a pass is cut, by its shape and that of the processor's vectors alone.
struct SlidingCut {
  static constexpr int64_t kMostPixels = 512;
  static constexpr int64_t kMostInPlace = 8;  // panels at a time
  int64_t pixels = 1, pixel_tiles = 0;        // of a tile: over all images, or (wide) along a row
  int64_t most_pixels = 1;                    // for any number of images
  int64_t channels = 1, channel_blocks = 1;   // in a panel
  int64_t outputs = 1, output_blocks = 1;     // of a piece of work
  int64_t chunks = 1;                         // weights: parts of the sum
  int64_t most_chunks = 1;                    // for any number of images
  int64_t row_block = 1;                      // rows of a tile of the kernel
  int64_t row_floats = 0;                     // of a row of windows
  int64_t window_rows = 0;                    // at most, of a channel
  bool wide = false;                          // tiles are parts of single rows
  bool direct = false;                        // windows are laid out from where they are
  bool in_place = false;                      // or not at all: they are rows of x
  bool by_rows = false;                       // or whole rows of y, from the windows themselves
};
// The tile of the kernel (tile-inl.h) on this processor.
struct SlidingTile {
  int64_t rows, columns;
};
SlidingTile TileOfProcessor();
// Outputs that a tile of the kernel takes at most, as packed weights have them.
int64_t SlidingRowBlock(const SlidingProduct& p);
// `group`: how many such products there are beside.
SlidingCut CutSliding(const SlidingProduct& p, int64_t group);
SlidingCut CutSlidingWeights(const SlidingProduct& p, int64_t group);

// The pixels of a tile, counted through all images.
struct SlidingTilePixels {
  int64_t begin, count;
};
SlidingTilePixels PixelsOf(const SlidingProduct& p, const SlidingCut& cut, int64_t tile);

// Weights as the kernels read them: blocks of outputs, in each [depth][outputs of the block].
// w: the element of output o, channel c and tap (i, j) lies at o * output + c * channel + i * row +
// j * column.
struct WeightSteps {
  int64_t output = 0, channel = 0, row = 0, column = 0;
};
void PackSlidingWeights(Context& context, const SlidingProduct& p, const float* w,
                        const WeightSteps& steps, float* packed);  // outputs * depth floats

// A worker's floats.
int64_t SlidingScratch(const SlidingProduct& p, int64_t group);
int64_t SlidingWeightsScratch(const SlidingProduct& p, const SlidingCut& cut);
// Of these, for panels or for where each row of the windows begins.
int64_t SlidingLayoutFloats(const SlidingProduct& p, const SlidingCut& cut);

// Pieces [begin, end) of pixel_tiles * output_blocks. end: as for y, from the group's first output
// on; its slope and pointers are those of moka/math.h.
struct SlidingArrays {
  const float *x, *x_end;  // x_end: of the whole array, of all groups
  const float* packed;
  float* y;
  const float *scale = nullptr, *shift = nullptr, *add = nullptr;  // add: as y, but for
  int64_t add_image = 0;                                           // its own floats to the next
  float slope = 1;
};
void SlidingPieces(const SlidingProduct& p, const SlidingCut& cut, const SlidingArrays& a,
                   int64_t begin, int64_t end, std::span<float> scratch);

// Piece of chunks * channel_blocks * output_blocks: sums[chunk][depth][output] of dy x', and
// bias[chunk][output] of dy (may be null; of the first channel block only).
struct SlidingWeightArrays {
  const float *x, *x_end;
  const float* dy;  // (images, outputs, pixels), dy_image floats from image to image
  int64_t dy_image;
  float* sums;
  int64_t sums_chunk, sums_row;  // floats from one chunk or depth to the next
  double* bias;
  int64_t bias_chunk;
  double* x_sums = nullptr;  // 1x1 kernels: [chunk][channel] of x, if not null; of the first
  int64_t x_sums_chunk = 0;  // output block only
  bool adds = false;         // to sums that are there already
};
void SlidingWeightPieces(const SlidingProduct& p, const SlidingCut& cut,
                         const SlidingWeightArrays& a, int64_t begin, int64_t end,
                         std::span<float> scratch);
// Rows of sums that are so long hold all outputs.
int64_t SlidingSumsRow(const SlidingProduct& p);
// dw[o][k] = or += the sum over chunks, in order; outputs [begin, end).
void SlidingAddChunks(const SlidingProduct& p, int64_t chunks, const SlidingWeightArrays& a,
                      bool add, int64_t begin, int64_t end, float* dw);

}  // namespace moka
