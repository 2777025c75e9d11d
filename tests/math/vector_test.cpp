#include "moka/math.h"
#include "naive/compare.h"

namespace moka {
namespace {

TEST(Axpy, AddsAMultiple) {
  Context context({.threads = 2, .seed = 1});
  std::vector<float> y = {1, 2, 3};
  Axpy(context, 2, std::vector<float>{10, 20, 30}, y);
  EXPECT_EQ(y, (std::vector<float>{21, 42, 63}));
}

TEST(Axpy, RefusesVectorsOfDifferentLength) {
  Context context({.threads = 1, .seed = 1});
  std::vector<float> y = {1, 2, 3};
  try {
    Axpy(context, 2, std::vector<float>{10, 20}, y);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "two vectors differ in length: 2 and 3");
  }
}

TEST(Copy, CopiesLongVectorsAndNothingOntoItself) {
  Context context({.threads = 2, .seed = 1});
  const auto x = naive::Random(100001, "x");
  std::vector<float> y(x.size());
  Copy(context, x, y);
  EXPECT_EQ(x, y);
  Copy(context, y, y);
  EXPECT_EQ(x, y);
}

TEST(Sums, AreExactOnSmallIntegers) {
  Context context({.threads = 2, .seed = 1});
  for (const size_t n : {0u, 1u, 7u, 8u, 9u, 100001u}) {
    std::vector<float> x(n), y(n);
    double sum = 0, absolute = 0, squares = 0, dot = 0;
    for (size_t i = 0; i < n; ++i) {
      x[i] = static_cast<float>(static_cast<int>(i % 7) - 3), y[i] = static_cast<float>(i % 5);
      sum += x[i], absolute += std::abs(x[i]), squares += x[i] * x[i], dot += x[i] * y[i];
    }
    EXPECT_EQ(Sum(context, x), sum);
    EXPECT_EQ(SumOfAbs(context, x), absolute);
    EXPECT_EQ(SumOfSquares(context, x), squares);
    EXPECT_EQ(Dot(context, x, y), dot);
  }
}

TEST(Sums, GiveTheSameBitsForAnyNumberOfThreads) {
  const auto x = naive::Random(300001, "x");
  Context one({.threads = 1, .seed = 1}), two({.threads = 2, .seed = 1}),
      three({.threads = 3, .seed = 1});
  EXPECT_EQ(Sum(one, x), Sum(two, x));
  EXPECT_EQ(Sum(one, x), Sum(three, x));
  EXPECT_EQ(SumOfSquares(one, x), SumOfSquares(three, x));
}

TEST(Sums, DoNotLoseSmallNumbersBesideALargeOne) {
  Context context({.threads = 1, .seed = 1});
  std::vector<float> x(1 << 20, 1.0f);
  x[0] = 1e9f;
  EXPECT_EQ(Sum(context, x), 1e9 + (1 << 20) - 1);
}

TEST(RepeatRow, WritesEachRow) {
  Context context({.threads = 2, .seed = 1});
  std::vector<float> y(6);
  RepeatRow(context, std::vector<float>{1, 2}, 3, y);
  EXPECT_EQ(y, (std::vector<float>{1, 2, 1, 2, 1, 2}));
}

TEST(SumRows, AssignsOrAddsTheSumOfEachColumn) {
  Context context({.threads = 2, .seed = 1});
  std::vector<float> y = {100, 200};
  const std::vector<float> x = {1, 2, 3, 4, 5, 6};
  SumRows(context, x, 3, true, y);
  EXPECT_EQ(y, (std::vector<float>{109, 212}));
  SumRows(context, x, 3, false, y);
  EXPECT_EQ(y, (std::vector<float>{9, 12}));
  SumRows(context, {}, 0, false, y);
  EXPECT_EQ(y, (std::vector<float>{0, 0}));
}

TEST(SumRows, SumsManyColumns) {
  Context context({.threads = 2, .seed = 1});
  const std::vector<float> x(3 * 1000, 0.5f);
  std::vector<float> y(1000);
  SumRows(context, x, 3, false, y);
  EXPECT_EQ(y, std::vector<float>(1000, 1.5f));
}

}  // namespace
}  // namespace moka
