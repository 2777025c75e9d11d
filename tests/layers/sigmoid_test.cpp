// Sigmoid: y = 1 / (1 + exp(-x)).
#include <algorithm>

#include "layers/activation.h"

namespace moka {
namespace {

const char* const kSigmoid = R"(type: "Sigmoid")";

TEST(Sigmoid, SquashesIntoZeroToOne) {
  ExpectNear(RunLayer(kSigmoid, {-2, -1, 0, 1, 2}),
             {0.1192029220, 0.2689414214, 0.5, 0.7310585786, 0.8807970780}, 1e-7);
}

TEST(Sigmoid, IsSymmetricAboutOneHalf) {
  const Values y = RunLayer(kSigmoid, Grid());
  for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i] + y[y.size() - 1 - i], 1, 1e-6);
}

TEST(Sigmoid, IsExactAtBothEnds) {
  EXPECT_EQ(RunLayer(kSigmoid, {-kInfinity, kInfinity, 100}), (Values{0, 1, 1}));
  EXPECT_NEAR(RunLayer(kSigmoid, {-80})[0] / std::exp(-80.0), 1, 1e-5);
  EXPECT_EQ(RunLayer(kSigmoid, {-100}), Values{0});  // exp(-100) is below the smallest normal float
}

TEST(Sigmoid, DoesNotHideNan) { EXPECT_TRUE(std::isnan(RunLayer(kSigmoid, {kNan})[0])); }

TEST(Sigmoid, HasDerivativeYTimesOneMinusY) {
  ExpectNear(Derivative(kSigmoid, {-2, -1, 0, 1, 2}),
             {0.1049935854, 0.1966119332, 0.25, 0.1966119332, 0.1049935854}, 1e-7);
  EXPECT_EQ(Derivative(kSigmoid, {-100, 100}), (Values{0, 0}));
}

// Why deep nets of sigmoids learn slowly: every layer shrinks the gradient at least fourfold.
TEST(Sigmoid, HasItsSteepestSlopeOneQuarterAtZero) {
  const Values slopes = Derivative(kSigmoid, Grid());
  const auto steepest = std::max_element(slopes.begin(), slopes.end());
  EXPECT_EQ(*steepest, 0.25f);
  EXPECT_EQ(Grid()[static_cast<size_t>(steepest - slopes.begin())], 0);
}

TEST(Sigmoid, TakesTheEngineOfCaffesFiles) {
  EXPECT_EQ(RunLayer(R"(type: "Sigmoid" sigmoid_param { engine: CAFFE })", {0}), Values{0.5f});
}

TEST(Sigmoid, NeedsOnlyItsTopForTheGradient) { ExpectGradientFromTop(kSigmoid); }

const ContractCases kCases("Sigmoid", OverManyShapes("", Within(8)));

}  // namespace
}  // namespace moka
