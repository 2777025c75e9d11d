// dw: sums of dy * x over the rows of a strip of 16 columns.
#include "math/clones.h"
#include "math/depthwise_lanes.h"
#include "math/depthwise_rows.h"

namespace moka {
namespace {

struct NoMask {
  __attribute__((always_inline)) void Apply(Lanes16&) const {}
};
// Zeros in the lanes that do not count, in both factors: 0 * NaN is NaN.
struct LaneMask {
  Mask16 lanes;

  __attribute__((always_inline)) LaneMask(int first, int last) {
    const Mask16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    lanes = (lane >= first) & (lane < last);
  }
  __attribute__((always_inline)) void Apply(Lanes16& v) const {
    v = reinterpret_cast<Lanes16>(reinterpret_cast<Mask16>(v) & lanes);
  }
};

template <int kernel_h, int kernel_w, int rows, typename Mask>
__attribute__((always_inline)) inline void DenseSums(const float* x, int64_t x_step,
                                                     const float* dy, int64_t dy_step,
                                                     const Mask& mask, Lanes16* sums) {
  Lanes16 d[rows];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    Load(dy + r * dy_step, d[r]);
    mask.Apply(d[r]);
    sums[kernel_h * kernel_w] += d[r];
  }
#pragma GCC unroll 16
  for (int row = 0; row < rows + kernel_h - 1; ++row) {
#pragma GCC unroll 16
    for (int j = 0; j < kernel_w; ++j) {
      Lanes16 v;
      Load(x + row * x_step + j, v);
      mask.Apply(v);
#pragma GCC unroll 16
      for (int i = 0; i < kernel_h; ++i) {
        if (row - i >= 0 && row - i < rows) sums[i * kernel_w + j] += d[row - i] * v;
      }
    }
  }
}

template <int kernel_h, int kernel_w, typename Mask>
__attribute__((always_inline)) inline void DenseStrip(const DepthwiseStrip& t, const Mask& mask,
                                                      float* lanes) {
  constexpr int kSums = kernel_h * kernel_w + 1;
  Lanes16 sums[kSums];
#pragma GCC unroll 32
  for (int i = 0; i < kSums; ++i) Load(lanes + 16 * i, sums[i]);
  const float *x = t.x, *dy = t.dy;
  int64_t row = 0;
  for (; row + 4 <= t.rows; row += 4, x += 4 * t.x_step, dy += 4 * t.dy_step)
    DenseSums<kernel_h, kernel_w, 4>(x, t.x_step, dy, t.dy_step, mask, sums);
  for (; row < t.rows; ++row, x += t.x_step, dy += t.dy_step)
    DenseSums<kernel_h, kernel_w, 1>(x, t.x_step, dy, t.dy_step, mask, sums);
#pragma GCC unroll 32
  for (int i = 0; i < kSums; ++i) Store(sums[i], lanes + 16 * i);
}

template <int kernel_h, int kernel_w>
__attribute__((always_inline)) inline void DenseStrip(const DepthwiseStrip& t, float* lanes) {
  if (t.first == 0 && t.last == 16) {
    DenseStrip<kernel_h, kernel_w>(t, NoMask(), lanes);
  } else {
    DenseStrip<kernel_h, kernel_w>(t, LaneMask(t.first, t.last), lanes);
  }
}

MOKA_CLONES void Dense3(const DepthwiseStrip& strip, const DepthwiseTaps&, float* lanes) {
  DenseStrip<3, 3>(strip, lanes);
}
MOKA_CLONES void Dense5(const DepthwiseStrip& strip, const DepthwiseTaps&, float* lanes) {
  DenseStrip<5, 5>(strip, lanes);
}

// `taps` taps at these offsets; lanes belong to the first of them.
template <int taps, typename Mask>
__attribute__((always_inline)) inline void SomeTaps(const DepthwiseStrip& t, const Mask& mask,
                                                    const int64_t* offsets, float* lanes) {
  Lanes16 sums[taps];
  int64_t at[taps];
#pragma GCC unroll 16
  for (int i = 0; i < taps; ++i) {
    Load(lanes + 16 * i, sums[i]);
    at[i] = offsets[i];
  }
  const float *x = t.x, *dy = t.dy;
  for (int64_t row = 0; row < t.rows; ++row, x += t.x_step, dy += t.dy_step) {
    Lanes16 d;
    Load(dy, d);
    mask.Apply(d);
#pragma GCC unroll 16
    for (int i = 0; i < taps; ++i) {
      Lanes16 v;
      Load(x + at[i], v);
      mask.Apply(v);
      sums[i] += d * v;
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < taps; ++i) Store(sums[i], lanes + 16 * i);
}

template <typename Mask>
__attribute__((always_inline)) inline void AllTaps(const DepthwiseStrip& t, const Mask& mask,
                                                   const DepthwiseTaps& taps, float* lanes) {
  int64_t i = 0;
  for (; i + 9 <= taps.count; i += 9) SomeTaps<9>(t, mask, taps.offsets + i, lanes + 16 * i);
  for (; i + 3 <= taps.count; i += 3) SomeTaps<3>(t, mask, taps.offsets + i, lanes + 16 * i);
  for (; i < taps.count; ++i) SomeTaps<1>(t, mask, taps.offsets + i, lanes + 16 * i);
  Lanes16 sum;
  Load(lanes + 16 * i, sum);
  for (int64_t row = 0; row < t.rows; ++row) {
    Lanes16 d;
    Load(t.dy + row * t.dy_step, d);
    mask.Apply(d);
    sum += d;
  }
  Store(sum, lanes + 16 * i);
}

}  // namespace

DepthwiseSumKernel DenseSumKernelFor(int64_t kernel_h, int64_t kernel_w) {
  if (kernel_h == 3 && kernel_w == 3) return Dense3;
  if (kernel_h == 5 && kernel_w == 5) return Dense5;
  return nullptr;
}

MOKA_CLONES void SumTapsOfStrip(const DepthwiseStrip& strip, const DepthwiseTaps& taps,
                                float* lanes) {
  if (strip.first == 0 && strip.last == 16) {
    AllTaps(strip, NoMask(), taps, lanes);
  } else {
    AllTaps(strip, LaneMask(strip.first, strip.last), taps, lanes);
  }
}

MOKA_CLONES void MoveLanes(int64_t n, float* lanes, double* sums) {
  typedef double Doubles __attribute__((vector_size(64)));
  for (int64_t i = 0; i < 2 * n; ++i) {
    Lanes8 part;
    Doubles sum;
    std::memcpy(&part, lanes + 8 * i, sizeof part);
    std::memcpy(&sum, sums + 8 * i, sizeof sum);
    sum += __builtin_convertvector(part, Doubles);
    std::memcpy(sums + 8 * i, &sum, sizeof sum);
    part = Lanes8{};
    std::memcpy(lanes + 8 * i, &part, sizeof part);
  }
}

}  // namespace moka
