// Softplus: y = log(1 + exp(beta x)) / beta.
#include <algorithm>

#include "layers/activation.h"

namespace moka {
namespace {

const char* const kSoftplus = R"(type: "Softplus")";

std::string WithBeta(const std::string& beta) {
  return R"(type: "Softplus" softplus_param { beta: )" + beta + " }";
}

TEST(Softplus, IsTheLogarithmOfOnePlusExp) {
  ExpectNear(RunLayer(kSoftplus, {-2, -1, 0, 1, 2}),
             {0.1269280110, 0.3132616875, 0.6931471806, 1.3132616875, 2.1269280110}, 3e-7);
  ExpectNear(RunLayer(WithBeta("2"), {-1, 0, 1}), {0.0634640055, 0.3465735903, 1.0634640055}, 2e-7);
}

TEST(Softplus, IsExactAtBothEnds) {
  EXPECT_EQ(RunLayer(kSoftplus, {-kInfinity, 100, kInfinity}), (Values{0, 100, kInfinity}));
  EXPECT_NEAR(RunLayer(kSoftplus, {-80})[0] / std::exp(-80.0), 1, 1e-5);
  EXPECT_EQ(RunLayer(WithBeta("1e30"), {-1e30f, 1e30f}), (Values{0, 1e30f}));  // beta x overflows
}

TEST(Softplus, IsWithinFourUnitsOfTheLastPlace) {
  Values x;
  for (int i = -8600; i <= 8600; ++i) x.push_back(static_cast<float>(i) / 100);
  for (const double beta : {1.0, 3.0}) {
    std::vector<double> expected;
    for (float& value : x) {
      value = static_cast<float>(value / beta);
      expected.push_back(std::log1p(std::exp(beta * value)) / beta);
    }
    EXPECT_LE(Ulps(RunLayer(WithBeta(std::to_string(beta)), x), expected), 4) << "beta " << beta;
  }
}

TEST(Softplus, DoesNotHideNan) { EXPECT_TRUE(std::isnan(RunLayer(kSoftplus, {kNan})[0])); }

TEST(Softplus, HasTheSigmoidOfBetaXAsDerivative) {
  const Values x = Grid();
  for (const float beta : {0.5f, 1.0f, 4.0f}) {
    Values scaled;
    for (const float value : x) scaled.push_back(beta * value);
    const Values sigmoid = RunLayer(R"(type: "Sigmoid")", scaled);
    const Values slopes = Derivative(WithBeta(std::to_string(beta)), x);
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(slopes[i] / sigmoid[i], 1, 2e-6) << "beta " << beta << ", x " << x[i];
    }
  }
}

TEST(Softplus, HasDerivativeZeroAndOneAtTheEnds) {
  EXPECT_EQ(Derivative(kSoftplus, {-kInfinity, 100, kInfinity}), (Values{0, 1, 1}));
  EXPECT_NEAR(Derivative(kSoftplus, {-80})[0] / std::exp(-80.0), 1, 1e-5);
}

// A smooth rectifier: the larger beta, the nearer to ReLU, and farthest away at 0.
TEST(Softplus, LiesAboveReLUByAtMostLogTwoOverBeta) {
  const Values x = Grid();
  const Values relu = RunLayer(R"(type: "ReLU")", x);
  for (const float beta : {0.5f, 1.0f, 2.0f, 10.0f, 1000.0f}) {
    const Values y = RunLayer(WithBeta(std::to_string(beta)), x);
    const float bound = std::log(2.0f) / beta;
    float farthest = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_GE(y[i], relu[i]);
      farthest = std::max(farthest, y[i] - relu[i]);
    }
    EXPECT_LE(farthest, bound * (1 + 1e-6f));
    EXPECT_EQ(farthest, y[80]) << "beta " << beta;  // at x = 0
    EXPECT_FLOAT_EQ(farthest, bound);
  }
}

TEST(Softplus, RefusesABetaThatIsNotPositive) {
  const std::string words = "beta must be positive and finite, but is ";
  ExpectRefused(WithBeta("0"), {2}, words + "0", "softplus_param.beta");
  ExpectRefused(WithBeta("-1.5"), {2}, words + "-1.5", "softplus_param.beta");
  ExpectRefused(WithBeta("nan"), {2}, words + "nan", "softplus_param.beta");
  ExpectRefused(WithBeta("inf"), {2}, words + "inf", "softplus_param.beta");
}

TEST(Softplus, NeedsOnlyItsTopForTheGradient) { ExpectGradientFromTop(kSoftplus); }

const ContractCases kCases(
    "Softplus", OverManyShapes("", Within(8),
                               {{"softplus_param { beta: 0.5 }", {{2, 3}}, Within(8)},
                                {"softplus_param { beta: 3 }", {{2, 3, 4}}, Within(3)}}));

}  // namespace
}  // namespace moka
