// Log: y = log(shift + scale x), to a base.
#include "layers/activation.h"

namespace moka {
namespace {

std::string Log(const std::string& params) { return "type: 'Log' log_param { " + params + " }"; }

TEST(Log, HasBaseEUnlessTold) {
  ExpectNear(RunLayer("type: 'Log'", {0.5f, 1, 2}), {-0.6931471806, 0, 0.6931471806}, 1e-7);
  EXPECT_EQ(RunLayer(Log("base: -1"), {0.3f, 7}), RunLayer("type: 'Log'", {0.3f, 7}));
}

TEST(Log, TakesAnotherBaseAScaleAndAShift) {
  EXPECT_EQ(RunLayer(Log("base: 2"), {0.25f, 1, 8}), (Values{-2, 0, 3}));
  ExpectNear(RunLayer(Log("base: 2 scale: 2 shift: 3"), {-1, 0, 2.5f}), {0, 1.5849625007, 3}, 3e-7);
  ExpectNear(RunLayer(Log("base: 0.5"), {4}), {-2}, 1e-7);
}

TEST(Log, IsMinusInfinityAtZeroAndNanBelow) {
  EXPECT_EQ(RunLayer("type: 'Log'", {0, kInfinity}), (Values{-kInfinity, kInfinity}));
  EXPECT_TRUE(std::isnan(RunLayer("type: 'Log'", {-1})[0]));
  EXPECT_TRUE(std::isnan(RunLayer("type: 'Log'", {kNan})[0]));
}

// In single precision 1 + 1e-9 is 1, and the logarithm 0.
TEST(Log, LosesNoDigitsNearTheShift) {
  EXPECT_FLOAT_EQ(RunLayer(Log("shift: 1"), {1e-9f})[0], 1e-9f);
  EXPECT_FLOAT_EQ(RunLayer(Log("shift: 1 scale: 1e-5"), {-0.3f})[0], -3.0000045e-6f);
}

TEST(Log, HasDerivativeScaleOverTheArgument) {
  EXPECT_EQ(Derivative("type: 'Log'", {0.5f, 1, 4}), (Values{2, 1, 0.25f}));
  ExpectNear(Derivative(Log("base: 2 scale: 2 shift: 3"), {-1, 0, 2.5f}),
             {2.8853900818, 0.9617966939, 0.3606737602}, 5e-7);
}

TEST(Log, RefusesWhatIsNoBase) {
  const std::string words = "base must be positive and finite, or -1 for e, but is ";
  for (const std::string base : {"0", "-2", "nan", "inf"}) {
    ExpectRefused(Log("base: " + base), {2}, words + base, "log_param.base");
  }
  ExpectRefused(Log("base: 1"), {2}, "base must not be 1: there is no such logarithm",
                "log_param.base");
}

TEST(Log, RefusesAScaleOrShiftThatIsNotFinite) {
  ExpectRefused(Log("scale: -inf"), {2}, "scale must be finite, but is -inf", "log_param.scale");
  ExpectRefused(Log("shift: nan"), {2}, "shift must be finite, but is nan", "log_param.shift");
}

TEST(Log, NeedsItsBottomForTheGradient) { ExpectGradientFromBottom("type: 'Log'"); }

CheckOptions Positive() {
  CheckOptions options;
  options.input = [](int, int64_t, float random) { return 0.3f + 2 * random; };
  return options;
}

const ContractCases kCases(
    "Log", OverManyShapes("", Positive(),
                          {{"log_param { base: 10 scale: -2 shift: 3.5 }", {{2, 3, 4}}},
                           {"log_param { base: 0.5 }", {{2, 3}}, Positive()},
                           {"log_param { shift: 2 }", {kSeveralPieces}, WithoutDifferences()},
                           {"log_param { scale: 0 shift: 2 }", {{4}}}}));

}  // namespace
}  // namespace moka
