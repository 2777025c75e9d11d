// Functions of one float, written so that a compiler turns a loop over them into vector code: no
// branch, no table, no call. Use them within moka/elementwise.h's loops. Where the result is a
// normal number it is within 4 ULP of the true one (tests/math/functions_test.cpp); a NaN stays a
// NaN; overflow gives infinity, underflow 0 (or a denormal number, unless the thread flushes them,
// as threads in a pass do). They need IEEE arithmetic: not for -ffast-math.
//
// All stand on two polynomials, expm1 on [-log(2)/2, log(2)/2] and log on [sqrt(1/2), sqrt(2)]: of
// least weighted error, at Chebyshev nodes. "error" is the largest one, relative, of the
// polynomial.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace moka {

// x, but at least `least` and at most `most`. A NaN stays a NaN.
template <typename T>
[[gnu::always_inline]] inline T Clamp(T x, T least, T most) {
  const T below = most < x ? most : x;
  return below < least ? least : below;
}

namespace internal {

inline constexpr float kInf = std::numeric_limits<float>::infinity();
inline constexpr float kQuietNan = std::numeric_limits<float>::quiet_NaN();
// log(2) in two parts; the first has so few bits that its product with an exponent is exact.
inline constexpr float kLog2High = 0x1.62e4p-1f, kLog2Low = 0x1.7f7d1cp-20f;

[[gnu::always_inline]] inline float PowerOfTwo(uint32_t n) {  // from 2^-126 to 2^127
  return std::bit_cast<float>((n + 127) << 23);
}

// x = n log(2) + r, with |r| at most log(2)/2 and a little: exp(x) = 2^n (1 + q), q = expm1(r).
struct Reduced {
  uint32_t n;
  float q;
};

// expm1(r) for |r| up to log(2)/2 and a little: r + r^2 p(r), p of degree 4, error 1.5e-8.
[[gnu::always_inline]] inline float Expm1NearZero(float r) {
  float p = 0x1.6bea4ep-10f;
  p = p * r + 0x1.1232a6p-7f;
  p = p * r + 0x1.55568cp-5f;
  p = p * r + 0x1.5554a2p-3f;
  p = p * r + 0x1.fffffep-2f;
  return (r * r) * p + r;
}

// Of x + low, for |x| < 2^20 and low much smaller.
[[gnu::always_inline]] inline Reduced Reduce(float x, float low) {
  constexpr float kRound = 0x1.8p23f;  // adding it rounds to a whole number, left in the low bits
  const float shifted = x * 0x1.715476p0f + kRound;
  const float n = shifted - kRound;
  const float r = ((x - n * kLog2High) - n * kLog2Low) + low;
  return {std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(kRound), Expm1NearZero(r)};
}

// factor (1 + q) 2^n, which need not be a normal number. In two steps, since 2^128 is no float, and
// for one rounding of denormal numbers.
[[gnu::always_inline]] inline float Scaled(const Reduced& of, float factor) {
  const auto n = static_cast<int32_t>(of.n);
  const auto half = static_cast<uint32_t>(n >> 1);
  return ((factor + factor * of.q) * PowerOfTwo(half)) * PowerOfTwo(of.n - half);
}

// factor exp(x + low) for x from -150 to 89.
[[gnu::always_inline]] inline float ExpOfSum(float x, float low, float factor = 1) {
  return Scaled(Reduce(x, low), factor);
}

// expm1(x) for x from -30 to 89. With s = 2^(n-1) nothing cancels: 2 (s q + (s - 1/2)).
[[gnu::always_inline]] inline float Expm1WithinRange(float x) {
  const Reduced reduced = Reduce(x, 0);
  const float s = PowerOfTwo(reduced.n - 1);
  return (s * reduced.q + (s - 0.5f)) * 2;
}

// x = 2^exponent (1 + f), 1 + f from sqrt(1/2) to sqrt(2). Of 0 and infinity the exponent is
// infinite, of NaN and negative numbers f is NaN: then exponent log(2) + log(1 + f) is right there,
// too.
struct Mantissa {
  float f, exponent;
};
[[gnu::always_inline]] inline Mantissa Split(float x) {
  constexpr uint32_t kSqrtHalf = 0x3f3504f3;
  const bool denormal = x < 0x1p-126f;
  const auto bits = std::bit_cast<uint32_t>(denormal ? x * 0x1p23f : x);
  const int32_t e = static_cast<int32_t>(bits - kSqrtHalf) >> 23;
  const float f = std::bit_cast<float>(bits - (static_cast<uint32_t>(e) << 23)) - 1;
  const float exponent = static_cast<float>(e) + (denormal ? -23.0f : 0.0f);
  const float above_zero = x < kInf ? exponent : kInf;
  return {x >= 0 ? f : kQuietNan, x == 0 ? -kInf : above_zero};
}

// log(x) in double, error 1.1e-10: for powers, which magnify it.
[[gnu::always_inline]] inline double LogInDouble(float x) {
  const Mantissa m = Split(x);
  const double f = m.f;
  // log(1 + f) = f + f^2 p(f), p of degree 10
  double p = -0.059940751185342409;
  p = p * f + 0.10730973390148411;
  p = p * f - 0.10872936721188355;
  p = p * f + 0.11020641663225995;
  p = p * f - 0.12412209502315241;
  p = p * f + 0.14285702356433017;
  p = p * f - 0.16670353473987864;
  p = p * f + 0.20000097143143161;
  p = p * f - 0.24999937551603635;
  p = p * f + 0.33333331969706864;
  p = p * f - 0.50000000287349944;
  return static_cast<double>(m.exponent) * 0.69314718055994531 + (f + (f * f) * p);
}

// factor exp(-x^2 / 2). x^2 in two parts, the square of x's 12 leading bits and the rest.
[[gnu::always_inline]] inline float TimesGaussian(float factor, float x) {
  const float size = std::abs(x);
  const float a = 14.5f < size ? 14.5f : size;  // exp(-105) is 0
  const float lead = std::bit_cast<float>(std::bit_cast<uint32_t>(a) & 0xfffff000);
  return ExpOfSum(-0.5f * (lead * lead), -0.5f * ((a - lead) * (a + lead)), factor);
}

}  // namespace internal

