// The inner loops of depthwise convolution, compiled once for each generation of x86-64.
//
// target_clones (clones.h) would not do: GCC splits long vectors for the oldest processor before it
// clones. So depthwise_kernels_v*.cpp each compile depthwise_kernels_all.h for one generation.
#pragma once

#include <cstdint>
#include <span>

namespace moka {

// A sum over taps of weight * x[offset + ...].
struct DepthwiseTaps {
  int64_t count = 0;
  const float* weights = nullptr;  // not read for the weights' gradient
  const int64_t* offsets = nullptr;
};

// y (rows, width) from a tile x.
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

// A strip: `lanes` neighbouring columns of the result, and where each column of the kernel finds
// theirs in a row of x.
struct DepthwiseColumns {
  enum Kind {
    kPlain,  // `lanes` neighbours
    kPick,   // any of `lanes` neighbours, or zeros
    kSame,   // the same, and these are the same for all columns of the kernel
    kPair,   // any of two vectors
    kPairOrZero
  };
  int64_t column;   // of the result
  int first, last;  // lanes that count, where results are summed
  Kind kind;
  const int64_t* at;      // (kernel_w, 2): where the vectors begin
  const int32_t* places;  // (kernel_w, lanes): within them; zero: `lanes`, or -1 for pairs
};
// How a result is made, as in depthwise_strips.h.
struct DepthwiseStrips {
  int64_t height, width;      // of the result
  int64_t x_height, x_width;  // of what it is made from
  int64_t kernel_h, kernel_w;
  const int64_t* from;  // (height, kernel_h): where a row begins in a plane of x; negative: none
  // A square kernel, and result row r takes row r * stride - above of x and those that follow, if
  // mirrored with the last row of weights first.
  bool dense, mirrored;
  int64_t stride, above;
  // A square kernel without dilation, back through a stride; `pad` as it was forward.
  bool spreads;
  int64_t pad;
  const DepthwiseColumns* strips;
  int64_t strip_count;
};
// Rows [begin, end) of planes of the result. Each is a sum over `inputs` planes of x; `outputs`
// results share theirs.
struct DepthwiseStripRows {
  int64_t planes, inputs, outputs, begin, end;
  const float *x, *weights, *start;  // start: for each plane; may be null: 0
  float* y;                          // planes; all rows
  int64_t room;  // floats from y that may be written, now or by rows that follow
  // Then y = r(scale y0 + start), y0 the sum, r(v) = slope v where v < 0; scale: for each plane;
  // may be null: 1.
  const float* scale = nullptr;
  float slope = 1;
};
// sums[t] (lanes) += dy[r] * x for tap t, over the rows, for each of `outputs` planes of dy (the
// result's size) for each of x; sums[kernel] += dy[r].
struct DepthwiseStripSums {
  int64_t planes, outputs, begin, end;  // planes of x
  const float *x, *dy;
  float* sums;
};

struct DepthwiseKernels {
  int lanes;  // floats in a vector

  void (*rows)(const DepthwiseRows& rows, const DepthwiseTaps& taps);
  void (*sums)(const DepthwiseStrip& strip, const DepthwiseTaps& taps, float* sums);
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

  // Null if the processor has no permutations.
  void (*strip_rows)(const DepthwiseStrips& strips, const DepthwiseStripRows& rows);
  void (*strip_sums)(const DepthwiseStrips& strips, const DepthwiseStripSums& sums);
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
