// Bias: y = x + b, with b of the sizes of some axes of x.
#include "check/layer_runner.h"
#include "layers/activation.h"
#include "layers/contract.h"

namespace moka {
namespace {

std::string Bias(const std::string& params) {
  return R"(type: "Bias" bias_param { )" + params + " }";
}

Values Apply(const std::string& params, const Shape& shape, const Values& x, const Values& b) {
  RunOptions options;
  options.params = {b};
  return RunLayer(Bias(params), shape, x, options);
}

TEST(Bias, BeginsWithZeroOrAsTold) {
  EXPECT_EQ(RunLayer(R"(type: "Bias")", {1, 2}, {3, 4}), (Values{3, 4}));
  EXPECT_EQ(RunLayer(Bias("filler { value: 2 }"), {1, 2}, {3, 4}), (Values{5, 6}));
}

TEST(Bias, SpansTheAxesThatAreTold) {
  const Values x = {1, 2, 3, 4};
  EXPECT_EQ(Apply("", {1, 2, 2}, x, {10, 100}), (Values{11, 12, 103, 104}));
  EXPECT_EQ(Apply("axis: 0", {2, 2}, x, {10, 100}), (Values{11, 12, 103, 104}));
  EXPECT_EQ(Apply("axis: -1", {2, 2}, x, {10, 100}), (Values{11, 102, 13, 104}));
  EXPECT_EQ(Apply("axis: 0 num_axes: -1", {2, 2}, x, {10, 20, 30, 40}), (Values{11, 22, 33, 44}));
  EXPECT_EQ(Apply("num_axes: 0", {2, 2}, x, {10}), (Values{11, 12, 13, 14}));
}

TEST(Bias, TakesTheBiasFromASecondBottom) {
  RunOptions options;
  options.top_diffs = {{1, 2, 3, 4}};
  LayerGradients gradients;
  const LayerResult result =
      RunLayer(R"(type: "Bias")", {{2, 2}, {2}}, {{1, 2, 3, 4}, {10, 100}}, options, &gradients);
  EXPECT_EQ(result.tops[0], (Values{11, 102, 13, 104}));
  EXPECT_EQ(gradients.bottoms[0], (Values{1, 2, 3, 4}));
  EXPECT_EQ(gradients.bottoms[1], (Values{4, 6}));
}

// 2^24 + 1 is no float: a sum in single precision would stay at 2^24.
TEST(Bias, SumsTheGradientInDouble) {
  for (const Shape& shape : {Shape{1, 1, 53}, Shape{53, 1}}) {
    RunOptions options;
    options.top_diffs = {Values(53, 1)};
    options.top_diffs[0][0] = 16777216;
    LayerGradients gradients;
    RunLayer(R"(type: "Bias")", {shape}, {Values(53, 1)}, options, &gradients);
    EXPECT_EQ(gradients.params[0], Values{16777216 + 52});
  }
}

TEST(Bias, RefusesAxesThatTheBottomDoesNotHave) {
  ExpectRefused(Bias("axis: 2"), {2, 3}, "axis 2 is out of range for shape 2x3, which has 2 axes",
                "bias_param.axis");
  ExpectRefused(Bias("num_axes: 2"), {2, 3},
                "num_axes 2 from axis 1 goes beyond the last axis of 2x3", "bias_param.num_axes");
  ExpectRefused(Bias("num_axes: -2"), {2, 3},
                "num_axes is -2; it must be at least 0, or -1 for all axes from axis on",
                "bias_param.num_axes");
}

TEST(Bias, RefusesASecondBottomOfOtherSizes) {
  const Error error = Caught([] {
    RunLayer(R"(type: "Bias")", {{2, 3}, {2}}, {Values(6), Values(2)});
  });
  EXPECT_EQ(error.message(),
            "bottom 1, 2, does not have the sizes of bottom 0, 2x3, from axis 1 on");
  EXPECT_EQ(error.field(), "bias_param.axis");
}

TEST(Bias, RefusesAnUnknownFiller) {
  const Error error = Caught([] { RunLayer(Bias(R"(filler { type: "x" })"), {2, 3}, Values(6)); });
  EXPECT_EQ(error.field(), "bias_param.filler.type");
}

TEST(Bias, RefusesAnotherNumberOfChannelsThanItBeganWith) {
  LayerRunner runner({.text = R"(type: "Bias")"}, {Shape{1, 3}});
  const Error error = Caught([&] { runner.Reshape({Shape{1, 4}}); });
  EXPECT_EQ(error.message(), "the bottom, 1x4, is 4 along the axes of the bias, which is 3");
}

TEST(Bias, NeedsNoValuesForTheGradient) {
  const LayerTraits traits = TraitsOf(R"(type: "Bias")");
  EXPECT_TRUE(traits.may_share(0, 0));
  EXPECT_FALSE(traits.bottom_gradient_reads().ReadsBottom(0));
  EXPECT_FALSE(traits.param_gradient_reads().ReadsBottom(0));
}

const ContractCases kCases("Bias", {{"", {{2, 3, 4, 5}}},
                                    {"", {{2, 3}}},
                                    {"", {{1, 1}}},
                                    {"bias_param { axis: -1 }", {{3, 4}}},
                                    {"bias_param { axis: 0 num_axes: -1 }", {{2, 3, 2}}},
                                    {"bias_param { num_axes: 0 }", {{2, 3}}},
                                    {"bias_param { axis: 1 num_axes: 2 }", {{2, 3, 2, 4}}},
                                    {"bias_param { filler { value: 2 } }", {{2, 3}}},
                                    {"", {{0, 3, 2}}},
                                    {"", {{2, 0}}},
                                    {"bias_param { axis: 0 }", {{2, 3, 4}, {2, 3}}},
                                    {"", {{2, 3}, {}}},
                                    {"bias_param { axis: 0 }", {{2, 3}, {2, 3}}},
                                    {"", {kSeveralPieces}, WithoutDifferences()},
                                    {"", {{900, 200}}, WithoutDifferences()}});

}  // namespace
}  // namespace moka
