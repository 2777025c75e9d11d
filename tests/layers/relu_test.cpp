// ReLU: y = x where x >= 0, and y = slope x elsewhere.
#include "layers/activation.h"

namespace moka {
namespace {

TEST(ReLU, KeepsPositiveValuesAndZeroesTheRest) {
  EXPECT_EQ(RunLayer(R"(type: "ReLU")", {-2, -1, 0, 1, 2}), (Values{0, 0, 0, 1, 2}));
}

TEST(ReLU, MultipliesNegativeValuesByTheSlope) {
  EXPECT_EQ(RunLayer(R"(type: "ReLU" relu_param { negative_slope: 0.25 })", {-2, -1, 0, 1, 2}),
            (Values{-0.5f, -0.25f, 0, 1, 2}));
}

TEST(ReLU, FoldsTheAxisWithSlopeMinusOne) {
  const std::string layer = R"(type: "ReLU" relu_param { negative_slope: -1 })";
  EXPECT_EQ(RunLayer(layer, {-2, -1, 0, 1, 2}), (Values{2, 1, 0, 1, 2}));
  EXPECT_EQ(Derivative(layer, {-2, -1, 1, 2}), (Values{-1, -1, 1, 1}));
}

TEST(ReLU, HasDerivativeOneAboveZeroAndTheSlopeBelow) {
  EXPECT_EQ(Derivative(R"(type: "ReLU")", {-2, -0.5f, 0.5f, 2}), (Values{0, 0, 1, 1}));
  EXPECT_EQ(Derivative(R"(type: "ReLU" relu_param { negative_slope: 0.25 })", {-2, 2}),
            (Values{0.25f, 1}));
}

TEST(ReLU, TakesTheSlopeForItsDerivativeAtZero) {
  EXPECT_EQ(Derivative(R"(type: "ReLU")", {0}), Values{0});
  EXPECT_EQ(Derivative(R"(type: "ReLU" relu_param { negative_slope: 0.25 })", {0}), Values{0.25f});
  EXPECT_EQ(Derivative(R"(type: "ReLU" relu_param { negative_slope: -1 })", {0}), Values{-1});
}

TEST(ReLU, ZeroesMinusInfinityAndKeepsInfinity) {
  EXPECT_EQ(RunLayer(R"(type: "ReLU")", {-kInfinity, kInfinity}), (Values{0, kInfinity}));
}

TEST(ReLU, DoesNotHideNan) {
  EXPECT_TRUE(std::isnan(RunLayer(R"(type: "ReLU")", {kNan})[0]));
  EXPECT_TRUE(
      std::isnan(RunLayer(R"(type: "ReLU" relu_param { negative_slope: 0.1 })", {kNan})[0]));
  RunOptions options;
  options.top_diffs = {{kNan}};
  LayerGradients gradients;
  RunLayer(R"(type: "ReLU")", {Shape{1}}, {{-1}}, options, &gradients);
  EXPECT_TRUE(std::isnan(gradients.bottoms[0][0]));
}

TEST(ReLU, TakesTheEngineOfCaffesFiles) {
  EXPECT_EQ(RunLayer(R"(type: "ReLU" relu_param { engine: CUDNN })", {-2, 2}), (Values{0, 2}));
}

TEST(ReLU, KeepsTheShape) {
  const auto result = RunLayer(R"(type: "ReLU")", std::vector{Shape{2, 3, 1, 2}}, {Values(12, 1)});
  EXPECT_EQ(result.shapes[0], (Shape{2, 3, 1, 2}));
}

TEST(ReLU, RefusesASlopeThatIsNoNumber) {
  ExpectRefused(R"(type: "ReLU" relu_param { negative_slope: nan })", {2},
                "negative_slope must be finite, but is nan", "relu_param.negative_slope");
}

TEST(ReLU, NeedsOnlyItsTopForTheGradientUnlessTheSlopeIsNegative) {
  ExpectGradientFromTop(R"(type: "ReLU")");
  ExpectGradientFromTop(R"(type: "ReLU" relu_param { negative_slope: 0.1 })");
  ExpectGradientFromBottom(R"(type: "ReLU" relu_param { negative_slope: -0.1 })");
}

const ContractCases kCases(
    "ReLU", OverManyShapes(
                "", KinkAtZero(),
                {{"relu_param { negative_slope: 0.1 }", {{2, 3, 4, 5}}, KinkAtZero()},
                 {"relu_param { negative_slope: 1 }", {{2, 3}}},
                 {"relu_param { negative_slope: -0.5 }", {{2, 3}}, KinkAtZero()},
                 {"relu_param { negative_slope: -0.5 }", {kSeveralPieces}, WithoutDifferences()}}));

}  // namespace
}  // namespace moka
