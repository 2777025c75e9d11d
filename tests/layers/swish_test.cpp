// Swish: y = x / (1 + exp(-beta x)).
#include "layers/activation.h"

namespace moka {
namespace {

const char* const kSwish = "type: 'Swish'";

std::string WithBeta(const std::string& beta) {
  return "type: 'Swish' swish_param { beta: " + beta + " }";
}

TEST(Swish, IsXTimesItsSigmoid) {
  ExpectNear(RunLayer(kSwish, {-2, -1, 0, 1, 2}),
             {-0.2384058440, -0.2689414214, 0, 0.7310585786, 1.7615941560}, 2e-7);
  ExpectNear(RunLayer(WithBeta("1.5"), {-2, -1, 0, 1, 2}),
             {-0.0948517464, -0.1824255238, 0, 0.8175744762, 1.9051482536}, 2e-7);
}

TEST(Swish, IsHalfOfXWithBetaZeroAndReLUWithALargeOne) {
  EXPECT_EQ(RunLayer(WithBeta("0"), {-3, 0, 5}), (Values{-1.5f, 0, 2.5f}));
  EXPECT_EQ(RunLayer(WithBeta("1e30"), {-3, 0, 5}), (Values{0, 0, 5}));
  EXPECT_EQ(RunLayer(WithBeta("-1e30"), {-3, 0, 5}), (Values{-3, 0, 0}));
}

TEST(Swish, IsExactAtBothEnds) {
  EXPECT_EQ(RunLayer(kSwish, {-kInfinity, -1000, 1000, kInfinity}),
            (Values{0, 0, 1000, kInfinity}));
  EXPECT_EQ(Derivative(kSwish, {-kInfinity, -1000, 1000, kInfinity}), (Values{0, 0, 1, 1}));
}

TEST(Swish, IsWithinFourUnitsOfTheLastPlace) {
  for (const double beta : {1.0, 1.7}) {
    Values x;
    std::vector<double> expected;
    for (int i = -8000; i <= 8000; ++i) {
      x.push_back(static_cast<float>(i / 100.0 / beta));
      expected.push_back(x.back() /
                         (1 + std::exp(static_cast<double>(-static_cast<float>(beta)) * x.back())));
    }
    EXPECT_LE(Ulps(RunLayer(WithBeta(std::to_string(beta)), x), expected), 4) << "beta " << beta;
  }
}

TEST(Swish, DoesNotHideNan) {
  EXPECT_TRUE(std::isnan(RunLayer(kSwish, {kNan})[0]));
  EXPECT_TRUE(std::isnan(Derivative(kSwish, {kNan})[0]));
}

TEST(Swish, HasItsDerivative) {
  ExpectNear(Derivative(kSwish, {-2, -1, 0, 1, 2}),
             {-0.0907842488, 0.0723294881, 0.5, 0.9276705119, 1.0907842488}, 2e-7);
  ExpectNear(Derivative(WithBeta("1.5"), {-2, -1, 0, 1, 2}),
             {-0.0881041060, -0.0412941543, 0.5, 1.0412941543, 1.0881041060}, 2e-7);
}

TEST(Swish, RefusesABetaThatIsNotFinite) {
  ExpectRefused(WithBeta("nan"), {2}, "beta must be finite, but is nan", "swish_param.beta");
  ExpectRefused(WithBeta("-inf"), {2}, "beta must be finite, but is -inf", "swish_param.beta");
}

TEST(Swish, NeedsItsBottomForTheGradient) { ExpectGradientFromBottom(kSwish); }

const ContractCases kCases("Swish",
                           OverManyShapes("", Within(8),
                                          {{"swish_param { beta: 2 }", {{2, 3, 4}}, Within(4)},
                                           {"swish_param { beta: 0 }", {{2, 3}}},
                                           {"swish_param { beta: -1.5 }", {{2, 3}}}}));

}  // namespace
}  // namespace moka
