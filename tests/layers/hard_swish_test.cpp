// HardSwish: y = x min(max(x / 6 + 1/2, 0), 1).
#include "layers/activation.h"

namespace moka {
namespace {

const char* const kHardSwish = "type: 'HardSwish'";

TEST(HardSwish, IsZeroUpToMinusThreeAndXFromThreeOn) {
  ExpectNear(RunLayer(kHardSwish, {-4, -3, -2, -1, 0, 1, 2, 3, 4}),
             {0, 0, -1 / 3.0, -1 / 3.0, 0, 2 / 3.0, 5 / 3.0, 3, 4}, 3e-7);
  EXPECT_EQ(RunLayer(kHardSwish, {-kInfinity, -1000, 1000, kInfinity}),
            (Values{0, 0, 1000, kInfinity}));
}

TEST(HardSwish, DoesNotHideNan) {
  EXPECT_TRUE(std::isnan(RunLayer(kHardSwish, {kNan})[0]));
  EXPECT_TRUE(std::isnan(Derivative(kHardSwish, {kNan})[0]));
}

TEST(HardSwish, HasItsDerivative) {
  ExpectNear(Derivative(kHardSwish, {-4, -2, -1, 0, 1, 2, 4}),
             {0, -1 / 6.0, 1 / 6.0, 0.5, 5 / 6.0, 7 / 6.0, 1}, 2e-7);
  EXPECT_EQ(Derivative(kHardSwish, {-kInfinity, kInfinity}), (Values{0, 1}));
}

TEST(HardSwish, NeedsItsBottomForTheGradient) { ExpectGradientFromBottom(kHardSwish); }

const ContractCases kCases("HardSwish", OverManyShapes("", Within(5, {-3, 3})));

}  // namespace
}  // namespace moka
