// The transforms of Winograd convolution in one dimension. With p the points (0, +-a, +-b,
// infinity), each output of a tile is a polynomial's coefficient:
//   A'[i][p] = p^i;  G[p][j] = p^j / product over other points q of (p - q);
//   B'[p] = coefficients of product over q != p of (x - q);
// infinity takes the highest coefficient. Points a = sqrt(1/2), b = sqrt(2) halve the error of
// 1, 2: their powers stay near 1. Included once for each target of Highway, after tile-inl.h.
#if defined(MOKA_MATH_WINOGRAD_POINTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOKA_MATH_WINOGRAD_POINTS_INL_H_
#undef MOKA_MATH_WINOGRAD_POINTS_INL_H_
#else
#define MOKA_MATH_WINOGRAD_POINTS_INL_H_
#endif

#include "math/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moka::HWY_NAMESPACE {

constexpr float kPointA = 0.70710678118654752F, kPointB = 1.41421356237309505F;

HWY_INLINE FloatVector Times(float s, FloatVector v) { return hn::Mul(hn::Set(Floats(), s), v); }
// s u + v
HWY_INLINE FloatVector TimesAdd(float s, FloatVector u, FloatVector v) {
  return hn::MulAdd(hn::Set(Floats(), s), u, v);
}

// o = B' d
HWY_INLINE void TransformInput(const FloatVector (&d)[6], FloatVector (&o)[6]) {
  o[0] = hn::Add(TimesAdd(-2.5F, d[2], d[4]), d[0]);
  const FloatVector even_a = TimesAdd(-2, d[2], d[4]), odd_a = TimesAdd(-2, d[1], d[3]);
  o[1] = TimesAdd(kPointA, odd_a, even_a);
  o[2] = TimesAdd(-kPointA, odd_a, even_a);
  const FloatVector even_b = TimesAdd(-0.5F, d[2], d[4]), odd_b = TimesAdd(-0.5F, d[1], d[3]);
  o[3] = TimesAdd(kPointB, odd_b, even_b);
  o[4] = TimesAdd(-kPointB, odd_b, even_b);
  o[5] = hn::Add(TimesAdd(-2.5F, d[3], d[5]), d[1]);
}
HWY_INLINE void TransformInput(const FloatVector (&d)[4], FloatVector (&o)[4]) {
  o[0] = hn::Sub(d[0], d[2]);
  o[1] = hn::Add(d[1], d[2]);
  o[2] = hn::Sub(d[2], d[1]);
  o[3] = hn::Sub(d[3], d[1]);
}

// o = A' m
HWY_INLINE void TransformOutput(const FloatVector (&m)[6], FloatVector (&o)[4]) {
  const FloatVector even_a = hn::Add(m[1], m[2]), odd_a = hn::Sub(m[1], m[2]);
  const FloatVector even_b = hn::Add(m[3], m[4]), odd_b = hn::Sub(m[3], m[4]);
  o[0] = hn::Add(m[0], hn::Add(even_a, even_b));
  o[1] = TimesAdd(kPointB, odd_b, Times(kPointA, odd_a));
  o[2] = TimesAdd(2, even_b, Times(0.5F, even_a));
  o[3] = TimesAdd(2 * kPointB, odd_b, TimesAdd(0.5F * kPointA, odd_a, m[5]));
}
HWY_INLINE void TransformOutput(const FloatVector (&m)[6], FloatVector (&o)[2]) {
  o[0] = hn::Add(m[0], hn::Add(hn::Add(m[1], m[2]), hn::Add(m[3], m[4])));
  o[1] = TimesAdd(kPointB, hn::Sub(m[3], m[4]), TimesAdd(kPointA, hn::Sub(m[1], m[2]), m[5]));
}
HWY_INLINE void TransformOutput(const FloatVector (&m)[4], FloatVector (&o)[2]) {
  o[0] = hn::Add(m[0], hn::Add(m[1], m[2]));
  o[1] = hn::Add(hn::Sub(m[1], m[2]), m[3]);
}