[[gnu::always_inline]] inline float Exp(float x) {
  return internal::ExpOfSum(Clamp(x, -104.0f, 89.0f), 0);
}
// The same of an argument in double, whose rounding to float exp would magnify.
[[gnu::always_inline]] inline float Exp(double x) {
  const double within = Clamp(x, -104.0, 89.0);
  const auto high = static_cast<float>(within);
  return internal::ExpOfSum(high, static_cast<float>(within - static_cast<double>(high)));
}

// exp(x) - 1
[[gnu::always_inline]] inline float Expm1(float x) {
  return internal::Expm1WithinRange(Clamp(x, -30.0f, 89.0f));
}

namespace internal {

// log(1 + f) = f - f^2 / 2 + f^3 p(f), 1 + f from sqrt(1/2) to sqrt(2); p of degree 7,
// error 5.9e-9.
[[gnu::always_inline]] inline float CubicOfLog(float f) {
  float p = -0x1.38b3a8p-4f;
  p = p * f + 0x1.056f78p-3f;
  p = p * f - 0x1.0d8ee0p-3f;
  p = p * f + 0x1.22d818p-3f;
  p = p * f - 0x1.547126p-3f;
  p = p * f + 0x1.99a014p-3f;
  p = p * f - 0x1.00022ap-2f;
  return p * f + 0x1.555554p-2f;
}

}  // namespace internal

[[gnu::always_inline]] inline float Log(float x) {
  const internal::Mantissa m = internal::Split(x);
  const float f = m.f, ff = f * f;
  const float small = (f * ff) * internal::CubicOfLog(f) + m.exponent * internal::kLog2Low;
  return (f + (small - 0.5f * ff)) + m.exponent * internal::kLog2High;
}
// The same of an argument in double, within float's range: log(h + l) = log(h) + l / h.
[[gnu::always_inline]] inline float Log(double x) {
  const auto high = static_cast<float>(x);
  const float y = Log(high);
  const float rest = static_cast<float>(x - static_cast<double>(high)) / high;
  return std::abs(y) < internal::kInf ? y + rest : y;
}

// log(1 + x). The rounding of 1 + x is put right: it was x - (u - 1).
[[gnu::always_inline]] inline float Log1p(float x) {
  const float u = 1 + x;
  const float y = Log(u);
  const float rest = (x - (u - 1)) / u;
  return std::abs(y) < internal::kInf ? y + rest : y;
}

