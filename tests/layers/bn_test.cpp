// BN: y = scale (x - mean) / sqrt(variance + eps) + shift, in SegNet's form and in PSPNet's.
#include "check/layer_runner.h"
#include "layers/activation.h"
#include "layers/contract.h"

namespace moka {
namespace {

std::string Bn(const std::string& params) { return R"(type: "BN" bn_param { )" + params + " }"; }

const char* const kSlopes = "slope_filler { value: 1 } bias_filler { value: 0 }";

RunOptions With(const std::vector<Values>& blobs, bool training) {
  RunOptions options;
  options.params = blobs;
  options.training = training;
  return options;
}

TEST(BN, NormalizesScalesAndShiftsInTraining) {
  EXPECT_EQ(
      RunLayer(Bn("eps: 0"), {2, 2}, {1, 10, 3, 20}, With({{2, 3}, {1, -1}, {0, 0}, {0, 0}}, true)),
      (Values{-1, -4, 3, 2}));
}

TEST(BN, HasFourBlobsAsPspnetHas) {
  const LayerRunner runner({.text = Bn(kSlopes)}, {Shape{2, 3, 4}});
  ASSERT_EQ(runner.param_count(), 4);
  for (int k = 0; k < 4; ++k) {
    EXPECT_EQ(runner.param(k).shape(), (Shape{1, 3}));
    EXPECT_EQ(runner.param(k).learned(), k < 2);
    EXPECT_EQ(runner.param(k).values().values()[0], k == 0 ? 1 : 0);
  }
}

TEST(BN, HasTwoBlobsAsSegnetHas) {
  const LayerRunner runner({.text = Bn("scale_filler { value: 1 } shift_filler { value: 0.001 }")},
                           {Shape{2, 3, 4}});
  ASSERT_EQ(runner.param_count(), 2);
  for (int k = 0; k < 2; ++k) {
    EXPECT_EQ(runner.param(k).shape(), (Shape{1, 3, 1, 1}));
    EXPECT_TRUE(runner.param(k).learned());
  }
  EXPECT_EQ(runner.param(1).values().values()[0], 0.001f);
}

TEST(BN, KeepsRunningStatistics) {
  LayerRunner runner({.text = Bn("momentum: 0.75")}, {Shape{2, 1}});
  RunInput input;
  input.bottoms = {{1, 5}};  // mean 3, variance 4, which is not corrected
  input.params = {{1}, {0}, {7}, {8}};
  input.wants_bottom = {1};
  input.wants_param = {0, 0, 0, 0};
  const auto states = runner.Run(input).states;
  ASSERT_EQ(states.size(), 2);
  EXPECT_EQ(states[0], Values{0.75f * 7 + 0.25f * 3});
  EXPECT_EQ(states[1], Values{0.75f * 8 + 0.25f * 4});
}

TEST(BN, UsesRunningStatisticsWhenTestingOrFrozen) {
  const std::vector<Values> blobs = {{2}, {1}, {3}, {4}};
  EXPECT_EQ(RunLayer(Bn("eps: 0"), {1, 1, 2}, {3, 5}, With(blobs, false)), (Values{1, 3}));
  EXPECT_EQ(RunLayer(Bn("eps: 0 frozen: true"), {1, 1, 2}, {3, 5}, With(blobs, true)),
            (Values{1, 3}));
}

TEST(BN, DoesNotLearnWhenFrozen) {
  const LayerRunner runner({.text = Bn(std::string("frozen: true ") + kSlopes)}, {Shape{2, 3}});
  ASSERT_EQ(runner.param_count(), 4);
  for (int k = 0; k < 4; ++k) {
    EXPECT_FALSE(runner.param(k).learned());
    EXPECT_EQ(runner.param(k).values().values()[0], k == 0 || k == 3 ? 1 : 0);
  }
}

TEST(BN, LearnsFromTheBatchInSegnetsFormAlsoWhenTesting) {
  EXPECT_EQ(RunLayer(Bn("bn_mode: LEARN eps: 0"), {2, 1}, {1, 5}, With({{2}, {1}}, false)),
            (Values{-1, 3}));
}

TEST(BN, OnlyScalesAndShiftsInInferenceMode) {
  RunOptions options = With({{2}, {1}}, true);
  options.top_diffs = {{1, 10}};
  LayerGradients gradients;
  const LayerResult result =
      RunLayer(Bn("bn_mode: INFERENCE"), {{2, 1}}, {{3, 5}}, options, &gradients);
  EXPECT_EQ(result.tops[0], (Values{7, 11}));
  EXPECT_EQ(gradients.bottoms[0], (Values{2, 20}));
  EXPECT_EQ(gradients.params[0], Values{53});
  EXPECT_EQ(gradients.params[1], Values{11});
}

// SegNet adds 1e-9: with 1e-5 this would be 1 / sqrt(11).
TEST(BN, HasSegnetsEpsInItsForm) {
  const Values y = RunLayer(Bn("bn_mode: LEARN"), {2, 1}, {0, 0.002f}, With({{1}, {0}}, true));
  EXPECT_NEAR(y[1], 0.9995, 1e-4);
  const Values other = RunLayer(Bn(""), {2, 1}, {0, 0.002f}, With({{1}, {0}, {0}, {0}}, true));
  EXPECT_NEAR(other[1], 0.30151134, 1e-6);
}

// 1 / scale would be infinite.
TEST(BN, GivesTheGradientOfAScaleOfZero) {
  RunOptions options = With({{0}, {0}, {0}, {0}}, true);
  options.top_diffs = {{1, 3}};
  LayerGradients gradients;
  RunLayer(Bn("eps: 0"), {{2, 1}}, {{1, 5}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{0, 0}));
  EXPECT_EQ(gradients.params[0], Values{2});
  EXPECT_EQ(gradients.params[1], Values{4});
}

TEST(BN, RefusesNumbersThatMakeNoSense) {
  ExpectRefused(Bn("eps: -1"), {2, 3}, "eps must be finite and at least 0, but is -1",
                "bn_param.eps");
  ExpectRefused(Bn("eps: nan"), {2, 3}, "eps must be finite and at least 0, but is nan",
                "bn_param.eps");
  ExpectRefused(Bn("momentum: 1.5"), {2, 3}, "momentum must be from 0 to 1, but is 1.5",
                "bn_param.momentum");
  ExpectRefused(Bn("momentum: nan"), {2, 3}, "momentum must be from 0 to 1, but is nan",
                "bn_param.momentum");
}

TEST(BN, RefusesTheFieldsOfBothForms) {
  for (const std::string field : {"slope_filler", "bias_filler", "momentum", "frozen"}) {
    const std::string value = field == "momentum" ? ": 0.5" : field == "frozen" ? ": true" : " { }";
    ExpectRefused(
        Bn("bn_mode: LEARN " + field + value), {2, 3},
        field + " belongs to PSPNet's BN, but scale_filler, shift_filler or bn_mode is SegNet's",
        "bn_param." + field);
  }
}

TEST(BN, RefusesBottomsThatDoNotFit) {
  ExpectRefused(Bn(""), {4},
                "BN needs a bottom of at least 2 axes (items, channels), but its shape is 4", "");
  LayerRunner runner({.text = Bn("")}, {Shape{1, 3}});
  const Error error = Caught([&] { runner.Reshape({Shape{1, 4}}); });
  EXPECT_EQ(error.message(), "the bottom, 1x4, has 4 channels, but there are 3 scales");
}

TEST(BN, RefusesAnUnknownFiller) {
  for (const std::string field : {"slope_filler", "bias_filler", "scale_filler", "shift_filler"}) {
    const Error error = Caught([&] {
      RunLayer(Bn(field + R"( { type: "x" })"), {2, 3}, Values(6));
    });
    EXPECT_EQ(error.field(), "bn_param." + field + ".type");
  }
}

TEST(BN, NeedsItsBottomWhereItsStatisticsAreTheBatchs) {
  ExpectGradientFromBottom(Bn(""));
  EXPECT_FALSE(TraitsOf(Bn(""), false).bottom_gradient_reads().ReadsBottom(0));
  EXPECT_TRUE(TraitsOf(Bn(""), false).param_gradient_reads().ReadsBottom(0));
  EXPECT_FALSE(TraitsOf(Bn("frozen: true")).param_gradient_reads().ReadsBottom(0));
}

CheckOptions Testing() {
  CheckOptions options;
  options.training = false;
  return options;
}

const std::string kPsp = std::string("bn_param { ") + kSlopes + " }";

const ContractCases kCases(
    "BN",
    {{kPsp, {{4, 3, 2, 5}}},
     {kPsp, {{5, 2}}},
     {"bn_param { slope_filler { value: 1 } eps: 1 }", {{1, 1}}},
     {kPsp, {{3, 1, 4}}},
     {kPsp, {{1, 3, 17}}},
     {"bn_param { slope_filler { value: 1 } eps: 0.5 momentum: 0.3 }", {{2, 3, 4}}, Testing()},
     {"bn_param { slope_filler { value: 2 } frozen: true }", {{2, 3, 4}}},
     {"bn_param { scale_filler { value: 1 } }", {{3, 2, 4}}},
     {"bn_param { bn_mode: LEARN scale_filler { value: 1 } }", {{3, 2, 4}}, Testing()},
     {"bn_param { bn_mode: INFERENCE }", {{3, 2, 4}}},
     {kPsp, {{0, 3, 2}}},
     {"bn_param { bn_mode: INFERENCE }", {{0, 3, 2}}},
     {kPsp, {kSeveralPieces}, WithoutDifferences()},
     {kPsp, {{900, 200}}, WithoutDifferences()},
     {"bn_param { bn_mode: INFERENCE }", {kSeveralPieces}, WithoutDifferences()}});

}  // namespace
}  // namespace moka
