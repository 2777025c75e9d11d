// Mish: y = x tanh(log(1 + exp(x))).
#include "layers/activation.h"

namespace moka {
namespace {

const char* const kMish = "type: 'Mish'";

TEST(Mish, IsXTimesTanhOfSoftplus) {
  ExpectNear(RunLayer(kMish, {-2, -1, 0, 1, 2}),
             {-0.2525014827, -0.3034014614, 0, 0.8650983883, 1.9439589595}, 2e-7);
}

TEST(Mish, IsExactAtBothEnds) {
  EXPECT_EQ(RunLayer(kMish, {-kInfinity, -1000, 100, kInfinity}), (Values{0, 0, 100, kInfinity}));
  EXPECT_EQ(Derivative(kMish, {-kInfinity, -1000, 100, kInfinity}), (Values{0, 0, 1, 1}));
  EXPECT_NEAR(RunLayer(kMish, {-30})[0] / (-30 * std::exp(-30.0)), 1, 1e-5);
}

TEST(Mish, DoesNotHideNan) {
  EXPECT_TRUE(std::isnan(RunLayer(kMish, {kNan})[0]));
  EXPECT_TRUE(std::isnan(Derivative(kMish, {kNan})[0]));
}

TEST(Mish, HasItsDerivative) {
  ExpectNear(Derivative(kMish, {-2, -1, 0, 1, 2}),
             {-0.1083550924, 0.0592167559, 0.6, 1.0490362201, 1.0693179343}, 3e-7);
}

TEST(Mish, NeedsItsBottomForTheGradient) { ExpectGradientFromBottom(kMish); }

const ContractCases kCases("Mish", OverManyShapes("", Within(8)));

}  // namespace
}  // namespace moka
