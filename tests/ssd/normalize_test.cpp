// Normalize: each sample, or each place of it, is given length 1 and then a scale.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ssd/ssd.h"

namespace moka {
namespace {

CheckOptions AwayFromZero(bool gradients = true) {
  CheckOptions options;
  options.input = [](int, int64_t, float random) {
    return (random < 0.5F ? -1.5F : 0.5F) + random;
  };
  options.check_gradients = gradients;
  return options;
}
std::string Param(const std::string& words) { return "norm_param { " + words + " }"; }

const std::string kPlaces = "across_spatial: false channel_shared: false";
const std::string kScaled = "scale_filler { type: 'constant' value: 3 }";

const ContractCases kCases(
    "Normalize",
    {{Param(kPlaces), {{2, 3, 2, 5}}, AwayFromZero()},
     {"", {{2, 3, 2, 2}}, AwayFromZero()},
     {Param(kScaled), {{3, 4}}, AwayFromZero()},
     {Param(kPlaces + ' ' + kScaled), {{3, 4}}, AwayFromZero()},
     {Param("across_spatial: false " + kScaled), {{2, 3, 4, 3}}, AwayFromZero()},
     {Param("channel_shared: false scale_filler { type: 'uniform' min: 1 max: 4 }"),
      {{2, 3, 4, 3}},
      AwayFromZero()},
     {Param(kPlaces + " eps: 0.5"), {{2, 3, 2, 2}}, AwayFromZero()},
     {Param(kPlaces), {{1, 5, 1, 1}}, AwayFromZero()},
     {Param(kPlaces + " eps: 0.1"), {{2, 1, 2, 2}}, AwayFromZero()},
     {Param("eps: 0.1"), {{1, 1}}, AwayFromZero()},
     {Param(kPlaces), {{0, 3, 2, 2}}, AwayFromZero()},
     {Param(kPlaces), {{2, 2, 2, 2, 2}}, AwayFromZero()},
     {Param("scale_filler { type: 'gaussian' std: 2 }"), {{1, 3, 2, 2}}, AwayFromZero()},
     {Param(kPlaces), {{2, 20, 30, 40}}, AwayFromZero(false)},
     {"", {{2, 20, 30, 40}}, AwayFromZero(false)}},
    SsdRegistry);

std::string Layer(const std::string& params) { return "type: 'Normalize' " + params; }

TEST(Normalize, GivesEachPlaceALengthOf1AndAScale) {
  RunOptions options;
  options.params = {{10, 20}};
  const auto y = RunSsd(Layer(Param(kPlaces)), {{1, 2, 1, 2}}, {{3, 0, 4, -2}}, options).tops[0];
  EXPECT_EQ(y, (Values{6, 0, 16, -20}));
}

TEST(Normalize, GivesEachSampleALengthOf1WithOneScale) {
  RunOptions options;
  options.params = {{10}};
  const auto y = RunSsd(Layer(""), {{2, 2, 1, 2}}, {{1, 1, 1, 1, 0, 3, 4, 0}}, options).tops[0];
  EXPECT_EQ(y, (Values{5, 5, 5, 5, 0, 6, 8, 0}));
}

TEST(Normalize, ScaleBeginsAt1OrAsItsFillerSays) {
  EXPECT_EQ(RunSsd(Layer(""), {{1, 1}}, {{7}}).tops[0], Values{1});
  EXPECT_EQ(RunSsd(Layer(Param(kScaled)), {{1, 1}}, {{7}}).tops[0], Values{3});
}

TEST(Normalize, AddsEpsToTheSquare) {
  EXPECT_EQ(RunSsd(Layer(Param("eps: 16")), {{1, 1}}, {{3}}).tops[0], Values{0.6F});
}

TEST(Normalize, LeavesZerosAsTheyAreEvenWithoutEps) {
  RunOptions options;
  options.top_diffs = {{1, 1}};
  LayerGradients gradients;
  EXPECT_EQ(RunSsd(Layer(Param("eps: 0")), {{1, 2}}, {{0, 0}}, options, &gradients).tops[0],
            (Values{0, 0}));
  EXPECT_EQ(gradients.bottoms[0], (Values{0, 0}));
}

// SSD's Caffe takes <x, dy> where it must be <x, scale dy>.
TEST(Normalize, GradientHasTheScalesInTheSumOverTheChannels) {
  RunOptions options;
  options.params = {{2, 10}};
  options.top_diffs = {{1, 1}};
  LayerGradients gradients;
  RunSsd(Layer(Param(kPlaces)), {{1, 2}}, {{3, 4}}, options, &gradients);
  // (g - x <x, g> / 25) / 5 with g = (2, 10), <x, g> = 46
  EXPECT_FLOAT_EQ(gradients.bottoms[0][0], (2 - 3 * 46.F / 25) / 5);
  EXPECT_FLOAT_EQ(gradients.bottoms[0][1], (10 - 4 * 46.F / 25) / 5);
}

// SSD's Caffe divides by the scale.
TEST(Normalize, GradientOfAScaleOf0IsANumber) {
  RunOptions options;
  options.params = {{0}};
  options.top_diffs = {{1, 1}};
  LayerGradients gradients;
  RunSsd(Layer(""), {{1, 2}}, {{3, 4}}, options, &gradients);
  EXPECT_FLOAT_EQ(gradients.params[0][0], 1.4F);
  EXPECT_EQ(gradients.bottoms[0], (Values{0, 0}));
}

TEST(Normalize, SumsInDouble) {
  Values x(1 << 20, 1e-2F);
  x[0] = 1e3F;
  const auto y = RunSsd(Layer(""), {{1, 1 << 20}}, {x}).tops[0];
  EXPECT_FLOAT_EQ(y[0], static_cast<float>(1e3 / std::sqrt(1e6 + ((1 << 20) - 1) * 1e-4)));
}

TEST(Normalize, ShowsNan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto y = RunSsd(Layer(Param(kPlaces)), {{1, 2, 1, 2}}, {{nan, 3, 1, 4}}).tops[0];
  EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[2]));
  EXPECT_FLOAT_EQ(y[1], 0.6F);
}

TEST(Normalize, RefusesEpsAndShapesThatMakeNoSense) {
  EXPECT_EQ(SsdRefusal(Layer(Param("eps: -1")), {{1, 2}}),
            "norm_param.eps: eps must be 0 or more, and finite, but is -1");
  EXPECT_EQ(SsdRefusal(Layer(Param("eps: nan")), {{1, 2}}),
            "norm_param.eps: eps must be 0 or more, and finite, but is nan");
  EXPECT_EQ(
      SsdRefusal(Layer(""), {{4}}),
      ": Normalize needs a bottom of at least 2 axes (samples, channels), but its shape is 4");
  EXPECT_EQ(SsdRefusal(Layer(Param("scale_filler { type: 'nonsense' }")), {{1, 2}}),
            "norm_param.scale_filler.type: unknown filler type \"nonsense\"");
}

}  // namespace
}  // namespace moka
