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
  const float* ahead;  // what will be read next: ahead_step floats for each 4 rows
  int64_t ahead_step;
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

// How rows of small planes, each within one vector, make up those of the result:
//   result[r] = start + sum over (i, j) of weight[i][j] * pick_j(x[from[r][i]])
// where pick_j(row) has at each place one of the row's elements, or zero.
struct DepthwiseSmall {
  int64_t height, width;  // of the result
  int64_t plane;          // floats of one of x
  int64_t kernel_h, kernel_w;
  const int64_t* from;   // (height, kernel_h): where a row begins in a plane; negative: none
  const int32_t* picks;  // (kernel_w, lanes); from `lanes` on: zero
  // If the rows of one tap lie as those of the result (no stride or dilation), and the kernel is
  // square, result row r begins at row r - above of x, and if mirrored with the last i.
  bool dense, mirrored;
  int64_t above, x_height, x_width;
};
// Planes of the result, one after the other. Each is a sum over `inputs` planes of x; `outputs`
// results share theirs.
struct DepthwiseSmallRows {
  int64_t planes, inputs, outputs;
  const float *x, *weights, *start;  // start: for each plane; may be null: 0
  float* y;
  int64_t room;  // floats from y that may be written, now or by rows that follow
};
// sums[t] (lanes) += dy[r] * pick_j(x[from[r][i]]) over the rows, t = (i, j), for each of
// `outputs` planes of dy for each of x; sums[kernel] += dy[r].
struct DepthwiseSmallSums {
  int64_t planes, outputs;  // planes of x
  const float *x, *dy;
  float* sums;
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

  void (*small_rows)(const DepthwiseSmall& layout, const DepthwiseSmallRows& rows);
  void (*small_sums)(const DepthwiseSmall& layout, const DepthwiseSmallSums& sums);
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
