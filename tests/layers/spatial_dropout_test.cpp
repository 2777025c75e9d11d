// SpatialDropout: in training y = x m / (1 - ratio), one m for each channel of each item.
#include <algorithm>

#include "layers/activation.h"
#include "layers/contract.h"

namespace moka {
namespace {

std::string WithRatio(const std::string& ratio) {
  return R"(name: "drop" type: "SpatialDropout" spatial_dropout_param { dropout_ratio: )" + ratio +
         " }";
}
const char* const kHalf = R"(name: "drop" type: "SpatialDropout")";

TEST(SpatialDropout, ChangesNothingWhenTestingOrWithRatioZero) {
  RunOptions options;
  options.training = false;
  EXPECT_EQ(RunLayer(kHalf, {2, 1, 2}, {-2, 0, 1, 3}, options), (Values{-2, 0, 1, 3}));
  EXPECT_EQ(RunLayer(WithRatio("0"), {2, 1, 2}, {-2, 0, 1, 3}), (Values{-2, 0, 1, 3}));
}

// Of n channels, n ratio are zeroed on average, with variance n ratio (1 - ratio); five standard
// deviations.
TEST(SpatialDropout, ZeroesOrScalesWholeChannels) {
  for (const double ratio : {0.25, 0.75}) {
    const Values y = RunLayer(WithRatio(std::to_string(ratio)), {40, 50, 3, 2}, Values(12000, 3));
    const auto scaled = static_cast<float>(3 / (1 - ratio));
    int64_t zeros = 0;
    for (size_t c = 0; c < 2000; ++c) {
      const float first = y[6 * c];
      EXPECT_TRUE(first == 0 || first == scaled) << first;
      zeros += first == 0;
      for (size_t i = 1; i < 6; ++i) ASSERT_EQ(y[6 * c + i], first);
    }
    EXPECT_NEAR(static_cast<double>(zeros), 2000 * ratio,
                5 * std::sqrt(2000 * ratio * (1 - ratio)));
  }
}

TEST(SpatialDropout, GivesTheGradientTheMaskOfTheForwardPass) {
  RunOptions options;
  options.top_diffs = {Values(1200, 1)};
  LayerGradients gradients;
  const LayerResult result = RunLayer(kHalf, {{20, 30, 2}}, {Values(1200, 1)}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], result.tops[0]);
}

TEST(SpatialDropout, DoesNotHideNan) {
  const Values y = RunLayer(WithRatio("0.9"), {10, 10}, Values(100, kNan));
  EXPECT_TRUE(std::all_of(y.begin(), y.end(), [](float value) { return std::isnan(value); }));
}

TEST(SpatialDropout, RefusesARatioOutsideZeroToOne) {
  for (const std::string ratio : {"1", "-0.1", "1.5", "nan"}) {
    ExpectRefused(WithRatio(ratio), {2, 2},
                  "dropout_ratio must be at least 0 and less than 1, but is " + ratio,
                  "spatial_dropout_param.dropout_ratio");
  }
}

TEST(SpatialDropout, RefusesABottomWithoutChannels) {
  ExpectRefused(
      kHalf, {4},
      "SpatialDropout needs a bottom of at least 2 axes (items, channels), but its shape is 4", "");
}

TEST(SpatialDropout, NeedsNoValuesForTheGradient) {
  const LayerTraits traits = TraitsOf(kHalf);
  EXPECT_FALSE(traits.bottom_gradient_reads().ReadsBottom(0));
  EXPECT_FALSE(traits.bottom_gradient_reads().ReadsTop(0));
  EXPECT_TRUE(traits.may_share(0, 0));
  EXPECT_FALSE(traits.same_values(0, 0));
  EXPECT_TRUE(TraitsOf(kHalf, false).same_values(0, 0));
  EXPECT_TRUE(TraitsOf(WithRatio("0")).same_values(0, 0));
}

CheckOptions Random() {
  CheckOptions options;
  options.random_layer = true;
  return options;
}
CheckOptions RandomWithoutDifferences() {
  CheckOptions options = WithoutDifferences();
  options.random_layer = true;
  return options;
}
CheckOptions Testing() {
  CheckOptions options;
  options.training = false;
  return options;
}
std::string Params(const std::string& ratio) {
  return "spatial_dropout_param { dropout_ratio: " + ratio + " }";
}

const ContractCases kCases("SpatialDropout", {{Params("0.4"), {{3, 7, 2, 2}}, Random()},
                                              {"", {{2, 13, 4}}, Random()},
                                              {Params("0.2"), {{7, 9}}, Random()},
                                              {Params("0.7"), {{1, 40, 3}}, Random()},
                                              {Params("0.5"), {{40, 1, 2}}, Random()},
                                              {Params("0.9"), {{20, 15, 1, 1}}, Random()},
                                              {Params("0"), {{2, 3, 4}}},
                                              {Params("0"), {{1, 1}}},
                                              {Params("0.3"), {{2, 3, 4}}, Testing()},
                                              {"", {{1, 1}}, Testing()},
                                              {Params("0"), {{0, 3, 2}}},
                                              {"", {{0, 3, 2}}, Testing()},
                                              {"", {{20, 30, 97}}, RandomWithoutDifferences()}});

}  // namespace
}  // namespace moka
