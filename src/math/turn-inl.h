// y (n, rows) = x' of x (rows, n). Included once for each target of Highway.
#if defined(MOKA_MATH_TURN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOKA_MATH_TURN_INL_H_
#undef MOKA_MATH_TURN_INL_H_
#else
#define MOKA_MATH_TURN_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace moka::HWY_NAMESPACE {

// x_step, y_step: floats from row to row. Four rows of four at a time.
HWY_INLINE void TurnRows(const float* HWY_RESTRICT x, int64_t rows, int64_t x_step, int64_t n,
                         float* HWY_RESTRICT y, int64_t y_step) {
  namespace hn = hwy::HWY_NAMESPACE;
  int64_t i = 0;
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
