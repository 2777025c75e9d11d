// AbsVal: y = |x|.
#include "layers/activation.h"

namespace moka {
namespace {

const char* const kAbsVal = R"(type: "AbsVal")";

TEST(AbsVal, DropsTheSign) {
  EXPECT_EQ(RunLayer(kAbsVal, {-kInfinity, -2, -0.5f, 0, 1, kInfinity}),
            (Values{kInfinity, 2, 0.5f, 0, 1, kInfinity}));
  EXPECT_FALSE(std::signbit(RunLayer(kAbsVal, {-0.0f})[0]));
}

TEST(AbsVal, DoesNotHideNan) { EXPECT_TRUE(std::isnan(RunLayer(kAbsVal, {kNan})[0])); }

TEST(AbsVal, HasTheSignAsDerivativeAndZeroAtZero) {
  EXPECT_EQ(Derivative(kAbsVal, {-2, -0.5f, 0, 1, kInfinity}), (Values{-1, -1, 0, 1, 1}));
}

TEST(AbsVal, NeedsItsBottomForTheGradient) { ExpectGradientFromBottom(kAbsVal); }

const ContractCases kCases("AbsVal", OverManyShapes("", KinkAtZero()));

}  // namespace
}  // namespace moka
