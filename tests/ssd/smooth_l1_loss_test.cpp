// SmoothL1Loss: quadratic for small differences, linear for large ones.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ssd/ssd.h"

namespace moka {
namespace {

// Differences that keep away from +-1 / sigma^2, where the gradient has a kink: a is a multiple of
// 1/4, b adds 1/10; sigma is 1 or 2.
CheckOptions NoKinks() {
  CheckOptions options;
  options.input = [](int bottom, int64_t, float random) {
    if (bottom > 1) return 0.5F + random;
    const float quarter = std::floor(random * 16) / 4 - 2;
    return bottom == 0 ? quarter : quarter / 2 + 0.1F;
  };
  return options;
}
CheckOptions ForwardOnly() {
  CheckOptions options;
  options.check_gradients = false;
  return options;
}

const char* const kSigma2 = "smooth_l1_loss_param { sigma: 2 }";

const ContractCases kCases("SmoothL1Loss",
                           {{"smooth_l1_loss_param { sigma: 1 }", {{4, 3}, {4, 3}}, NoKinks()},
                            {"", {{2, 3, 2, 2}, {2, 3, 2, 2}}, NoKinks()},
                            {kSigma2, {{4, 3}, {4, 3}}, NoKinks()},
                            {"", {{4, 3}, {4, 3}, {4, 3}}, NoKinks()},
                            {"", {{4, 3}, {4, 3}, {4, 3}, {4, 3}}, NoKinks()},
                            {kSigma2, {{2, 6}, {2, 3, 2}, {2, 2, 3}, {2, 6}}, NoKinks()},
                            {"loss_weight: 2", {{4, 3}, {4, 3}}, NoKinks()},
                            {"", {{1}, {1}}, NoKinks()},
                            {"", {{1, 1, 1, 1}, {1, 1, 1, 1}}, NoKinks()},
                            {"", {{5}, {5}}, NoKinks()},
                            {"", {{0, 3}, {0, 3}}, NoKinks()},
                            {"", {{1, 8}, {1, 8}}, NoKinks()},
                            {kSigma2, {{3, 20000}, {3, 20000}}, ForwardOnly()}},
                           SsdRegistry);

const char* const kLoss = "type: 'SmoothL1Loss'";
const std::string kSigma = "type: 'SmoothL1Loss' smooth_l1_loss_param { sigma: 2 }";

TEST(SmoothL1Loss, IsQuadraticBelow1AndLinearAbove) {
  const auto result = RunSsd(kLoss, {{2, 2}, {2, 2}}, {{0.5, 3, -2, 1}, {0, 0, 0, 0}});
  EXPECT_EQ(result.tops[0], Values{(0.125F + 2.5F + 1.5F + 0.5F) / 2});
  EXPECT_EQ(result.shapes[0], Shape());
}

TEST(SmoothL1Loss, SigmaMovesTheBorderTo1OverItsSquare) {
  EXPECT_EQ(RunSsd(kSigma, {{1, 2}, {1, 2}}, {{0.125, 1}, {0, 0}}).tops[0],
            Values{0.5F * 4 * 0.125F * 0.125F + 1 - 0.125F});
}

TEST(SmoothL1Loss, GivesBothBottomsAGradient) {
  RunOptions options;
  options.top_diffs = {{4}};
  LayerGradients gradients;
  RunSsd(kLoss, {{2, 2}, {2, 2}}, {{0.5, 3, -2, 1}, {0, 0, 0, 1}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{1, 2, -2, 0}));
  EXPECT_EQ(gradients.bottoms[1], (Values{-1, -2, 2, 0}));
}

// Fast R-CNN's and SSD's gradients forget the inside weight, 0.5 here.
TEST(SmoothL1Loss, GradientHasBothWeights) {
  RunOptions options;
  options.top_diffs = {{1}};
  LayerGradients gradients;
  const auto result = RunSsd(kLoss, {{1, 2}, {1, 2}, {1, 2}, {1, 2}},
                             {{1, 4}, {0, 0}, {0.5, 0.5}, {3, 5}}, options, &gradients);
  EXPECT_EQ(result.tops[0], Values{3 * 0.125F + 5 * 1.5F});
  EXPECT_EQ(gradients.bottoms[0], (Values{3 * 0.5F * 0.5F, 5 * 0.5F}));
}

TEST(SmoothL1Loss, ShowsNan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  RunOptions options;
  options.top_diffs = {{1}};
  LayerGradients gradients;
  EXPECT_TRUE(std::isnan(
      RunSsd(kLoss, {{1, 2}, {1, 2}}, {{nan, 0}, {0, 0}}, options, &gradients).tops[0][0]));
  EXPECT_TRUE(std::isnan(gradients.bottoms[0][0]));
}

TEST(SmoothL1Loss, SumsInDouble) {
  Values a(1 << 20, 1e-3F);
  a[0] = 1e6F;
  const auto result = RunSsd(kLoss, {{1, 1 << 20}, {1, 1 << 20}}, {a, Values(1 << 20)});
  EXPECT_EQ(result.tops[0][0],
            static_cast<float>(1e6 - 0.5 + ((1 << 20) - 1) * 0.5 * 1e-3F * 1e-3F));
}

TEST(SmoothL1Loss, RefusesSigmaAndBottomsOfDifferentSize) {
  for (const char* sigma : {"0", "-1", "nan", "inf"}) {
    EXPECT_EQ(SsdRefusal(std::string(kLoss) + " smooth_l1_loss_param { sigma: " + sigma + " }",
                         {{1}, {1}}),
              std::string("smooth_l1_loss_param.sigma: sigma must be more than 0, and finite, but "
                          "is ") +
                  sigma);
  }
  EXPECT_EQ(SsdRefusal(kLoss, {{4, 3}, {4, 3}, {4, 2}}),
            ": bottom 0 is 4x3 (12 values), bottom 2 is 4x2 (8 values): both must have as many "
            "samples and as many values");
}

}  // namespace
}  // namespace moka
