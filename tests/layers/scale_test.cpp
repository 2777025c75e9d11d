// Scale: y = a x + b, with a, b of the sizes of some axes of x.
#include "check/layer_runner.h"
#include "layers/activation.h"
#include "layers/contract.h"

namespace moka {
namespace {

std::string Scale(const std::string& params) {
  return R"(type: "Scale" scale_param { )" + params + " }";
}

Values Apply(const std::string& params, const Shape& shape, const Values& x,
             const std::vector<Values>& blobs) {
  RunOptions options;
  options.params = blobs;
  return RunLayer(Scale(params), shape, x, options);
}

TEST(Scale, BeginsWithFactorOneAndBiasZero) {
  EXPECT_EQ(RunLayer(Scale("bias_term: true"), {1, 2}, {3, 4}), (Values{3, 4}));
}

TEST(Scale, FillsAsTold) {
  EXPECT_EQ(RunLayer(Scale("filler { value: 2 } bias_term: true bias_filler { value: 5 }"), {1, 2},
                     {3, 4}),
            (Values{11, 13}));
  EXPECT_EQ(RunLayer(Scale(R"(filler { type: "constant" })"), {1, 2}, {3, 4}), (Values{0, 0}));
}

TEST(Scale, HasAFactorForEachChannel) {
  EXPECT_EQ(Apply("", {2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}, {{2, -1}}),
            (Values{2, 4, -3, -4, 10, 12, -7, -8}));
  EXPECT_EQ(Apply("bias_term: true", {1, 2, 2}, {1, 2, 3, 4}, {{2, -1}, {10, 20}}),
            (Values{12, 14, 17, 16}));
}

TEST(Scale, SpansTheAxesThatAreTold) {
  const Values x = {1, 2, 3, 4};
  EXPECT_EQ(Apply("axis: 0", {2, 2}, x, {{10, 100}}), (Values{10, 20, 300, 400}));
  EXPECT_EQ(Apply("axis: -1", {2, 2}, x, {{10, 100}}), (Values{10, 200, 30, 400}));
  EXPECT_EQ(Apply("axis: 0 num_axes: 2", {2, 2}, x, {{1, 10, 100, 1000}}),
            (Values{1, 20, 300, 4000}));
  EXPECT_EQ(Apply("axis: 0 num_axes: -1", {2, 2}, x, {{1, 10, 100, 1000}}),
            (Values{1, 20, 300, 4000}));
  EXPECT_EQ(Apply("num_axes: 0", {2, 2}, x, {{3}}), (Values{3, 6, 9, 12}));
}

TEST(Scale, TakesTheFactorsFromASecondBottom) {
  RunOptions options;
  options.top_diffs = {{1, 1, 1, 10}};
  LayerGradients gradients;
  const LayerResult result =
      RunLayer(Scale("axis: 0"), {{2, 2}, {2}}, {{1, 2, 3, 4}, {10, 100}}, options, &gradients);
  EXPECT_EQ(result.tops[0], (Values{10, 20, 300, 400}));
  EXPECT_EQ(gradients.bottoms[0], (Values{10, 10, 100, 1000}));
  EXPECT_EQ(gradients.bottoms[1], (Values{3, 43}));
}

TEST(Scale, LearnsABiasBesideASecondBottom) {
  RunOptions options;
  options.params = {{1, 2}};
  options.top_diffs = {{1, 1, 1, 10}};
  LayerGradients gradients;
  const LayerResult result = RunLayer(Scale("axis: 0 bias_term: true"), {{2, 2}, {2}},
                                      {{1, 2, 3, 4}, {10, 100}}, options, &gradients);
  EXPECT_EQ(result.tops[0], (Values{11, 21, 302, 402}));
  EXPECT_EQ(gradients.params[0], (Values{2, 11}));
}

TEST(Scale, TakesAScalarForAll) {
  const LayerResult result = RunLayer(R"(type: "Scale")", {{2, 2}, {}}, {{1, 2, 3, 4}, {10}});
  EXPECT_EQ(result.tops[0], (Values{10, 20, 30, 40}));
}

TEST(Scale, SumsTheParamsGradients) {
  RunOptions options;
  options.params = {{2, -1}, {0, 0}};
  options.top_diffs = {{1, 2, 3, 4}};
  LayerGradients gradients;
  RunLayer(Scale("bias_term: true"), {{1, 2, 2}}, {{5, 6, 7, 8}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{2, 4, -3, -4}));
  EXPECT_EQ(gradients.params[0], (Values{17, 53}));
  EXPECT_EQ(gradients.params[1], (Values{3, 7}));
}

// 2^24 + 1 is no float: a sum in single precision would stay at 2^24.
TEST(Scale, SumsTheParamsGradientsInDouble) {
  for (const Shape& shape : {Shape{1, 1, 53}, Shape{53, 1}, Shape{53, 1, 1}}) {
    RunOptions options;
    options.top_diffs = {Values(53, 1)};
    options.top_diffs[0][0] = 16777216;
    LayerGradients gradients;
    RunLayer(Scale("bias_term: true"), {shape}, {Values(53, 1)}, options, &gradients);
    EXPECT_EQ(gradients.params[0], Values{16777216 + 52});
    EXPECT_EQ(gradients.params[1], Values{16777216 + 52});
  }
}

TEST(Scale, RefusesAxesThatTheBottomDoesNotHave) {
  ExpectRefused(Scale("axis: 2"), {2, 3}, "axis 2 is out of range for shape 2x3, which has 2 axes",
                "scale_param.axis");
  ExpectRefused(Scale("axis: -3"), {2, 3},
                "axis -3 is out of range for shape 2x3, which has 2 axes", "scale_param.axis");
  ExpectRefused(Scale("num_axes: 2"), {2, 3},
                "num_axes 2 from axis 1 goes beyond the last axis of 2x3", "scale_param.num_axes");
  ExpectRefused(Scale("num_axes: 2147483647"), {2, 3},
                "num_axes 2147483647 from axis 1 goes beyond the last axis of 2x3",
                "scale_param.num_axes");
  ExpectRefused(Scale("num_axes: -2"), {2, 3},
                "num_axes is -2; it must be at least 0, or -1 for all axes from axis on",
                "scale_param.num_axes");
}

TEST(Scale, RefusesASecondBottomOfOtherSizes) {
  const auto refused = [](const Shape& x, const Shape& a, const std::string& words) {
    const Values values(static_cast<size_t>(x.count()), 1),
        factors(static_cast<size_t>(a.count()), 1);
    const Error error = Caught([&] { RunLayer(R"(type: "Scale")", {x, a}, {values, factors}); });
    EXPECT_EQ(error.message(), words);
    EXPECT_EQ(error.field(), "scale_param.axis");
  };
  refused({2, 3}, {2}, "bottom 1, 2, does not have the sizes of bottom 0, 2x3, from axis 1 on");
  refused({2, 3}, {3, 1},
          "bottom 1, 3x1, does not have the sizes of bottom 0, 2x3, from axis 1 on");
}

TEST(Scale, RefusesAnUnknownFiller) {
  const Error error = Caught([] {
    RunLayer(Scale(R"(filler { type: "xaver" })"), {2, 3}, Values(6));
  });
  EXPECT_EQ(error.field(), "scale_param.filler.type");
  const Error bias = Caught([] {
    RunLayer(Scale(R"(bias_term: true bias_filler { type: "x" })"), {2, 3}, Values(6));
  });
  EXPECT_EQ(bias.field(), "scale_param.bias_filler.type");
}

TEST(Scale, RefusesAnotherNumberOfChannelsThanItBeganWith) {
  LayerRunner runner({.text = R"(type: "Scale")"}, {Shape{1, 3}});
  const Error error = Caught([&] { runner.Reshape({Shape{1, 4}}); });
  EXPECT_EQ(error.message(), "the bottom, 1x4, is 4 along the axes to scale, but the params are 3");
}

TEST(Scale, NeedsItsBottomForTheFactorsAlone) {
  const LayerTraits traits = TraitsOf(R"(type: "Scale")");
  EXPECT_TRUE(traits.may_share(0, 0));
  EXPECT_FALSE(traits.bottom_gradient_reads().ReadsBottom(0));
  EXPECT_TRUE(traits.param_gradient_reads().ReadsBottom(0));
  const LayerTraits two = TraitsOf(R"(type: "Scale" bottom: "x" bottom: "a")");
  EXPECT_TRUE(two.bottom_gradient_reads().ReadsBottom(0));
  EXPECT_TRUE(two.bottom_gradient_reads().ReadsBottom(1));
  EXPECT_FALSE(two.param_gradient_reads().ReadsBottom(0));
}

const ContractCases kCases(
    "Scale", {{"scale_param { bias_term: true }", {{2, 3, 4, 5}}},
              {"", {{2, 3}}},
              {"scale_param { bias_term: true }", {{1, 1}}},
              {"scale_param { axis: -1 bias_term: true }", {{3, 4}}},
              {"scale_param { axis: 0 num_axes: -1 }", {{2, 3, 2}}},
              {"scale_param { num_axes: 0 bias_term: true }", {{2, 3}}},
              {"scale_param { axis: 1 num_axes: 2 }", {{2, 3, 2, 4}}},
              {"scale_param { filler { type: \"uniform\" min: -1 } }", {{2, 3}}},
              {"scale_param { bias_term: true }", {{0, 3, 2}}},
              {"", {{2, 0}}},
              {"scale_param { axis: 0 }", {{2, 3, 4}, {2, 3}}},
              {"scale_param { axis: -1 bias_term: true }", {{2, 3}, {3}}},
              {"", {{2, 3}, {}}},
              {"scale_param { axis: 0 }", {{2, 3}, {2, 3}}},
              {"scale_param { axis: 0 }", {{0, 3}, {0, 3}}},
              {"scale_param { bias_term: true }", {kSeveralPieces}, WithoutDifferences()},
              {"scale_param { bias_term: true }", {{900, 200}}, WithoutDifferences()},
              {"", {{40, 130, 15}}, WithoutDifferences()},
              {"scale_param { axis: 0 }", {{300, 200}, {300, 200}}, WithoutDifferences()}});

}  // namespace
}  // namespace moka
