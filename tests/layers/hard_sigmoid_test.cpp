// HardSigmoid: y = min(max(alpha x + beta, 0), 1).
#include "layers/activation.h"

namespace moka {
namespace {

std::string HardSigmoid(const std::string& params) {
  return "type: 'HardSigmoid' hard_sigmoid_param { " + params + " }";
}

TEST(HardSigmoid, HasThreeStraightPieces) {
  ExpectNear(RunLayer("type: 'HardSigmoid'", {-kInfinity, -3, -1, 0, 1, 3, kInfinity}),
             {0, 0, 0.3, 0.5, 0.7, 1, 1}, 1e-7);
  EXPECT_EQ(RunLayer(HardSigmoid("alpha: 0.5 beta: 0.25"), {-1, 0, 1, 2}),
            (Values{0, 0.25f, 0.75f, 1}));
}

TEST(HardSigmoid, TakesANegativeAlpha) {
  EXPECT_EQ(RunLayer(HardSigmoid("alpha: -0.5"), {-2, 0, 0.5f, 2}), (Values{1, 0.5f, 0.25f, 0}));
  EXPECT_EQ(Derivative(HardSigmoid("alpha: -0.5"), {-2, 0, 0.5f, 2}), (Values{0, -0.5f, -0.5f, 0}));
}

TEST(HardSigmoid, DoesNotHideNan) {
  EXPECT_TRUE(std::isnan(RunLayer("type: 'HardSigmoid'", {kNan})[0]));
}

TEST(HardSigmoid, HasDerivativeAlphaBetweenItsEnds) {
  EXPECT_EQ(Derivative("type: 'HardSigmoid'", {-3, -1, 0, 1, 3}), (Values{0, 0.2f, 0.2f, 0.2f, 0}));
}

TEST(HardSigmoid, RefusesNumbersThatAreNotFinite) {
  ExpectRefused(HardSigmoid("alpha: inf"), {2}, "alpha must be finite, but is inf",
                "hard_sigmoid_param.alpha");
  ExpectRefused(HardSigmoid("beta: nan"), {2}, "beta must be finite, but is nan",
                "hard_sigmoid_param.beta");
}

TEST(HardSigmoid, NeedsOnlyItsTopForTheGradient) { ExpectGradientFromTop("type: 'HardSigmoid'"); }

const ContractCases kCases(
    "HardSigmoid",
    OverManyShapes("", Within(4, {-2.5f, 2.5f}),
                   {{"hard_sigmoid_param { alpha: 1 beta: 0 }", {{2, 3}}, Within(2, {0, 1})},
                    {"hard_sigmoid_param { alpha: -0.5 }", {{2, 3}}, Within(2, {-1, 1})},
                    {"hard_sigmoid_param { alpha: 0 beta: 2 }", {{2, 3}}}}));

}  // namespace
}  // namespace moka
