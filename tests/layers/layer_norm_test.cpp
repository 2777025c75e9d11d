// LayerNorm: y = scale (x - mean) / sqrt(variance + eps) + bias, for each row from `axis` on.
#include "check/layer_runner.h"
#include "layers/activation.h"
#include "layers/contract.h"

namespace moka {
namespace {

std::string LayerNorm(const std::string& params) {
  return R"(type: "LayerNorm" layer_norm_param { )" + params + " }";
}

TEST(LayerNorm, NormalizesTheLastAxisUnlessToldOtherwise) {
  EXPECT_EQ(RunLayer(LayerNorm("eps: 0"), {1, 2, 2}, {1, 3, 10, 30}), (Values{-1, 1, -1, 1}));
  ExpectNear(RunLayer(LayerNorm("eps: 0 axis: 1"), {1, 2, 2}, {1, 3, 5, 7}),
             {-1.34164079, -0.4472136, 0.4472136, 1.34164079}, 1e-6);
}

TEST(LayerNorm, AddsEpsToTheVariance) {
  EXPECT_EQ(RunLayer(LayerNorm("eps: 3"), {1, 2}, {-1, 1}), (Values{-0.5f, 0.5f}));
  EXPECT_NEAR(RunLayer(R"(type: "LayerNorm")", {1, 2}, {-0.01f, 0.01f})[1], 0.95346259, 1e-6);
}

TEST(LayerNorm, HasAFactorAndABiasForEachPlaceOfTheRow) {
  RunOptions options;
  options.params = {{2, 3}, {10, 20}};
  options.top_diffs = {{1, 1, 1, 10}};
  LayerGradients gradients;
  const LayerResult result =
      RunLayer(LayerNorm("eps: 0"), {{2, 2}}, {{1, 3, 30, 10}}, options, &gradients);
  EXPECT_EQ(result.tops[0], (Values{8, 23, 12, 17}));
  EXPECT_EQ(gradients.params[0], (Values{0, 1 - 10}));
  EXPECT_EQ(gradients.params[1], (Values{2, 11}));
}

TEST(LayerNorm, FillsAsTold) {
  EXPECT_EQ(RunLayer(LayerNorm("eps: 0 scale_filler { value: 2 } bias_filler { value: 5 }"), {1, 2},
                     {1, 3}),
            (Values{3, 7}));
}

TEST(LayerNorm, HasNoBlobsUnlessAffine) {
  const LayerRunner plain({.text = LayerNorm("affine: false")}, {Shape{2, 3, 4}});
  EXPECT_EQ(plain.param_count(), 0);
  const LayerRunner affine({.text = LayerNorm("axis: -2")}, {Shape{2, 3, 4}});
  ASSERT_EQ(affine.param_count(), 2);
  EXPECT_EQ(affine.param(0).shape(), (Shape{3, 4}));
  EXPECT_EQ(affine.param(1).shape(), (Shape{3, 4}));
}

TEST(LayerNorm, IsExactFarFromZero) {
  ExpectNear(RunLayer(LayerNorm("eps: 0"), {1, 4}, {1000001, 1000003, 1000005, 1000007}),
             {-1.34164079, -0.4472136, 0.4472136, 1.34164079}, 1e-6);
}

TEST(LayerNorm, RefusesWrongParameters) {
  for (const std::string eps : {"-1", "nan", "inf"}) {
    ExpectRefused(LayerNorm("eps: " + eps), {2, 3},
                  "eps must be finite and at least 0, but is " + eps, "layer_norm_param.eps");
  }
  ExpectRefused(LayerNorm("axis: 2"), {2, 3},
                "axis 2 is out of range for shape 2x3, which has 2 axes", "layer_norm_param.axis");
  for (const std::string field : {"scale_filler", "bias_filler"}) {
    const Error error = Caught([&] {
      RunLayer(LayerNorm(field + R"( { type: "x" })"), {2, 3}, Values(6));
    });
    EXPECT_EQ(error.field(), "layer_norm_param." + field + ".type");
  }
}

TEST(LayerNorm, RefusesAnotherRowThanItBeganWith) {
  LayerRunner runner({.text = R"(type: "LayerNorm")"}, {Shape{1, 3}});
  const Error error = Caught([&] { runner.Reshape({Shape{1, 4}}); });
  EXPECT_EQ(error.message(), "the params are 3, but the bottom wants 4");
}

TEST(LayerNorm, NeedsItsBottomForTheGradient) {
  ExpectGradientFromBottom(R"(type: "LayerNorm")");
  EXPECT_TRUE(TraitsOf(R"(type: "LayerNorm")").param_gradient_reads().ReadsBottom(0));
}

std::string Params(const std::string& text) { return "layer_norm_param { " + text + " }"; }

const ContractCases kCases("LayerNorm",
                           {{"", {{3, 5}}},
                            {Params("axis: 1"), {{2, 3, 4}}},
                            {Params("axis: -2 eps: 0.1"), {{2, 2, 3, 4}}},
                            {Params("axis: 0"), {{3, 4}}},
                            {Params("affine: false"), {{3, 6}}},
                            {Params("affine: false axis: 1 eps: 1"), {{2, 3, 2}}},
                            {Params("affine: false"), {{1, 1}}},
                            {"", {{4, 1}}, WithoutDifferences()},
                            {"", {{1, 20}}},
                            {"", {{7}}},
                            {"", {{0, 3}}},
                            {Params("affine: false"), {{2, 0}}},
                            {Params("axis: 1"), {kSeveralPieces}, WithoutDifferences()},
                            {"", {{700, 300}}, WithoutDifferences()},
                            {Params("affine: false"), {{70, 1500}}, WithoutDifferences()}});

}  // namespace
}  // namespace moka
