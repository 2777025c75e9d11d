// TanH: y = tanh(x).
#include <algorithm>

#include "layers/activation.h"

namespace moka {
namespace {

const char* const kTanH = R"(type: "TanH")";

TEST(TanH, SquashesIntoMinusOneToOne) {
  ExpectNear(RunLayer(kTanH, {-2, -1, 0, 1, 2}),
             {-0.9640275801, -0.7615941560, 0, 0.7615941560, 0.9640275801}, 1e-7);
}

TEST(TanH, SaturatesAtBothEnds) {
  EXPECT_EQ(RunLayer(kTanH, {-kInfinity, -100, 100, kInfinity}), (Values{-1, -1, 1, 1}));
}

TEST(TanH, DoesNotHideNan) { EXPECT_TRUE(std::isnan(RunLayer(kTanH, {kNan})[0])); }

TEST(TanH, HasDerivativeOneMinusYSquared) {
  ExpectNear(Derivative(kTanH, {-2, -1, 0, 1, 2}),
             {0.0706508249, 0.4199743416, 1, 0.4199743416, 0.0706508249}, 1e-6);
  EXPECT_EQ(Derivative(kTanH, {-100, 100}), (Values{0, 0}));
}

TEST(TanH, HasItsSteepestSlopeOneAtZero) {
  const Values slopes = Derivative(kTanH, Grid());
  const auto steepest = std::max_element(slopes.begin(), slopes.end());
  EXPECT_EQ(*steepest, 1);
  EXPECT_EQ(Grid()[static_cast<size_t>(steepest - slopes.begin())], 0);
}

TEST(TanH, TakesTheEngineOfCaffesFiles) {
  EXPECT_EQ(RunLayer(R"(type: "TanH" tanh_param { engine: CUDNN })", {0}), Values{0});
}

TEST(TanH, NeedsOnlyItsTopForTheGradient) { ExpectGradientFromTop(kTanH); }

const ContractCases kCases("TanH", OverManyShapes("", Within(4)));

}  // namespace
}  // namespace moka
