// functions.h against double, over all of float in steps: in the best vectors that there are, and
// in those of every processor.
#include "moka/functions.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "moka/elementwise.h"

namespace moka {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr uint32_t kStep = 997;  // of bit patterns; a prime
constexpr float kSmallestNormal = 0x1p-126f;

// How many units in float's last place `got` is from `want`. What is below the normal numbers may
// be anything there, infinity and NaN must be so exactly.
double Ulps(float got, double want) {
  const auto nearest = static_cast<float>(want);
  if (std::isnan(want) || std::isnan(got))
    return std::isnan(want) && std::isnan(got) ? 0 : HUGE_VAL;
  if (std::isinf(nearest) || std::isinf(got)) {
    // The last finite numbers may round the other way.
    const bool both_large = std::abs(got) > 0x1.fffff0p127f && std::abs(want) > 0x1.fffff0p127;
    return got == nearest || (both_large && std::signbit(got) == std::signbit(want)) ? 0 : HUGE_VAL;
  }
  if (std::abs(want) < double{kSmallestNormal}) {
    return std::abs(got) <= kSmallestNormal ? 0 : HUGE_VAL;
  }
  int exponent;
  std::frexp(want, &exponent);
  return std::abs(static_cast<double>(got) - want) / std::ldexp(1.0, exponent - 24);
}

struct Worst {
  double ulps = 0;
  float x = 0;
  void Add(float at, float got, double want) {
    const double ulp = Ulps(got, want);
    if (ulp > ulps) *this = {ulp, at};
  }
};

// f (float -> float) against g (double -> double), where g is asked at x itself.
template <typename F, typename G>
void ExpectWithin(double ulps, F f, G g) {
  constexpr int kBlock = 4096;
  std::vector<float> block(kBlock), vectors(kBlock), plain(kBlock);
  Worst worst, worst_plain;
  for (uint64_t bits = 0; bits < uint64_t{1} << 32;) {
    int n = 0;
    for (; n < kBlock && bits < uint64_t{1} << 32; bits += kStep) {
      block[static_cast<size_t>(n++)] = std::bit_cast<float>(static_cast<uint32_t>(bits));
    }
    const float* x = block.data();
    Vectorised([=, y = vectors.data()] {
#pragma GCC ivdep
      for (int i = 0; i < n; ++i) y[i] = f(x[i]);
    });
    float* y = plain.data();
#pragma GCC ivdep
    for (int i = 0; i < n; ++i) y[i] = f(x[i]);
    for (int i = 0; i < n; ++i) {
      const double want = g(static_cast<double>(x[i]));
      worst.Add(x[i], vectors[static_cast<size_t>(i)], want);
      worst_plain.Add(x[i], y[i], want);
    }
  }
  EXPECT_LE(worst.ulps, ulps) << "at " << worst.x;
  EXPECT_LE(worst_plain.ulps, ulps) << "at " << worst_plain.x << " without vectors";
}

void ExpectSame(float got, float want) {
  EXPECT_TRUE(std::isnan(want) ? std::isnan(got) : got == want) << got << ", not " << want;
}

TEST(Functions, ExpIsNearDouble) {
  ExpectWithin(
      2, [](float x) { return Exp(x); }, [](double x) { return std::exp(x); });
  ExpectWithin(
      2, [](float x) { return Exp(-3.3 * static_cast<double>(x) + 0.7); },
      [](double x) { return std::exp(-3.3 * x + 0.7); });
}

TEST(Functions, ExpIsExactAtTheEnds) {
  ExpectSame(Exp(0.0f), 1);
  ExpectSame(Exp(kInf), kInf);
  ExpectSame(Exp(89.0f), kInf);
  ExpectSame(Exp(-kInf), 0);
  ExpectSame(Exp(-104.0f), 0);
  ExpectSame(Exp(kNan), kNan);
  ExpectSame(Exp(-kNan), kNan);
  EXPECT_EQ(Exp(1e300), kInf);
  EXPECT_EQ(Exp(-1e300), 0);
  EXPECT_TRUE(std::isfinite(Exp(88.722f)));  // 2^128 (1 - 1e-6)
  ExpectSame(Exp(-100.0f), 3.783506e-44f);   // a denormal number
}

TEST(Functions, Expm1IsNearDouble) {
  ExpectWithin(
      2, [](float x) { return Expm1(x); }, [](double x) { return std::expm1(x); });
}

TEST(Functions, Expm1IsExactAtTheEnds) {
  ExpectSame(Expm1(0.0f), 0);
  ExpectSame(Expm1(kInf), kInf);
  ExpectSame(Expm1(-kInf), -1);
  ExpectSame(Expm1(kNan), kNan);
  ExpectSame(Expm1(1e-30f), 1e-30f);
}

TEST(Functions, LogIsNearDouble) {
  ExpectWithin(
      2, [](float x) { return Log(x); }, [](double x) { return std::log(x); });
  ExpectWithin(  // near 1 as well, where x is small
      2, [](float x) { return Log(1.0 + 0.25 * static_cast<double>(x)); },
      [](double x) { return std::log(1.0 + 0.25 * x); });
}

TEST(Functions, LogIsExactAtTheEnds) {
  ExpectSame(Log(1.0f), 0);
  ExpectSame(Log(0.0f), -kInf);
  ExpectSame(Log(-0.0f), -kInf);
  ExpectSame(Log(-1.0f), kNan);
  ExpectSame(Log(-kInf), kNan);
  ExpectSame(Log(kInf), kInf);
  ExpectSame(Log(kNan), kNan);
  ExpectSame(Log(0.0), -kInf);
  ExpectSame(Log(-1.0), kNan);
  EXPECT_NEAR(Log(0x1p-149f), -103.27893f, 1e-5f);  // the smallest denormal number
}

TEST(Functions, Log1pIsNearDouble) {
  ExpectWithin(
      2, [](float x) { return Log1p(x); }, [](double x) { return std::log1p(x); });
}

TEST(Functions, Log1pIsExactAtTheEnds) {
  ExpectSame(Log1p(0.0f), 0);
  ExpectSame(Log1p(-1.0f), -kInf);
  ExpectSame(Log1p(-1.5f), kNan);
  ExpectSame(Log1p(kInf), kInf);
  ExpectSame(Log1p(kNan), kNan);
}

TEST(Functions, PowIsNearDouble) {
  for (const float y : {1.7f, -0.3f, 5.0f, -2.0f, 30.25f, 1e-3f}) {
    SCOPED_TRACE(y);
    ExpectWithin(
        2, [y](float x) { return Pow(std::abs(x), y); },
        [y](double x) { return std::pow(std::abs(x), static_cast<double>(y)); });
  }
}

TEST(Functions, PowIsExactAtTheEnds) {
  ExpectSame(Pow(0, 2.5f), 0);
  ExpectSame(Pow(0, -2.5f), kInf);
  ExpectSame(Pow(kInf, 0.5f), kInf);
  ExpectSame(Pow(kInf, -0.5f), 0);
  for (const float x : {0.0f, 3.0f, kInf, kNan, -1.0f}) ExpectSame(Pow(x, 0), 1);
  ExpectSame(Pow(-2, 0.5f), kNan);
  ExpectSame(Pow(kNan, 0.5f), kNan);
  ExpectSame(Pow(1, 1e30f), 1);
}

TEST(Functions, SmallPowIsNearDouble) {
  for (const float y : {1.7f, -0.3f, -0.75f, 0.1f, 2.3f, -3.9f, 4.0f, 1e-3f}) {
    SCOPED_TRACE(y);
    ExpectWithin(
        4, [y](float x) { return SmallPow(std::abs(x), y); },
        [y](double x) { return std::pow(std::abs(x), static_cast<double>(y)); });
  }
}

TEST(Functions, SmallPowIsExactAtTheEnds) {
  ExpectSame(SmallPow(0, 2.5f), 0);
  ExpectSame(SmallPow(0, 1e-20f), 0);
  ExpectSame(SmallPow(0, -2.5f), kInf);
  ExpectSame(SmallPow(kInf, 0.5f), kInf);
  ExpectSame(SmallPow(kInf, -0.5f), 0);
  for (const float x : {0.0f, 3.0f, kInf, kNan, -1.0f}) ExpectSame(SmallPow(x, 0), 1);
  ExpectSame(SmallPow(-2, 0.5f), kNan);
  ExpectSame(SmallPow(kNan, 0.5f), kNan);
  ExpectSame(SmallPow(1, 4), 1);
}

TEST(Functions, TanhIsNearDouble) {
  ExpectWithin(
      4, [](float x) { return Tanh(x); }, [](double x) { return std::tanh(x); });
}

TEST(Functions, TanhIsExactAtTheEnds) {
  ExpectSame(Tanh(kInf), 1);
  ExpectSame(Tanh(-kInf), -1);
  ExpectSame(Tanh(kNan), kNan);
  ExpectSame(Tanh(0), 0);
  EXPECT_TRUE(std::signbit(Tanh(-0.0f)));
}

TEST(Functions, SigmoidIsNearDouble) {
  ExpectWithin(
      4, [](float x) { return Sigmoid(x); }, [](double x) { return 1 / (1 + std::exp(-x)); });
}

TEST(Functions, SigmoidIsExactAtTheEnds) {
  ExpectSame(Sigmoid(kInf), 1);
  ExpectSame(Sigmoid(-kInf), 0);
  ExpectSame(Sigmoid(-1000), 0);
  ExpectSame(Sigmoid(kNan), kNan);
  ExpectSame(Sigmoid(0), 0.5f);
}

TEST(Functions, ErfIsNearDouble) {
  ExpectWithin(
      4, [](float x) { return Erf(x); }, [](double x) { return std::erf(x); });
}

TEST(Functions, ErfIsExactAtTheEnds) {
  ExpectSame(Erf(kInf), 1);
  ExpectSame(Erf(-kInf), -1);
  ExpectSame(Erf(kNan), kNan);
  ExpectSame(Erf(0), 0);
}

TEST(Functions, GaussianIsNearDouble) {
  ExpectWithin(
      2, [](float x) { return Gaussian(x); }, [](double x) { return std::exp(-x * x / 2); });
}

TEST(Functions, NormalCdfIsNearDouble) {
  ExpectWithin(
      4, [](float x) { return NormalCdf(x); },
      [](double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; });
}

TEST(Functions, GaussianAndNormalCdfAreExactAtTheEnds) {
  ExpectSame(Gaussian(0), 1);
  ExpectSame(Gaussian(kInf), 0);
  ExpectSame(Gaussian(kNan), kNan);
  ExpectSame(NormalCdf(0), 0.5f);
  ExpectSame(NormalCdf(kInf), 1);
  ExpectSame(NormalCdf(-kInf), 0);
  ExpectSame(NormalCdf(kNan), kNan);
}

TEST(Functions, ClampKeepsNan) {
  ExpectSame(Clamp(7.0f, 0.0f, 6.0f), 6);
  ExpectSame(Clamp(-1.0f, 0.0f, 6.0f), 0);
  ExpectSame(Clamp(3.0f, 0.0f, 6.0f), 3);
  ExpectSame(Clamp(kNan, 0.0f, 6.0f), kNan);
}

}  // namespace
}  // namespace moka
