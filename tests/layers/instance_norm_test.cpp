// InstanceNorm: y = scale (x - mean) / sqrt(variance + eps) + bias, for each channel of each item.
#include "check/layer_runner.h"
#include "layers/activation.h"
#include "layers/contract.h"

namespace moka {
namespace {

std::string InstanceNorm(const std::string& params) {
  return R"(type: "InstanceNorm" instance_norm_param { )" + params + " }";
}

TEST(InstanceNorm, NormalizesEachChannelOfEachItem) {
  EXPECT_EQ(RunLayer(InstanceNorm("eps: 0"), {2, 2, 2}, {1, 3, 10, 30, 5, 7, -1, 1}),
            (Values{-1, 1, -1, 1, -1, 1, -1, 1}));
}

TEST(InstanceNorm, DoesTheSameWhenTesting) {
  RunOptions options;
  options.training = false;
  EXPECT_EQ(RunLayer(InstanceNorm("eps: 0"), {1, 1, 2}, {1, 3}, options), (Values{-1, 1}));
}

TEST(InstanceNorm, LearnsOnlyIfAffine) {
  const LayerRunner plain({.text = R"(type: "InstanceNorm")"}, {Shape{2, 3, 4}});
  EXPECT_EQ(plain.param_count(), 0);
  const LayerRunner affine({.text = InstanceNorm("affine: true")}, {Shape{2, 3, 4}});
  ASSERT_EQ(affine.param_count(), 2);
  EXPECT_EQ(affine.param(0).shape(), Shape{3});
  EXPECT_EQ(affine.param(1).shape(), Shape{3});
}

TEST(InstanceNorm, HasAFactorAndABiasForEachChannel) {
  EXPECT_EQ(RunLayer(InstanceNorm("eps: 3 affine: true scale_filler { value: 4 } "
                                  "bias_filler { value: 5 }"),
                     {1, 1, 2}, {-1, 1}),
            (Values{3, 7}));
  RunOptions options;
  options.params = {{2, 3}, {10, 20}};
  options.top_diffs = {{1, 2, 1, 10}};
  LayerGradients gradients;
  const LayerResult result = RunLayer(InstanceNorm("eps: 0 affine: true"), {{1, 2, 2}},
                                      {{1, 3, 30, 10}}, options, &gradients);
  EXPECT_EQ(result.tops[0], (Values{8, 12, 23, 17}));
  EXPECT_EQ(gradients.params[0], (Values{1, -9}));
  EXPECT_EQ(gradients.params[1], (Values{3, 11}));
}

TEST(InstanceNorm, RefusesWrongParameters) {
  for (const std::string eps : {"-1", "nan", "inf"}) {
    ExpectRefused(InstanceNorm("eps: " + eps), {2, 3},
                  "eps must be finite and at least 0, but is " + eps, "instance_norm_param.eps");
  }
  for (const std::string field : {"scale_filler", "bias_filler"}) {
    const Error error = Caught([&] {
      RunLayer(InstanceNorm("affine: true " + field + R"( { type: "x" })"), {2, 3}, Values(6));
    });
    EXPECT_EQ(error.field(), "instance_norm_param." + field + ".type");
  }
}

TEST(InstanceNorm, RefusesBottomsThatDoNotFit) {
  ExpectRefused(R"(type: "InstanceNorm")", {4},
                "InstanceNorm needs a bottom with items and channels, but its shape is 4", "");
  ExpectRefused(R"(type: "InstanceNorm")", {4, 0},
                "InstanceNorm needs a bottom with items and channels, but its shape is 4x0", "");
  LayerRunner runner({.text = InstanceNorm("affine: true")}, {Shape{1, 3, 2}});
  const Error error = Caught([&] { runner.Reshape({Shape{1, 4, 2}}); });
  EXPECT_EQ(error.message(), "the params are 3, but the bottom wants 4");
}

TEST(InstanceNorm, NeedsItsBottomForTheGradient) {
  ExpectGradientFromBottom(R"(type: "InstanceNorm")");
}

std::string Params(const std::string& text) { return "instance_norm_param { " + text + " }"; }

const ContractCases kCases("InstanceNorm",
                           {{Params("affine: true"), {{2, 3, 4}}},
                            {"", {{2, 3, 2, 3}}},
                            {Params("eps: 0.1"), {{1, 2, 5}}},
                            {Params("affine: true"), {{1, 1}}, WithoutDifferences()},
                            {"", {{4, 3}}},
                            {Params("affine: true"), {{1, 1, 3, 3}}},
                            {Params("affine: true"), {{3, 1, 7}}},
                            {"", {{1, 3, 2, 2, 2}}},
                            {Params("affine: true"), {{0, 3, 2}}},
                            {Params("affine: true"), {{2, 3, 0}}},
                            {Params("affine: true scale_filler { value: 2 }"), {{2, 2, 6}}},
                            {Params("affine: true"), {kSeveralPieces}, WithoutDifferences()},
                            {"", {{40, 130, 15}}, WithoutDifferences()}});

}  // namespace
}  // namespace moka
