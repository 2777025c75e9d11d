// PReLU: y = x where x > 0, and y = a x elsewhere, a learned.
#include "check/layer_runner.h"
#include "layers/activation.h"

namespace moka {
namespace {

const char* const kPReLU = R"(type: "PReLU")";
const char* const kShared = R"(type: "PReLU" prelu_param { channel_shared: true })";

TEST(PReLU, BeginsWithSlopeOneQuarter) {
  EXPECT_EQ(RunLayer(kPReLU, {1, 2, 2}, {-4, 4, -8, 0}), (Values{-1, 4, -2, 0}));
}

TEST(PReLU, FillsItsSlopesAsTold) {
  EXPECT_EQ(RunLayer(R"(type: "PReLU" prelu_param { filler { value: 0.5 } })", {1, 1, 2}, {-4, 4}),
            (Values{-2, 4}));
  EXPECT_EQ(
      RunLayer(R"(type: "PReLU" prelu_param { filler { type: "constant" } })", {1, 1, 2}, {-4, 4}),
      (Values{0, 4}));
}

TEST(PReLU, HasASlopeForEachChannel) {
  RunOptions options;
  options.params = {{0.5f, -1}};
  EXPECT_EQ(RunLayer(kPReLU, {2, 2, 2}, {-2, 2, -3, 3, -4, 4, -5, 5}, options),
            (Values{-1, 2, 3, 3, -2, 4, 5, 5}));
}

TEST(PReLU, SharesOneSlopeIfTold) {
  RunOptions options;
  options.params = {{0.5f}};
  EXPECT_EQ(RunLayer(kShared, {1, 2, 2}, {-2, 2, -3, 3}, options), (Values{-1, 2, -1.5f, 3}));
}

TEST(PReLU, DoesNotHideNan) { EXPECT_TRUE(std::isnan(RunLayer(kPReLU, {1, 1}, {kNan})[0])); }

TEST(PReLU, GivesEachSlopeTheSumOfItsNegativeInputs) {
  RunOptions options;
  options.params = {{0.5f, -1}};
  options.top_diffs = {{1, 1, 1, 1, 10, 10, 10, 10}};
  LayerGradients gradients;
  RunLayer(kPReLU, {{2, 2, 2}}, {{-2, 2, -3, 3, -4, 4, -5, -6}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{0.5f, 1, -1, 1, 5, 10, -10, -10}));
  EXPECT_EQ(gradients.params[0], (Values{-2 - 40, -3 - 50 - 60}));
  options.params = {{0.5f}};
  RunLayer(kShared, {{2, 2, 2}}, {{-2, 2, -3, 3, -4, 4, -5, -6}}, options, &gradients);
  EXPECT_EQ(gradients.params[0], Values{-42 - 113});
}

// 2^24 + 1 is no float: a sum in single precision would stay at 2^24.
TEST(PReLU, SumsTheSlopesGradientInDouble) {
  Values x(16 * 3 + 5, -1);
  x[0] = -16777216;
  const auto count = static_cast<int64_t>(x.size());
  RunOptions options;
  options.top_diffs = {Values(x.size(), 1)};
  LayerGradients gradients;
  RunLayer(kPReLU, {{1, 1, count}}, {x}, options, &gradients);
  EXPECT_EQ(gradients.params[0], Values{-16777216 - 52});
  RunLayer(kPReLU, {{count, 1}}, {x}, options, &gradients);
  EXPECT_EQ(gradients.params[0], Values{-16777216 - 52});
}

TEST(PReLU, RefusesABottomWithoutChannels) {
  ExpectRefused(kPReLU, {4},
                "PReLU needs a bottom of at least 2 axes (items, channels), but its shape is 4",
                "");
}

TEST(PReLU, RefusesAnotherNumberOfChannelsThanItBeganWith) {
  LayerRunner runner({.text = kPReLU}, {Shape{1, 3}});
  const Error error = Caught([&] { runner.Reshape({Shape{1, 4}}); });
  EXPECT_EQ(error.message(), "the bottom has 4 channels, but there are 3 slopes");
  LayerRunner shared({.text = kShared}, {Shape{1, 3}});
  shared.Reshape({Shape{1, 4}});
}

TEST(PReLU, NeedsItsBottomForTheGradient) {
  ExpectGradientFromBottom(kPReLU);
  EXPECT_TRUE(TraitsOf(kPReLU).param_gradient_reads().ReadsBottom(0));
}

const std::string kSharedParam = "prelu_param { channel_shared: true }";
const ContractCases kCases(
    "PReLU", {{"", {{2, 3, 4, 5}}, KinkAtZero()},
              {"", {{1, 1}}, KinkAtZero()},
              {"", {{5, 7}}, KinkAtZero()},
              {"", {{3, 1, 2}}, KinkAtZero()},
              {"", {{1, 4, 1, 1}}, KinkAtZero()},
              {"", {{0, 3, 2}}},
              {"", {{2, 0}}},
              {"", {{2, 3, 0}}},
              {kSharedParam, {{2, 3, 4, 5}}, KinkAtZero()},
              {kSharedParam, {{1, 1}}, KinkAtZero()},
              {kSharedParam, {{0, 3}}},
              {kSharedParam, {{5, 7}}, KinkAtZero()},
              {"prelu_param { filler { type: 'uniform' min: -1 } }", {{3, 4, 9}}, KinkAtZero()},
              {"", {kSeveralPieces}, WithoutDifferences()},
              {"", {{150, 130}}, WithoutDifferences()},
              {"", {{40, 130, 15}}, WithoutDifferences()},
              {kSharedParam, {{40, 130, 15}}, WithoutDifferences()},
              {kSharedParam, {kSeveralPieces}, WithoutDifferences()}});

}  // namespace
}  // namespace moka
