// y (n, rows) = x' of x (rows, n). Included once for each target of Highway.
#if defined(MOKA_MATH_TURN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOKA_MATH_TURN_INL_H_
#undef MOKA_MATH_TURN_INL_H_
#else
#define MOKA_MATH_TURN_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace moka::HWY_NAMESPACE {

#if HWY_TARGET <= HWY_AVX3
// Sixteen rows of sixteen, from x to y; ahead: from x on, what is turned later.
HWY_INLINE void TurnSquare(const float* HWY_RESTRICT x, int64_t x_step, float* HWY_RESTRICT y,
                           int64_t y_step, int64_t ahead) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::FixedTag<float, 16> d;
  const hn::RepartitionToWide<decltype(d)> pairs;
  using Vector = hn::Vec<decltype(d)>;
  // columns[c][g]: its block b has column 4 b + c of rows 4 g to 4 g + 3.
  Vector columns[4][4];
#pragma GCC unroll 4
  for (int g = 0; g < 4; ++g, x += 4 * x_step) {
    const auto r0 = hn::LoadU(d, x), r1 = hn::LoadU(d, x + x_step),
               r2 = hn::LoadU(d, x + 2 * x_step), r3 = hn::LoadU(d, x + 3 * x_step);
    for (int i = 0; i < 4 && ahead != 0; ++i) __builtin_prefetch(x + ahead + i * x_step);
    const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, r0, r1)),
               high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, r0, r1)),
               low23 = hn::BitCast(pairs, hn::InterleaveLower(d, r2, r3)),
               high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, r2, r3));
    columns[0][g] = hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23));
    columns[1][g] = hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23));
    columns[2][g] = hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23));
    columns[3][g] = hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23));
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c, y += y_step) {
    const Vector* v = columns[c];
    const auto even01 = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(v[1]), v[0]),
               odd01 = hn::OddEvenBlocks(v[1], hn::SwapAdjacentBlocks(v[0])),
               even23 = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(v[3]), v[2]),
               odd23 = hn::OddEvenBlocks(v[3], hn::SwapAdjacentBlocks(v[2]));
    hn::StoreU(hn::ConcatLowerLower(d, even23, even01), d, y);
    hn::StoreU(hn::ConcatLowerLower(d, odd23, odd01), d, y + 4 * y_step);
    hn::StoreU(hn::ConcatUpperUpper(d, even23, even01), d, y + 8 * y_step);
    hn::StoreU(hn::ConcatUpperUpper(d, odd23, odd01), d, y + 12 * y_step);
  }
}
#endif

// x_step, y_step: floats from row to row. Sixteen or four rows at a time. next: from x on, the rows
// that will be turned after these, to be fetched meanwhile, or 0.
HWY_INLINE void TurnRows(const float* HWY_RESTRICT x, int64_t rows, int64_t x_step, int64_t n,
                         float* HWY_RESTRICT y, int64_t y_step, int64_t next = 0) {
  namespace hn = hwy::HWY_NAMESPACE;
  int64_t i = 0;
#if HWY_TARGET <= HWY_AVX3
  for (; i + 16 <= rows; i += 16) {
    const int64_t ahead = i + 32 <= rows ? 16 * x_step : next == 0 ? 0 : next - i * x_step;
    const auto square = [&](int64_t j) HWY_ATTR {
      TurnSquare(x + i * x_step + j, x_step, y + j * y_step + i, y_step, ahead);
    };
    int64_t j = 0;
    for (; j + 16 <= n; j += 16) square(j);
    if (j < n && n >= 16) square(n - 16), j = n;
    for (; j < n; ++j) {
      for (int64_t l = 0; l < 16; ++l) y[j * y_step + i + l] = x[(i + l) * x_step + j];
    }
  }
#endif
#if HWY_TARGET != HWY_SCALAR
  const hn::FixedTag<float, 4> d;
  const hn::RepartitionToWide<decltype(d)> pairs;
  for (; i + 4 <= rows; i += 4) {
    const float* from = x + i * x_step;
    float* to = y + i;
    int64_t j = 0;
    for (; j + 4 <= n; j += 4) {
      const auto a = hn::LoadU(d, from + j), b = hn::LoadU(d, from + x_step + j),
                 c = hn::LoadU(d, from + 2 * x_step + j), e = hn::LoadU(d, from + 3 * x_step + j);
      const auto ab_low = hn::BitCast(pairs, hn::InterleaveLower(d, a, b)),
                 ab_high = hn::BitCast(pairs, hn::InterleaveUpper(d, a, b)),
                 ce_low = hn::BitCast(pairs, hn::InterleaveLower(d, c, e)),
                 ce_high = hn::BitCast(pairs, hn::InterleaveUpper(d, c, e));
      float* row = to + j * y_step;
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab_low, ce_low)), d, row);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab_low, ce_low)), d, row + y_step);
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab_high, ce_high)), d, row + 2 * y_step);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab_high, ce_high)), d, row + 3 * y_step);
    }
    for (; j < n; ++j) {
      for (int64_t l = 0; l < 4; ++l) to[j * y_step + l] = from[l * x_step + j];
    }
  }
#endif
  for (; i < rows; ++i) {
    for (int64_t j = 0; j < n; ++j) y[j * y_step + i] = x[i * x_step + j];
  }
}

}  // namespace moka::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
