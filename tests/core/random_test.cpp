// Random streams: known answers, moments, independence of the order of calls.
#include "moka/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace moka {
namespace {

using Words = std::array<uint32_t, 4>;

// From the test vectors that the authors of Philox publish.
TEST(Philox, GivesThePublishedAnswers) {
  EXPECT_EQ((Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}), Philox({0, 0, 0, 0}, {0, 0}));
  EXPECT_EQ((Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}),
            Philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}));
  EXPECT_EQ((Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}),
            Philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}));
}

TEST(HashName, IsFnv1a) {
  EXPECT_EQ(0xcbf29ce484222325u, HashName(""));
  EXPECT_EQ(0xaf63dc4c8601ec8cu, HashName("a"));
  EXPECT_EQ(0x85944171f73967e8u, HashName("foobar"));
}

// Computed once by a second implementation. Snapshots resume with these numbers: they never change.
TEST(RandomStream, KeepsItsNumbersForEver) {
  const RandomStream random(1, "conv1", 2, 3);
  EXPECT_EQ((Words{0x2c7f5859, 0xf802fbe3, 0x8e4180db, 0x151a3957}), random.Block(0));
  EXPECT_EQ((Words{0x4e006560, 0x97364e25, 0xa7a131b3, 0x4df49106}), random.Block(1));
  EXPECT_EQ(0x97364e25u, random.Bits(5));
  EXPECT_EQ(0x97364e / 16777216.0f, random.Uniform(5));
  EXPECT_NEAR(-1.2982149, random.Gaussian(4), 1e-6);
  EXPECT_NEAR(-0.8315863, random.Gaussian(5), 1e-6);
  EXPECT_NEAR(-0.3090693, random.Gaussian(6), 1e-6);
  EXPECT_NEAR(0.8667853, random.Gaussian(7), 1e-6);
  EXPECT_EQ(711u, random.Below(7, 1000));
}

TEST(RandomStream, DependsOnAllThatNamesIt) {
  const std::set<uint32_t> first = {
      RandomStream(1, "a", 0, 0).Bits(0), RandomStream(2, "a", 0, 0).Bits(0),
      RandomStream(1, "b", 0, 0).Bits(0), RandomStream(1, "a", 1, 0).Bits(0),
      RandomStream(1, "a", 0, 1).Bits(0), RandomStream(1, "a", 0, uint64_t{1} << 32).Bits(0),
      RandomStream(1, "a", 0, 0).Bits(1), RandomStream(1, "a", 0, 0).Bits(uint64_t{1} << 40)};
  EXPECT_EQ(8u, first.size());
}

TEST(RandomStream, IsUniformOverZeroToOne) {
  const RandomStream random(7, "uniform", 0, 0);
  const int n = 40000;
  double sum = 0, squares = 0;
  for (int i = 0; i < n; ++i) {
    const float u = random.Uniform(static_cast<uint64_t>(i));
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    squares += u * u;
  }
  EXPECT_NEAR(1.0 / 2, sum / n, 0.006);
  EXPECT_NEAR(1.0 / 3, squares / n, 0.006);
  EXPECT_EQ(0, RandomStream::ToUniform(0));
  EXPECT_LT(RandomStream::ToUniform(0xffffffff), 1);
}

TEST(RandomStream, IsGaussianWithMean0AndDeviation1) {
  const RandomStream random(7, "gaussian", 0, 0);
  const int n = 40000;
  double sum = 0, squares = 0, fourths = 0, neighbours = 0;
  float before = 0;
  for (int i = 0; i < n; ++i) {
    const float x = random.Gaussian(static_cast<uint64_t>(i));
    sum += x;
    squares += x * x;
    fourths += x * x * x * x;
    neighbours += x * before;
    before = x;
  }
  EXPECT_NEAR(0, sum / n, 0.02);
  EXPECT_NEAR(1, squares / n, 0.03);
  EXPECT_NEAR(3, fourths / n, 0.2);
  EXPECT_NEAR(0, neighbours / n, 0.02);
}

TEST(RandomStream, StaysFiniteAtBothEndsOfTheBits) {
  for (const float x : RandomStream::ToGaussian({0, 0, 0xffffffff, 0xffffffff})) {
    EXPECT_TRUE(std::isfinite(x)) << x;
  }
  EXPECT_NEAR(6.66, RandomStream::ToGaussian({0, 0, 0, 0})[0], 0.01);
}

TEST(RandomStream, DrawsBelowALimitEvenly) {
  const RandomStream random(3, "below", 0, 0);
  std::vector<int> hits(7, 0);
  for (uint64_t i = 0; i < 14000; ++i) {
    const uint64_t x = random.Below(i, 7);
    ASSERT_LT(x, 7u);
    ++hits[x];
  }
  for (const int hit : hits) EXPECT_NEAR(2000, hit, 200);
  EXPECT_EQ(0u, random.Below(5, 1));
  const uint64_t limit = (uint64_t{1} << 63) + 1;  // half of all first draws are refused
  for (uint64_t i = 0; i < 100; ++i) EXPECT_LT(random.Below(i, limit), limit);
}

}  // namespace
}  // namespace moka
