// Vectors whose elements change places or which end early, for Winograd convolution. Included once
// for each target of Highway.
#if defined(MOKA_MATH_WINOGRAD_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOKA_MATH_WINOGRAD_LANES_INL_H_
#undef MOKA_MATH_WINOGRAD_LANES_INL_H_
#else
#define MOKA_MATH_WINOGRAD_LANES_INL_H_
#endif

#include "math/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moka::HWY_NAMESPACE {

using Ints = hn::RebindToSigned<Floats>;

// Elements index[i] of low and high, one after the other.
struct TwoTables {
#if HWY_TARGET <= HWY_AVX3
  explicit TwoTables(const int32_t* index) : index_(hn::LoadU(Ints(), index)) {}
  HWY_INLINE FloatVector operator()(FloatVector low, FloatVector high) const {
    return FloatVector{_mm512_permutex2var_ps(low.raw, index_.raw, high.raw)};
  }

 private:
  hn::Vec<Ints> index_;
#else
  explicit TwoTables(const int32_t* index) {
    for (int64_t i = 0; i < kLanes; ++i) index_[i] = index[i];
  }
  HWY_INLINE FloatVector operator()(FloatVector low, FloatVector high) const {
    const Floats d;
    const Ints di;
    const auto index = hn::Load(di, index_);
    const auto within =
        hn::IndicesFromVec(d, hn::And(index, hn::Set(di, static_cast<int32_t>(kLanes) - 1)));
    return hn::IfThenElse(
        hn::RebindMask(d, hn::Gt(index, hn::Set(di, static_cast<int32_t>(kLanes) - 1))),
        hn::TableLookupLanes(high, within), hn::TableLookupLanes(low, within));
  }

 private:
  HWY_ALIGN int32_t index_[kLanes];
#endif
};

// u, v = u0 v0 u1 v1 ...: their first and second vector.
HWY_INLINE void Zip(FloatVector& u, FloatVector& v) {
#if HWY_TARGET <= HWY_AVX3
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
                high =
                    _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const FloatVector first{_mm512_permutex2var_ps(u.raw, low, v.raw)};
  v = FloatVector{_mm512_permutex2var_ps(u.raw, high, v.raw)};
  u = first;
#else
  const Floats d;
  const FloatVector low = hn::InterleaveLower(d, u, v), high = hn::InterleaveUpper(d, u, v);
#if HWY_TARGET == HWY_AVX2
  u = hn::ConcatLowerLower(d, high, low);
  v = hn::ConcatUpperUpper(d, high, low);
#else
  u = low;
  v = high;
#endif
#endif
}

// v = v[0][0] v[1][0] ... v[0][1] v[1][1] ...: all of them as one, and back.
HWY_INLINE void Interleave(FloatVector (&v)[2]) { Zip(v[0], v[1]); }
HWY_INLINE void Interleave(FloatVector (&v)[4]) {
  Zip(v[0], v[2]);
  Zip(v[1], v[3]);
  Zip(v[0], v[1]);
  Zip(v[2], v[3]);
}
HWY_INLINE void Deinterleave(FloatVector (&v)[2]) {
  const Floats d;
  const FloatVector even = hn::ConcatEven(d, v[1], v[0]);
  v[1] = hn::ConcatOdd(d, v[1], v[0]);
  v[0] = even;
}
HWY_INLINE void Deinterleave(FloatVector (&v)[4]) {
  const Floats d;
  const FloatVector even0 = hn::ConcatEven(d, v[1], v[0]), odd0 = hn::ConcatOdd(d, v[1], v[0]);
  const FloatVector even1 = hn::ConcatEven(d, v[3], v[2]), odd1 = hn::ConcatOdd(d, v[3], v[2]);
  v[0] = hn::ConcatEven(d, even1, even0);
  v[2] = hn::ConcatOdd(d, even1, even0);
  v[1] = hn::ConcatEven(d, odd1, odd0);
  v[3] = hn::ConcatOdd(d, odd1, odd0);
}

// v[i][j] = v[j][i]. Zipping the two halves of all rows moves each index's top bit to the bottom;
// as often as there are bits, it swaps rows and columns.
HWY_INLINE void Turn(FloatVector (&v)[kLanes]) {
#pragma GCC unroll 4
  for (int64_t bits = kLanes; bits > 1; bits /= 2) {
    FloatVector next[kLanes];
#pragma GCC unroll 8
    for (int64_t i = 0; i < kLanes / 2; ++i) {
      FloatVector u = v[i], w = v[i + kLanes / 2];
      Zip(u, w);
      next[2 * i] = u;
      next[2 * i + 1] = w;
    }
#pragma GCC unroll 16
    for (int64_t i = 0; i < kLanes; ++i) v[i] = next[i];
  }
}

}  // namespace moka::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
