// The inner loops of depthwise convolution, compiled once for each generation of x86-64.
//
// target_clones (clones.h) would not do: GCC splits long vectors for the oldest processor before it
// clones. So depthwise_kernels_*.cpp each compile depthwise_kernels_body.h for one generation.
#pragma once

#include <cstdint>
#include <span>

namespace moka {

// A sum over taps of weight * x[offset + ...].
struct DepthwiseTaps {
  int64_t count = 0;
  const float* weights = nullptr;    // not read for the weights' gradient
  const int64_t* offsets = nullptr;  // not read by dense kernels
};

// y (rows, width) from x. A dense kernel of n x n has tap (i, j) at offset i * x_step + j.
struct DepthwiseRows {
  const float* x;  // `lanes` floats can be read from each element
  int64_t x_step;  // from row to row
  float* y;
  int64_t y_step;
  int64_t rows, width;
  // Floats from y that may be written: a row of less than `lanes` spills into the next, which then
  // takes its place.
  int64_t room;
  float start;
};
using DepthwiseRowKernel = void (*)(const DepthwiseRows& rows, const DepthwiseTaps& taps);

// sums[t] (lanes) += dy * x at the offset of tap t, over the rows; sums[count] += dy. Only of the
// lanes [first, last).
struct DepthwiseStrip {
  const float* x;
  int64_t x_step;
  const float* dy;
  int64_t dy_step;
  int64_t rows;
  int first, last;
};
using DepthwiseSumKernel = void (*)(const DepthwiseStrip& strip, const DepthwiseTaps& taps,
                                    float* sums);

// Copies of a small plane, each with its columns moved for one tap, so that rows need no pad.
struct DepthwiseCopies {
  int64_t planes, x_step, tile_step;
  int64_t count, step;  // from copy to copy
  int64_t vectors;      // of a plane, if its columns are only shifted
  const int64_t* shifts;
  const int32_t* masks;  // (vectors, count, lanes): -1 where a column is in the plane
  int64_t rows, width;   // otherwise: rows of the plane
  const int64_t* to;     // where each begins in the first copy; negative: nowhere
  const int32_t* picks;  // (count, lanes): columns of a row
};

// Whole small planes, as one row of n each: y[k] = start + sum over taps, for planes that lie a
// step apart (in floats), as do their weights and starts. `start` may be null: 0.
struct DepthwisePlanes {
  int64_t planes, n;
  const float* x;
  int64_t x_step;
  DepthwiseTaps taps;
  int64_t weights_step;
  const float* start;
  int64_t start_step;
  float* y;
  int64_t y_step;
};
// sums[t] (lanes) += dy[k] * x[k + offset of t]; sums[count] += dy[k].
struct DepthwisePlaneSums {
  int64_t planes, n;
  const float* x;
  int64_t x_step;
  DepthwiseTaps taps;
  const float* dy;
  int64_t dy_step;
  float* sums;
  int64_t sums_step;
};

struct DepthwiseKernels {
  int lanes;  // floats in a vector

  DepthwiseRowKernel rows3, rows5, rows;  // 3x3, 5x5, any taps
  DepthwiseSumKernel sums3, sums5, sums;
  // sums (n) += lanes (n), or = the first time; lanes become 0. n is a multiple of `lanes`.
  void (*move)(int64_t n, bool first, float* lanes, double* sums);
  // y (n) = the sum of each row of x (n, lanes).
  void (*add_lanes)(int64_t n, const double* x, double* y);
  // y[r][k] = x[r][k * stride], k < n.
  void (*gather)(const float* x, int64_t x_step, float* y, int64_t y_step, int64_t rows, int64_t n,
                 int64_t stride);
  // y[r][2 k] = even[r][k], y[r][2 k + 1] = odd[r][k], for the n elements of each row of y.
  void (*interleave)(const float* even, const float* odd, int64_t x_step, float* y, int64_t y_step,
                     int64_t rows, int64_t n);

  // For small planes: to their copies, by shifts and masks, or row by row with picks and masks
  // (count, lanes).
  void (*shift)(const DepthwiseCopies& copies, const float* x, float* tile);
  void (*pick)(const DepthwiseCopies& copies, const float* x, float* tile);
  // Rows of y (rows, width <= lanes), one after the other: its even columns from at[row], its odd
  // ones `odd` beyond.
  void (*merge)(const float* x, const int64_t* at, int64_t odd, int64_t rows, int64_t width,
                float* y);
  void (*planes)(const DepthwisePlanes& planes);
  void (*plane_sums)(const DepthwisePlaneSums& planes);
};

// Those that this processor runs, the best last.
std::span<const DepthwiseKernels* const> AllDepthwiseKernels();
const DepthwiseKernels& BestDepthwiseKernels();

extern const DepthwiseKernels kDepthwiseKernelsV1;
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define MOKA_DEPTHWISE_GENERATIONS
extern const DepthwiseKernels kDepthwiseKernelsV3, kDepthwiseKernelsV4;
#endif

}  // namespace moka
