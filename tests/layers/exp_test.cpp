// Exp: y = base^(shift + scale x).
#include "layers/activation.h"

namespace moka {
namespace {

std::string Exp(const std::string& params) { return "type: 'Exp' exp_param { " + params + " }"; }

TEST(Exp, HasBaseEUnlessTold) {
  ExpectNear(RunLayer("type: 'Exp'", {-2, -1, 0, 1}), {0.1353352832, 0.3678794412, 1, 2.7182818285},
             3e-7);
  EXPECT_EQ(RunLayer(Exp("base: -1"), Grid()), RunLayer("type: 'Exp'", Grid()));
}

TEST(Exp, TakesAnotherBaseAScaleAndAShift) {
  EXPECT_EQ(RunLayer(Exp("base: 2"), {-2, 0, 1, 10}), (Values{0.25f, 1, 2, 1024}));
  EXPECT_EQ(RunLayer(Exp("base: 0.5"), {-2, 1}), (Values{4, 0.5f}));
  ExpectNear(RunLayer(Exp("base: 2 scale: -1.5 shift: 0.75"), {-1, 0, 1}),
             {4.7568284600, 1.6817928305, 0.5946035575}, 5e-7);
  EXPECT_EQ(RunLayer(Exp("base: 10 scale: 0 shift: 3"), {7}), Values{1000});
}

TEST(Exp, EndsAtZeroAndInfinity) {
  EXPECT_EQ(RunLayer("type: 'Exp'", {-kInfinity, -1000, 1000, kInfinity}),
            (Values{0, 0, kInfinity, kInfinity}));
}

// In single precision, the rounding of shift + scale x would be a relative error of 1e-5.
TEST(Exp, LosesNoDigitsWhereScaleTimesXNearlyCancelsTheShift) {
  EXPECT_FLOAT_EQ(RunLayer(Exp("scale: 1000 shift: -1000"), {1.001f})[0],
                  static_cast<float>(std::exp(1000 * static_cast<double>(1.001f) - 1000)));
}

TEST(Exp, DoesNotHideNan) { EXPECT_TRUE(std::isnan(RunLayer("type: 'Exp'", {kNan})[0])); }

TEST(Exp, HasItselfTimesLogBaseTimesScaleAsDerivative) {
  ExpectNear(Derivative("type: 'Exp'", {-1, 0, 1}), {0.3678794412, 1, 2.7182818285}, 3e-7);
  ExpectNear(Derivative(Exp("base: 2 scale: -1.5 shift: 0.75"), {-1, 0, 1}),
             {-4.9457733532, -1.7485949381, -0.6182216691}, 1e-6);
}

TEST(Exp, IsConstantWithBaseOne) {
  EXPECT_EQ(RunLayer(Exp("base: 1"), {-5, 100}), (Values{1, 1}));
  EXPECT_EQ(Derivative(Exp("base: 1"), {-5, 100}), (Values{0, 0}));
}

TEST(Exp, RefusesWhatIsNoBase) {
  const std::string words = "base must be positive and finite, or -1 for e, but is ";
  for (const std::string base : {"0", "-2", "nan", "inf"}) {
    ExpectRefused(Exp("base: " + base), {2}, words + base, "exp_param.base");
  }
}

TEST(Exp, RefusesAScaleOrShiftThatIsNotFinite) {
  ExpectRefused(Exp("scale: inf"), {2}, "scale must be finite, but is inf", "exp_param.scale");
  ExpectRefused(Exp("shift: nan"), {2}, "shift must be finite, but is nan", "exp_param.shift");
}

TEST(Exp, NeedsOnlyItsTopForTheGradient) { ExpectGradientFromTop("type: 'Exp'"); }

const ContractCases kCases(
    "Exp",
    OverManyShapes("", {},
                   {{"exp_param { base: 2 scale: -1.5 shift: 0.75 }", {{2, 3, 4}}},
                    {"exp_param { base: 0.5 }", {{2, 3}}, Within(4)},
                    {"exp_param { base: 1 }", {{3}}},
                    {"exp_param { base: 2 shift: 1 }", {kSeveralPieces}, WithoutDifferences()},
                    {"exp_param { scale: 0 }", {{4}}}}));

}  // namespace
}  // namespace moka
