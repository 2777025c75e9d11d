// y = start + sum of w * x: blocks of 4 rows by 16 columns, which stay in registers.
#include "math/depthwise_rows.h"

#include <algorithm>

#include "math/clones.h"
#include "math/depthwise_lanes.h"

namespace moka {
namespace {

constexpr int kBlock = 4;  // rows

// n floats of v, or all that there is room for.
__attribute__((always_inline)) inline void StoreSome(const Lanes16& v, int64_t n, float* y) {
  float floats[16];
  std::memcpy(floats, &v, sizeof floats);
  int64_t k = 0;
  if (n & 8) CopyLanes<8>(floats, y), k = 8;
  if (n & 4) CopyLanes<4>(floats + k, y + k), k += 4;
  for (; k < n; ++k) y[k] = floats[k];
}

// A dense kernel: each vector of x that is loaded serves all rows that it is part of.
template <int kernel_h, int kernel_w>
struct DenseBlock {
  Lanes16 w[kernel_h * kernel_w];

  explicit __attribute__((always_inline)) DenseBlock(const DepthwiseTaps& taps) {
    for (int t = 0; t < kernel_h * kernel_w; ++t) w[t] = Lanes16{} + taps.weights[t];
  }

  template <int rows>
  __attribute__((always_inline)) void Add(const float* x, int64_t step,
                                          Lanes16 (&sums)[rows]) const {
#pragma GCC unroll 16
    for (int row = 0; row < rows + kernel_h - 1; ++row) {
#pragma GCC unroll 16
      for (int j = 0; j < kernel_w; ++j) {
        Lanes16 v;
        Load(x + row * step + j, v);
#pragma GCC unroll 16
        for (int i = 0; i < kernel_h; ++i) {
          if (row - i >= 0 && row - i < rows) sums[row - i] += w[i * kernel_w + j] * v;
        }
      }
    }
  }
};

struct TapBlock {
  const DepthwiseTaps& taps;

  template <int rows>
  __attribute__((always_inline)) void Add(const float* x, int64_t step,
                                          Lanes16 (&sums)[rows]) const {
    for (int64_t t = 0; t < taps.count; ++t) {
      const Lanes16 w = Lanes16{} + taps.weights[t];
      const float* from = x + taps.offsets[t];
#pragma GCC unroll 16
      for (int row = 0; row < rows; ++row) {
        Lanes16 v;
        Load(from + row * step, v);
        sums[row] += w * v;
      }
    }
  }
};

// Rows [row, row + n), all columns. The last vector of a row overlaps the one before.
template <int n, typename Block>
__attribute__((always_inline)) inline void BlockOfRows(const DepthwiseRows& t, int64_t row,
                                                       const Block& block) {
  const float* x = t.x + row * t.x_step;
  float* y = t.y + row * t.y_step;
  for (int64_t q = 0; q < t.width; q += 16) {
    if (q + 16 > t.width && t.width >= 16) q = t.width - 16;
    Lanes16 sums[n];
    for (Lanes16& sum : sums) sum = Lanes16{} + t.start;
    block.template Add<n>(x + q, t.x_step, sums);
    if (t.width >= 16) {
#pragma GCC unroll 16
      for (int r = 0; r < n; ++r) Store(sums[r], y + r * t.y_step + q);
    } else if (t.room - (row + n - 1) * t.y_step >= 16) {
#pragma GCC unroll 16
      for (int r = 0; r < n; ++r) Store(sums[r], y + r * t.y_step);
    } else {
      for (int r = 0; r < n; ++r) {
        const int64_t room = t.room - (row + r) * t.y_step;
        if (room >= 16) {
          Store(sums[r], y + r * t.y_step);
        } else {
          StoreSome(sums[r], room, y + r * t.y_step);
        }
      }
    }
  }
}

// The last block overlaps the one before.
template <typename Block>
__attribute__((always_inline)) inline void AllRows(const DepthwiseRows& t, const Block& block) {
  if (t.rows < kBlock) {
    for (int64_t row = 0; row < t.rows; ++row) BlockOfRows<1>(t, row, block);
    return;
  }
  for (int64_t row = 0; row < t.rows - kBlock; row += kBlock) BlockOfRows<kBlock>(t, row, block);
  BlockOfRows<kBlock>(t, t.rows - kBlock, block);
}

MOKA_CLONES void Dense3(const DepthwiseRows& rows, const DepthwiseTaps& taps) {
  AllRows(rows, DenseBlock<3, 3>(taps));
}
MOKA_CLONES void Dense5(const DepthwiseRows& rows, const DepthwiseTaps& taps) {
  AllRows(rows, DenseBlock<5, 5>(taps));
}

}  // namespace

DepthwiseRowKernel DenseRowKernelFor(int64_t kernel_h, int64_t kernel_w) {
  if (kernel_h == 3 && kernel_w == 3) return Dense3;
  if (kernel_h == 5 && kernel_w == 5) return Dense5;
  return nullptr;
}

MOKA_CLONES void SumTapsOfRows(const DepthwiseRows& rows, const DepthwiseTaps& taps) {
  AllRows(rows, TapBlock{taps});
}

}  // namespace moka
