// ReLU6: y = min(max(x, 0), 6).
#include "layers/activation.h"

namespace moka {
namespace {

const char* const kReLU6 = "type: 'ReLU6'";

TEST(ReLU6, KeepsValuesFromZeroToSix) {
  EXPECT_EQ(RunLayer(kReLU6, {-kInfinity, -1, 0, 2.5f, 6, 7, kInfinity}),
            (Values{0, 0, 0, 2.5f, 6, 6, 6}));
}

TEST(ReLU6, DoesNotHideNan) { EXPECT_TRUE(std::isnan(RunLayer(kReLU6, {kNan})[0])); }

TEST(ReLU6, HasDerivativeOneBetweenZeroAndSix) {
  EXPECT_EQ(Derivative(kReLU6, {-1, 0, 0.1f, 5.9f, 6, 7}), (Values{0, 0, 1, 1, 0, 0}));
}

TEST(ReLU6, NeedsOnlyItsTopForTheGradient) { ExpectGradientFromTop(kReLU6); }

const ContractCases kCases("ReLU6", OverManyShapes("", Within(9, {0, 6})));

}  // namespace
}  // namespace moka