// x to the power y, for finite y; x < 0 gives NaN.
[[gnu::always_inline]] inline float Pow(float x, float y) {
  const float power = Exp(static_cast<double>(y) * internal::LogInDouble(x));
  return y == 0 ? 1.0f : power;
}

// The same for |y| <= 4, in less time: in floats alone. As 2^(y log2(x)); of y and x's exponent the
// leading bits make a product that is exact, and the rest is small.
[[gnu::always_inline]] inline float SmallPow(float x, float y) {
  constexpr float kRound = 0x1.8p23f;
  const internal::Mantissa m = internal::Split(x);
  const float f = m.f, ff = f * f, e = Clamp(m.exponent, -1e30f, 1e30f);
  const float log = f + ((f * ff) * internal::CubicOfLog(f) - 0.5f * ff);
  const float high = std::bit_cast<float>(std::bit_cast<uint32_t>(y) & 0xFFFFF000);
  const float whole = high * e, rest = (y - high) * e + y * (log * 0x1.715476p0f);
  const float sum = whole + rest, within = Clamp(sum, -151.0f, 129.0f);
  const float shifted = within + kRound;
  const float r = (whole - (shifted - kRound)) + rest;
  const float fraction = (sum < -151) | (sum > 129) ? 0.0f : r * 0x1.62e430p-1f;
  const uint32_t n = std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(kRound);
  const float power = internal::Scaled({n, internal::Expm1NearZero(fraction)}, 1);
  return y == 0 ? 1.0f : power;
}

// With t = exp(2|x|) - 1: t / (t + 2). From |x| = 10 on it is 1.
[[gnu::always_inline]] inline float Tanh(float x) {
  const float size = std::abs(x);
  const float t = internal::Expm1WithinRange(2 * (10.0f < size ? 10.0f : size));
  return std::copysign(t / (t + 2), x);
}

// 1 / (1 + exp(-x)). Where exp(-x) overflows, the true value is below the smallest normal number.
[[gnu::always_inline]] inline float Sigmoid(float x) { return 1 / (1 + Exp(-x)); }

// 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x. As 1 - exp(-a p(a)) with a = |x|, p of
// degree 8, error 4e-9; from a = 4 on it is 1.
[[gnu::always_inline]] inline float Erf(float x) {
  const float size = std::abs(x);
  const float a = 4.0f < size ? 4.0f : size;
  float p = -0x1.369768p-17f;
  p = p * a + 0x1.ed6d16p-14f;
  p = p * a - 0x1.4bca3cp-11f;
  p = p * a + 0x1.b50096p-10f;
  p = p * a - 0x1.5061f0p-13f;
  p = p * a - 0x1.39cdc4p-6f;
  p = p * a + 0x1.a4fa5ep-4f;
  p = p * a + 0x1.45f2fap-1f;
  p = p * a + 0x1.20dd76p0f;
  return std::copysign(internal::Expm1WithinRange(-a * p), x);
}

// exp(-x^2 / 2)
[[gnu::always_inline]] inline float Gaussian(float x) { return internal::TimesGaussian(1, x); }

// Phi(x), the share of a normal distribution that lies below x: (1 + erf(x / sqrt(2))) / 2. With
// a = |x| + 2, its lower tail is exp(-x^2 / 2) p(t) / a, t = 0.473 - 2 / a (small, so that little
// is lost in p), p of degree 11, error 7e-9 with its coefficients rounded: 0.473 was chosen for it.
[[gnu::always_inline]] inline float NormalCdf(float x) {
  const float size = std::abs(x);
  const float a = (14.5f < size ? 14.5f : size) + 2;
  const float inverse = 1 / a, t = 0.47265625f - 2 * inverse;
  float p = -0x1.150018p-3f;
  p = p * t - 0x1.8b9710p-3f;
  p = p * t + 0x1.635fc4p-6f;
  p = p * t + 0x1.cdc4ccp-3f;
  p = p * t + 0x1.3a5a04p-3f;
  p = p * t - 0x1.9a5500p-4f;
  p = p * t - 0x1.df6104p-3f;
  p = p * t - 0x1.39b2e6p-5f;
  p = p * t + 0x1.2a4348p-2f;
  p = p * t + 0x1.1d18f2p-3f;
  p = p * t - 0x1.4fcbd0p-1f;
  p = p * t + 0x1.4f0a6ep-1f;
  const float tail = internal::TimesGaussian(p * inverse, x);
  return x < 0 ? tail : 1 - tail;
}

}  // namespace moka