// o = G w
HWY_INLINE void TransformFilter(const FloatVector (&w)[3], FloatVector (&o)[6]) {
  o[0] = w[0];
  const FloatVector even_a = TimesAdd(0.5F, w[2], w[0]), even_b = TimesAdd(2, w[2], w[0]);
  o[1] = Times(-2.0F / 3, TimesAdd(kPointA, w[1], even_a));
  o[2] = Times(-2.0F / 3, TimesAdd(-kPointA, w[1], even_a));
  o[3] = Times(1.0F / 6, TimesAdd(kPointB, w[1], even_b));
  o[4] = Times(1.0F / 6, TimesAdd(-kPointB, w[1], even_b));
  o[5] = w[2];
}
HWY_INLINE void TransformFilter(const FloatVector (&w)[5], FloatVector (&o)[6]) {
  o[0] = w[0];
  const FloatVector even_a = TimesAdd(0.25F, w[4], TimesAdd(0.5F, w[2], w[0])),
                    even_b = TimesAdd(4, w[4], TimesAdd(2, w[2], w[0]));
  const FloatVector odd_a = TimesAdd(0.5F, w[3], w[1]), odd_b = TimesAdd(2, w[3], w[1]);
  o[1] = Times(-2.0F / 3, TimesAdd(kPointA, odd_a, even_a));
  o[2] = Times(-2.0F / 3, TimesAdd(-kPointA, odd_a, even_a));
  o[3] = Times(1.0F / 6, TimesAdd(kPointB, odd_b, even_b));
  o[4] = Times(1.0F / 6, TimesAdd(-kPointB, odd_b, even_b));
  o[5] = w[4];
}
HWY_INLINE void TransformFilter(const FloatVector (&w)[3], FloatVector (&o)[4]) {
  // The sign of the point 0 is in w: B' has it as 1 - x^2.
  const FloatVector even = Times(0.5F, hn::Add(w[0], w[2])), odd = Times(0.5F, w[1]);
  o[0] = w[0];
  o[1] = hn::Add(even, odd);
  o[2] = hn::Sub(even, odd);
  o[3] = w[2];
}

// o = A y: what the gradient for w takes of that for y.
HWY_INLINE void TransformGradient(const FloatVector (&y)[4], FloatVector (&o)[6]) {
  const FloatVector even_a = TimesAdd(0.5F, y[2], y[0]), odd_a = TimesAdd(0.5F, y[3], y[1]);
  const FloatVector even_b = TimesAdd(2, y[2], y[0]), odd_b = TimesAdd(2, y[3], y[1]);
  o[0] = y[0];
  o[1] = TimesAdd(kPointA, odd_a, even_a);
  o[2] = TimesAdd(-kPointA, odd_a, even_a);
  o[3] = TimesAdd(kPointB, odd_b, even_b);
  o[4] = TimesAdd(-kPointB, odd_b, even_b);
  o[5] = y[3];
}
HWY_INLINE void TransformGradient(const FloatVector (&y)[2], FloatVector (&o)[6]) {
  o[0] = y[0];
  o[1] = TimesAdd(kPointA, y[1], y[0]);
  o[2] = TimesAdd(-kPointA, y[1], y[0]);
  o[3] = TimesAdd(kPointB, y[1], y[0]);
  o[4] = TimesAdd(-kPointB, y[1], y[0]);
  o[5] = y[1];
}
HWY_INLINE void TransformGradient(const FloatVector (&y)[2], FloatVector (&o)[4]) {
  o[0] = y[0];
  o[1] = hn::Add(y[0], y[1]);
  o[2] = hn::Sub(y[0], y[1]);
  o[3] = y[1];
}

// o = G' u
HWY_INLINE void TransformSums(const FloatVector (&u)[6], FloatVector (&o)[3]) {
  const FloatVector even_a = Times(-2.0F / 3, hn::Add(u[1], u[2])),
                    odd_a = Times(-2.0F / 3 * kPointA, hn::Sub(u[1], u[2]));
  const FloatVector even_b = hn::Add(u[3], u[4]), odd_b = hn::Sub(u[3], u[4]);
  o[0] = hn::Add(u[0], TimesAdd(1.0F / 6, even_b, even_a));
  o[1] = TimesAdd(kPointB / 6, odd_b, odd_a);
  o[2] = TimesAdd(1.0F / 3, even_b, TimesAdd(0.5F, even_a, u[5]));
}
HWY_INLINE void TransformSums(const FloatVector (&u)[6], FloatVector (&o)[5]) {
  const FloatVector even_a = Times(-2.0F / 3, hn::Add(u[1], u[2])),
                    odd_a = Times(-2.0F / 3 * kPointA, hn::Sub(u[1], u[2]));
  const FloatVector even_b = Times(1.0F / 6, hn::Add(u[3], u[4])),
                    odd_b = Times(kPointB / 6, hn::Sub(u[3], u[4]));
  o[0] = hn::Add(u[0], hn::Add(even_a, even_b));
  o[1] = hn::Add(odd_a, odd_b);
  o[2] = TimesAdd(2, even_b, Times(0.5F, even_a));
  o[3] = TimesAdd(2, odd_b, Times(0.5F, odd_a));
  o[4] = TimesAdd(4, even_b, TimesAdd(0.25F, even_a, u[5]));
}
HWY_INLINE void TransformSums(const FloatVector (&u)[4], FloatVector (&o)[3]) {
  const FloatVector even = Times(0.5F, hn::Add(u[1], u[2]));
  o[0] = hn::Add(u[0], even);
  o[1] = Times(0.5F, hn::Sub(u[1], u[2]));
  o[2] = hn::Add(even, u[3]);
}

}  // namespace moka::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
