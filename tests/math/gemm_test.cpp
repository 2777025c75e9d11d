#include "naive/gemm.h"

#include <limits>

#include "moka/math.h"
#include "naive/compare.h"

namespace moka {
namespace {

struct Sizes {
  int64_t m, n, k;
};

constexpr Transpose kNo = Transpose::kNo, kYes = Transpose::kYes;

// Around the borders of what is cut: 8, 16, 24, 32, 64, pieces, and products that are too deep for
// the small kernels.
const Sizes kSizes[] = {{1, 1, 1},     {1, 7, 3},      {5, 1, 9},     {3, 4, 0},      {8, 64, 16},
                        {17, 33, 65},  {64, 10, 500},  {64, 500, 80}, {129, 257, 61}, {31, 65, 600},
                        {40, 70, 900}, {50, 64, 2000}, {33, 31, 195}, {500, 800, 64}};

TEST(Gemm, AgreesWithTheDefinition) {
  Context context({.threads = 2, .seed = 1});
  for (const Sizes& s : kSizes) {
    const auto a = naive::Random(static_cast<size_t>(s.m * s.k), "a");
    const auto b = naive::Random(static_cast<size_t>(s.k * s.n), "b");
    const auto c = naive::Random(static_cast<size_t>(s.m * s.n), "c");
    for (const Transpose ta : {kNo, kYes}) {
      for (const Transpose tb : {kNo, kYes}) {
        for (const float beta : {0.0f, 1.0f, -0.5f}) {
          std::vector<float> got = c;
          Gemm(context, ta, tb, s.m, s.n, s.k, 1.5f, a.data(), b.data(), beta, got.data());
          EXPECT_TRUE(naive::Near(naive::Gemm(ta, tb, s.m, s.n, s.k, 1.5, a, b, beta, c), got))
              << s.m << "x" << s.n << "x" << s.k << (ta == kYes ? " T" : " N")
              << (tb == kYes ? "T" : "N") << " beta " << beta;
        }
      }
    }
  }
}

TEST(Gemm, LeavesWhatLiesBetweenTheRowsAlone) {
  Context context({.threads = 2, .seed = 1});
  const auto a = naive::Random(70 * 30, "a"), b = naive::Random(40 * 90, "b");
  std::vector<float> c(70 * 100, 3.0f), small(60 * 80);
  Gemm(context, kNo, kYes, 60, 80, 20, 1, a.data(), 30, b.data(), 40, 0, c.data(), 100);
  for (size_t i = 0; i < c.size(); ++i) {
    if (i / 100 < 60 && i % 100 < 80) continue;
    ASSERT_EQ(c[i], 3.0f) << i;
  }
}

TEST(Gemm, DoesNotReadTheOldValuesWhenBetaIsZero) {
  Context context({.threads = 1, .seed = 1});
  for (const Sizes& s : kSizes) {
    for (const Transpose t : {kNo, kYes}) {
      const std::vector<float> a(static_cast<size_t>(s.m * s.k), 1.0f);
      const std::vector<float> b(static_cast<size_t>(s.k * s.n), 1.0f);
      std::vector<float> c(static_cast<size_t>(s.m * s.n), std::numeric_limits<float>::quiet_NaN());
      Gemm(context, kNo, t, s.m, s.n, s.k, 1, a.data(), b.data(), 0, c.data());
      for (const float value : c) ASSERT_EQ(value, static_cast<float>(s.k));
    }
  }
}

TEST(Gemm, GivesTheSameBitsForAnyNumberOfThreads) {
  for (const Sizes& s : kSizes) {
    const auto a = naive::Random(static_cast<size_t>(s.m * s.k), "a");
    const auto b = naive::Random(static_cast<size_t>(s.k * s.n), "b");
    for (const Transpose t : {kNo, kYes}) {
      std::vector<std::vector<float>> results;
      for (const int threads : {1, 2, 3}) {
        Context context({.threads = threads, .seed = 1});
        results.emplace_back(static_cast<size_t>(s.m * s.n));
        Gemm(context, kNo, t, s.m, s.n, s.k, 1, a.data(), b.data(), 0, results.back().data());
      }
      EXPECT_EQ(results[0], results[1]);
      EXPECT_EQ(results[0], results[2]);
    }
  }
}

TEST(Gemm, RefusesSidesThatOpenBlasCannotCount) {
  Context context({.threads = 1, .seed = 1});
  float x = 0;
  try {
    Gemm(context, kNo, kNo, 1, 1, 1, 1, &x, int64_t{1} << 40, &x, 1, 0, &x, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "a matrix with a side of 1099511627776 is too large for OpenBLAS");
  }
}

}  // namespace
}  // namespace moka
