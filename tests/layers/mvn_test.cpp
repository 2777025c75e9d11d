// MVN: y = (x - mean) / (deviation + eps), for each channel of each item, or each item.
#include "layers/activation.h"
#include "layers/contract.h"

namespace moka {
namespace {

std::string Mvn(const std::string& params) { return R"(type: "MVN" mvn_param { )" + params + " }"; }

TEST(MVN, NormalizesEachChannelOfEachItem) {
  EXPECT_EQ(RunLayer(R"(type: "MVN")", {2, 2, 1, 2}, {1, 3, 10, 30, 5, 5.5f, -7, 7}),
            (Values{-1, 1, -1, 1, -1, 1, -1, 1}));
}

TEST(MVN, NormalizesAllChannelsTogetherIfTold) {
  ExpectNear(RunLayer(Mvn("across_channels: true"), {1, 2, 1, 2}, {1, 3, 5, 7}),
             {-1.34164079, -0.4472136, 0.4472136, 1.34164079}, 1e-6);
}

TEST(MVN, OnlyTakesOffTheMeanIfTold) {
  EXPECT_EQ(RunLayer(Mvn("normalize_variance: false"), {1, 2, 1, 2}, {1, 3, 10, 30}),
            (Values{-1, 1, -10, 10}));
}

// As Caffe does, where others add it to the variance.
TEST(MVN, AddsEpsToTheDeviation) {
  EXPECT_EQ(RunLayer(Mvn("eps: 3"), {1, 1, 1, 2}, {1, 3}), (Values{-0.25f, 0.25f}));
}

TEST(MVN, IsZeroWhereAllAreEqual) {
  EXPECT_EQ(RunLayer(R"(type: "MVN")", {1, 1, 1, 3}, {5, 5, 5}), (Values{0, 0, 0}));
  const Values dx = Derivative(R"(type: "MVN")", {5, 5, 5});
  for (const float value : dx) EXPECT_EQ(value, 0);
}

TEST(MVN, IsExactFarFromZero) {
  ExpectNear(RunLayer(R"(type: "MVN")", {1, 1, 1, 4}, {1000001, 1000003, 1000005, 1000007}),
             {-1.34164079, -0.4472136, 0.4472136, 1.34164079}, 1e-6);
}

// Caffe's is wrong in place, since it needs the bottom that has been overwritten.
TEST(MVN, NeedsItsTopForTheGradientSoThatItIsRightInPlace) {
  ExpectGradientFromTop(R"(type: "MVN")");
  const Reads reads = TraitsOf(Mvn("normalize_variance: false")).bottom_gradient_reads();
  EXPECT_FALSE(reads.ReadsTop(0) || reads.ReadsBottom(0));
}

// Caffe leaves eps out of the gradient. x = -1, 1: y = x / (|x1 - x0| / 2 + 1), so dy1/dx1 is
// 1/2 - 1/4 and dy1/dx0 is -1/2 + 1/4 ... in all (1/2 - 1/4) / 2 each.
TEST(MVN, CountsEpsInTheGradient) {
  RunOptions options;
  options.top_diffs = {{0, 1}};
  LayerGradients gradients;
  RunLayer(Mvn("eps: 1"), {{1, 1, 2}}, {{-1, 1}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{-0.125f, 0.125f}));
}

TEST(MVN, RefusesAnEpsThatMakesNoSense) {
  for (const std::string eps : {"-1", "nan", "inf"}) {
    ExpectRefused(Mvn("eps: " + eps), {2, 3}, "eps must be finite and at least 0, but is " + eps,
                  "mvn_param.eps");
  }
}

const ContractCases kCases(
    "MVN", {{"", {{2, 3, 4, 5}}},
            {"mvn_param { eps: 0.5 }", {{2, 3, 2, 2}}},
            {"mvn_param { across_channels: true }", {{2, 3, 2, 2}}},
            {"mvn_param { across_channels: true eps: 0.1 }", {{1, 7}}},
            {"mvn_param { normalize_variance: false }", {{2, 3, 4}}},
            {"mvn_param { normalize_variance: false across_channels: true }", {{3, 4}}},
            {"mvn_param { normalize_variance: false }", {{1, 1}}},
            {"mvn_param { eps: 1 }", {{3, 1, 17}}},
            {"mvn_param { across_channels: true }", {{1, 3, 2, 3}}},
            {"mvn_param { normalize_variance: false }", {{5}}},
            {"", {{0, 3, 2}}},
            {"", {{2, 3, 0}}},
            {"", {{2, 1, 3, 3}}},
            {"", {kSeveralPieces}, WithoutDifferences()},
            {"mvn_param { across_channels: true }", {{3, 2, 97, 101}}, WithoutDifferences()},
            {"", {{300, 200, 3}}, WithoutDifferences()}});

}  // namespace
}  // namespace moka
