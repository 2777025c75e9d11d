// Power: y = (shift + scale x)^power.
#include "layers/activation.h"

namespace moka {
namespace {

std::string Power(const std::string& params) {
  return "type: 'Power' power_param { " + params + " }";
}

TEST(Power, ChangesNothingUnlessTold) {
  EXPECT_EQ(RunLayer("type: 'Power'", {-2, 0, 3}), (Values{-2, 0, 3}));
  EXPECT_EQ(Derivative("type: 'Power'", {-2, 0, 3}), (Values{1, 1, 1}));
}

TEST(Power, ScalesAndShifts) {
  EXPECT_EQ(RunLayer(Power("scale: -2 shift: 0.5"), {-2, 0, 3}), (Values{4.5f, 0.5f, -5.5f}));
  EXPECT_EQ(Derivative(Power("scale: -2 shift: 0.5"), {-2, 0, 3}), (Values{-2, -2, -2}));
}

TEST(Power, TakesWholePowersOfBothSigns) {
  EXPECT_EQ(RunLayer(Power("power: 2"), {-3, 0, 3}), (Values{9, 0, 9}));
  EXPECT_EQ(RunLayer(Power("power: 3"), {-3, 0, 3}), (Values{-27, 0, 27}));
  EXPECT_EQ(RunLayer(Power("power: -1"), {-4, 2}), (Values{-0.25f, 0.5f}));
  EXPECT_EQ(RunLayer(Power("power: 5 scale: 0.5"), {-2, -1, 0, 4}), (Values{-1, -0.03125f, 0, 32}));
  EXPECT_EQ(RunLayer(Power("power: -2 shift: -5"), {1, 3, 7}), (Values{0.0625f, 0.25f, 0.25f}));
  EXPECT_EQ(Derivative(Power("power: 2"), {-3, 3}), (Values{-6, 6}));
  EXPECT_EQ(Derivative(Power("power: 3"), {-3, 3}), (Values{27, 27}));
  EXPECT_EQ(Derivative(Power("power: 5 scale: 0.5"), {-2, 2}), (Values{2.5f, 2.5f}));
  EXPECT_EQ(Derivative(Power("power: -2 shift: -5"), {1, 3, 7}), (Values{0.03125f, 0.25f, -0.25f}));
}

TEST(Power, TakesOtherPowersOfPositiveNumbers) {
  EXPECT_EQ(RunLayer(Power("power: 0.5"), {0, 4}), (Values{0, 2}));
  EXPECT_EQ(RunLayer(Power("power: 1.5"), {0, 0.25f, 1, 4}), (Values{0, 0.125f, 1, 8}));
  EXPECT_EQ(Derivative(Power("power: 0.5"), {4}), Values{0.25f});
  EXPECT_EQ(Derivative(Power("power: 1.5"), {0.25f, 1, 4}), (Values{0.75f, 1.5f, 3}));
  for (const char* power : {"0.5", "1.5", "-0.7"}) {
    const Values y = RunLayer(Power(std::string("power: ") + power), {-1, kNan});
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1])) << power;
  }
}

TEST(Power, IsConstantWithPowerOrScaleZero) {
  EXPECT_EQ(RunLayer(Power("power: 0"), {-2, 0, 5}), (Values{1, 1, 1}));
  EXPECT_EQ(Derivative(Power("power: 0"), {-2, 0, 5}), (Values{0, 0, 0}));
  EXPECT_EQ(RunLayer(Power("power: 2 scale: 0 shift: 3"), {-2, 5}), (Values{9, 9}));
  EXPECT_EQ(Derivative(Power("power: -1 scale: 0"), {-2, 5}), (Values{0, 0}));
}

// Caffe computes the derivative as power scale y / (shift + scale x), which is 0 / 0 there.
TEST(Power, HasADerivativeWhereTheBaseIsZero) {
  EXPECT_EQ(Derivative(Power("power: 2"), {0}), Values{0});
  EXPECT_EQ(Derivative(Power("power: 3 shift: 1"), {-1}), Values{0});
  EXPECT_EQ(Derivative(Power("power: 5"), {0}), Values{0});
  EXPECT_EQ(Derivative(Power("power: 1.5"), {0}), Values{0});
  EXPECT_EQ(Derivative(Power("power: 0.5"), {0}), Values{kInfinity});
}

TEST(Power, RefusesNumbersThatAreNotFinite) {
  ExpectRefused(Power("power: nan"), {2}, "power must be finite, but is nan", "power_param.power");
  ExpectRefused(Power("scale: inf"), {2}, "scale must be finite, but is inf", "power_param.scale");
  ExpectRefused(Power("shift: -inf"), {2}, "shift must be finite, but is -inf",
                "power_param.shift");
}

TEST(Power, NeedsItsBottomForTheGradientUnlessItIsStraight) {
  ExpectGradientFromBottom(Power("power: 2"));
  for (const char* straight : {"power: 1", "power: 0", "scale: 0 power: 3"}) {
    const LayerTraits traits = TraitsOf(Power(straight));
    EXPECT_FALSE(traits.bottom_gradient_reads().ReadsBottom(0)) << straight;
    EXPECT_FALSE(traits.bottom_gradient_reads().ReadsTop(0)) << straight;
  }
}

const ContractCases kCases("Power",
                           OverManyShapes("power_param { power: 2 scale: -2 shift: 0.5 }", {},
                                          {{"", {{2, 3}}},
                                           {"power_param { power: 0 }", {{2, 3}}},
                                           {"power_param { power: 3 scale: 0 }", {{2, 3}}},
                                           {"power_param { power: 3 }", {{2, 3}}},
                                           {"power_param { power: 5 }", {{2, 3}}},
                                           {"power_param { power: -1 shift: 2.5 }", {{2, 3}}},
                                           {"power_param { power: -2 shift: -3 }", {{2, 3}}},
                                           {"power_param { power: 0.5 shift: 2 }", {{2, 3}}},
                                           {"power_param { power: 1.7 shift: 2 }", {{2, 3}}},
                                           {"power_param { power: 1.7 shift: 2 }",
                                            {kSeveralPieces},
                                            WithoutDifferences()}}));

}  // namespace
}  // namespace moka
