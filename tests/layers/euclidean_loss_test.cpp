// EuclideanLoss: 1/(2N) sum (a - b)^2.
#include "layers/losses.h"

namespace moka {
namespace {

const char* const kLoss = "type: 'EuclideanLoss'";

std::string Refusal(const Shape& a, const Shape& b) {
  return Caught([&] {
           RunLayer(
               kLoss, {a, b},
               {Values(static_cast<size_t>(a.count())), Values(static_cast<size_t>(b.count()))});
         })
      .message();
}

TEST(EuclideanLoss, IsHalfTheMeanSquaredDistance) {
  const auto result = RunLayer(kLoss, {{2, 2}, {2, 2}}, {{1, 2, 3, 4}, {0, 0, 1, 1}});
  EXPECT_EQ(result.tops[0], Values{4.5F});  // (1 + 4 + 4 + 9) / 2 / 2 samples
  EXPECT_EQ(result.shapes[0], Shape());
}

TEST(EuclideanLoss, GivesBothBottomsAGradient) {
  RunOptions options;
  options.top_diffs = {{3}};
  LayerGradients gradients;
  RunLayer(kLoss, {{2, 2}, {2, 2}}, {{1, 2, 3, 4}, {0, 0, 1, 1}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{1.5F, 3, 3, 4.5F}));
  EXPECT_EQ(gradients.bottoms[1], (Values{-1.5F, -3, -3, -4.5F}));
}

TEST(EuclideanLoss, ComparesShapesOfEqualSamplesAndCount) {
  EXPECT_EQ(RunLayer(kLoss, {{2, 1, 2}, {2, 2}}, {{1, 1, 1, 1}, {0, 0, 0, 0}}).tops[0], Values{1});
}

TEST(EuclideanLoss, SumsInDouble) {
  const size_t n = 1 << 21;
  Values a(n, 0.1F);
  a[0] = 4096;
  const auto result =
      RunLayer(kLoss, {{1, int64_t{1} << 21}, {1, int64_t{1} << 21}}, {a, Values(n)});
  EXPECT_EQ(result.tops[0][0],
            static_cast<float>((16777216.0 + static_cast<double>(n - 1) * 0.1F * 0.1F) / 2));
}

TEST(EuclideanLoss, IsZeroWithoutItems) {
  EXPECT_EQ(RunLayer(kLoss, {{0, 3}, {0, 3}}, {{}, {}}).tops[0], Values{0});
}

TEST(EuclideanLoss, ShowsNan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(RunLayer(kLoss, {{2}, {2}}, {{nan, 0}, {0, 0}}).tops[0][0]));
}

TEST(EuclideanLoss, RefusesBottomsOfDifferentSize) {
  EXPECT_EQ(Refusal({4, 3}, {4, 2}),
            "bottom 0 is 4x3 (12 values), bottom 1 is 4x2 (8 values): both must have as many "
            "samples and as many values");
  EXPECT_EQ(Refusal({4, 3}, {3, 4}),
            "bottom 0 is 4x3 (12 values), bottom 1 is 3x4 (12 values): both must have as many "
            "samples and as many values");
}

const ContractCases kCases("EuclideanLoss", {{"", {{4, 3}, {4, 3}}},
                                             {"", {{1, 1}, {1, 1}}},
                                             {"", {{1, 9}, {1, 9}}},
                                             {"", {{9, 1}, {9, 1}}},
                                             {"", {{5}, {5}}},
                                             {"", {{5}, {5, 1, 1}}},
                                             {"", {{2, 3, 2}, {2, 6}}},
                                             {"", {{2, 12}, {2, 3, 2, 2}}},
                                             {"", {{2, 3, 4, 5}, {2, 3, 4, 5}}},
                                             {"", {{2, 1, 3, 1, 2}, {2, 1, 3, 1, 2}}},
                                             {"loss_weight: 2", {{4, 3}, {4, 3}}},
                                             {"", {{0, 3}, {0, 3}}},
                                             {"", {{3, 0}, {3, 0}}},
                                             {"", {{3, 7000}, {3, 7000}}, NoGradients({})}});

}  // namespace
}  // namespace moka
