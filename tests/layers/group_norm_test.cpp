// GroupNorm: y = scale (x - mean) / sqrt(variance + eps) + bias, for each group of channels.
#include "check/layer_runner.h"
#include "layers/activation.h"
#include "layers/contract.h"

namespace moka {
namespace {

std::string GroupNorm(const std::string& params) {
  return R"(type: "GroupNorm" group_norm_param { )" + params + " }";
}

TEST(GroupNorm, NormalizesEachGroupOfEachItem) {
  EXPECT_EQ(RunLayer(GroupNorm("num_groups: 2 eps: 0"), {2, 4}, {1, 3, 10, 30, 5, 7, -1, 1}),
            (Values{-1, 1, -1, 1, -1, 1, -1, 1}));
  ExpectNear(RunLayer(GroupNorm("num_groups: 1 eps: 0"), {1, 2, 2}, {1, 3, 5, 7}),
             {-1.34164079, -0.4472136, 0.4472136, 1.34164079}, 1e-6);
}

TEST(GroupNorm, HasAFactorAndABiasForEachChannel) {
  RunOptions options;
  options.params = {{2, 3}, {10, 20}};
  options.top_diffs = {{1, 1, 1, 10}};
  LayerGradients gradients;
  const LayerResult result =
      RunLayer(GroupNorm("num_groups: 1 eps: 0"), {{2, 2}}, {{1, 3, 30, 10}}, options, &gradients);
  EXPECT_EQ(result.tops[0], (Values{8, 23, 12, 17}));
  EXPECT_EQ(gradients.params[0], (Values{0, 1 - 10}));
  EXPECT_EQ(gradients.params[1], (Values{2, 11}));
}

TEST(GroupNorm, AddsEpsToTheVarianceAndFillsAsTold) {
  EXPECT_EQ(RunLayer(GroupNorm("num_groups: 1 eps: 3 scale_filler { value: 4 } "
                               "bias_filler { value: 5 }"),
                     {1, 2}, {-1, 1}),
            (Values{3, 7}));
}

TEST(GroupNorm, HasNoBlobsUnlessAffine) {
  const LayerRunner plain({.text = GroupNorm("num_groups: 1 affine: false")}, {Shape{2, 3, 4}});
  EXPECT_EQ(plain.param_count(), 0);
  const LayerRunner affine({.text = GroupNorm("num_groups: 1")}, {Shape{2, 3, 4}});
  ASSERT_EQ(affine.param_count(), 2);
  EXPECT_EQ(affine.param(0).shape(), Shape{3});
}

TEST(GroupNorm, RefusesGroupsThatDoNotDivideTheChannels) {
  ExpectRefused(GroupNorm("num_groups: 2"), {2, 3},
                "num_groups is 2, which does not divide the 3 channels",
                "group_norm_param.num_groups");
  ExpectRefused(GroupNorm("num_groups: 2147483647"), {2, 3},
                "num_groups is 2147483647, which does not divide the 3 channels",
                "group_norm_param.num_groups");
  ExpectRefused(GroupNorm("num_groups: 1"), {2, 0},
                "num_groups is 1, which does not divide the 0 channels",
                "group_norm_param.num_groups");
  ExpectRefused(GroupNorm("num_groups: 0"), {2, 3}, "num_groups is 0; it must be at least 1",
                "group_norm_param.num_groups");
  ExpectRefused(GroupNorm("num_groups: -1"), {2, 3}, "num_groups is -1; it must be at least 1",
                "group_norm_param.num_groups");
  ExpectRefused(R"(type: "GroupNorm")", {2, 3}, "num_groups is missing", "group_norm_param");
}

TEST(GroupNorm, RefusesOtherWrongParameters) {
  for (const std::string eps : {"-1", "nan", "inf"}) {
    ExpectRefused(GroupNorm("num_groups: 1 eps: " + eps), {2, 3},
                  "eps must be finite and at least 0, but is " + eps, "group_norm_param.eps");
  }
  for (const std::string field : {"scale_filler", "bias_filler"}) {
    const Error error = Caught([&] {
      RunLayer(GroupNorm("num_groups: 1 " + field + R"( { type: "x" })"), {2, 3}, Values(6));
    });
    EXPECT_EQ(error.field(), "group_norm_param." + field + ".type");
  }
}

TEST(GroupNorm, RefusesBottomsThatDoNotFit) {
  ExpectRefused(GroupNorm("num_groups: 1"), {4},
                "GroupNorm needs a bottom of at least 2 axes (items, channels), but its shape is 4",
                "");
  LayerRunner runner({.text = GroupNorm("num_groups: 1")}, {Shape{1, 3}});
  const Error error = Caught([&] { runner.Reshape({Shape{1, 4}}); });
  EXPECT_EQ(error.message(), "the params are 3, but the bottom wants 4");
}

TEST(GroupNorm, NeedsItsBottomForTheGradient) {
  ExpectGradientFromBottom(GroupNorm("num_groups: 1"));
}

std::string Params(const std::string& text) {
  return "group_norm_param { num_groups: " + text + " }";
}

const ContractCases kCases("GroupNorm", {{Params("2"), {{2, 4, 3}}},
                                         {Params("1"), {{2, 3, 2, 2}}},
                                         {Params("6"), {{2, 6, 5}}},
                                         {Params("3 eps: 0.1"), {{2, 6, 2, 3}}},
                                         {Params("2 affine: false"), {{2, 4, 3}}},
                                         {Params("1 affine: false"), {{1, 1}}},
                                         {Params("2"), {{3, 8}}},
                                         {Params("1 affine: false"), {{1, 4, 5}}},
                                         {Params("1"), {{3, 1, 7}}},
                                         {Params("4"), {{2, 4}}, WithoutDifferences()},
                                         {Params("2"), {{0, 4, 3}}},
                                         {Params("2"), {{2, 4, 0}}},
                                         {Params("2"), {kSeveralPieces}, WithoutDifferences()},
                                         {Params("1"), {kSeveralPieces}, WithoutDifferences()},
                                         {Params("10"), {{40, 130, 15}}, WithoutDifferences()},
                                         {Params("2"), {{4, 3000, 7}}, WithoutDifferences()},
                                         {Params("4"), {{300, 200}}, WithoutDifferences()}});

}  // namespace
}  // namespace moka
