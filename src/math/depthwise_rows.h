// Row kernels: y (rows, width) = start + sum over taps of weight * x, each tap at its own offset.
#pragma once

#include <cstdint>

namespace moka {

struct DepthwiseTaps {
  int64_t count = 0;
  const float* weights = nullptr;
  const int64_t* offsets = nullptr;  // from x; not read if the kernel is dense
};

struct DepthwiseRows {
  const float* x;  // 16 floats can be read from each element
  int64_t x_step;  // from row to row
  float* y;
  int64_t y_step;
  int64_t rows, width;
  // Floats from y that may be written: a row of less than 16 spills into the next, which then
  // takes its place.
  int64_t room;
  float start;
};

using DepthwiseRowKernel = void (*)(const DepthwiseRows& rows, const DepthwiseTaps& taps);
// dense: the taps are a kernel of these sizes, at (i, j) offset i * x_step + j. Null if there is no
// such kernel.
DepthwiseRowKernel DenseRowKernelFor(int64_t kernel_h, int64_t kernel_w);
void SumTapsOfRows(const DepthwiseRows& rows, const DepthwiseTaps& taps);

// Sums for the gradients: lanes[t] (16) += the sum over the rows of dy * x at the offset of tap t,
// and lanes[count] += that of dy alone; only of the lanes [first, last).
struct DepthwiseStrip {
  const float* x;
  int64_t x_step;
  const float* dy;
  int64_t dy_step;
  int64_t rows;
  int first, last;
};
using DepthwiseSumKernel = void (*)(const DepthwiseStrip& strip, const DepthwiseTaps& taps,
                                    float* lanes);
DepthwiseSumKernel DenseSumKernelFor(int64_t kernel_h, int64_t kernel_w);
void SumTapsOfStrip(const DepthwiseStrip& strip, const DepthwiseTaps& taps, float* lanes);
// sums (16 n) += lanes (16 n), which become 0.
void MoveLanes(int64_t n, float* lanes, double* sums);

}  // namespace moka
