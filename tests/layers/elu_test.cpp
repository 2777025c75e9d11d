// ELU: y = x where x > 0, and y = alpha (exp(x) - 1) elsewhere.
#include "layers/activation.h"

namespace moka {
namespace {

TEST(ELU, KeepsPositiveValuesAndBendsTheRestTowardsMinusAlpha) {
  ExpectNear(RunLayer(R"(type: "ELU")", {-2, -1, 0, 1, 2}), {-0.8646647168, -0.6321205588, 0, 1, 2},
             1e-7);
  ExpectNear(RunLayer(R"(type: "ELU" elu_param { alpha: 0.5 })", {-2, -1, 0, 1}),
             {-0.4323323584, -0.3160602794, 0, 1}, 1e-7);
}

TEST(ELU, EndsAtMinusAlpha) {
  EXPECT_EQ(RunLayer(R"(type: "ELU" elu_param { alpha: 0.5 })", {-kInfinity, -100, 100, kInfinity}),
            (Values{-0.5f, -0.5f, 100, kInfinity}));
}

TEST(ELU, LosesNoDigitsNearZero) {
  EXPECT_FLOAT_EQ(RunLayer(R"(type: "ELU")", {-1e-6f})[0], -9.999995e-7f);
}

TEST(ELU, DoesNotHideNan) {
  EXPECT_TRUE(std::isnan(RunLayer(R"(type: "ELU")", {kNan})[0]));
  EXPECT_TRUE(std::isnan(RunLayer(R"(type: "ELU" elu_param { alpha: 0 })", {kNan})[0]));
}

TEST(ELU, HasDerivativeAlphaTimesExpBelowZero) {
  ExpectNear(Derivative(R"(type: "ELU")", {-2, -1, 0, 1, 100}),
             {0.1353352832, 0.3678794412, 1, 1, 1}, 1e-6);
  ExpectNear(Derivative(R"(type: "ELU" elu_param { alpha: 0.5 })", {-2, -1, 1, -100}),
             {0.0676676416, 0.1839397206, 1, 0}, 1e-6);
}

TEST(ELU, TakesANegativeAlpha) {
  const std::string layer = R"(type: "ELU" elu_param { alpha: -1 })";
  ExpectNear(RunLayer(layer, {-2, -1, 1}), {0.8646647168, 0.6321205588, 1}, 1e-7);
  ExpectNear(Derivative(layer, {-2, -1, 1}), {-0.1353352832, -0.3678794412, 1}, 1e-7);
}

TEST(ELU, RefusesAnAlphaThatIsNoNumber) {
  ExpectRefused(R"(type: "ELU" elu_param { alpha: nan })", {2}, "alpha must be finite, but is nan",
                "elu_param.alpha");
}

TEST(ELU, NeedsOnlyItsTopForTheGradientUnlessAlphaIsNegative) {
  ExpectGradientFromTop(R"(type: "ELU")");
  ExpectGradientFromTop(R"(type: "ELU" elu_param { alpha: 0 })");
  ExpectGradientFromBottom(R"(type: "ELU" elu_param { alpha: -0.1 })");
}

const ContractCases kCases(
    "ELU", OverManyShapes("", Within(3, {0}),
                          {{"elu_param { alpha: 0.3 }", {{2, 3}}, KinkAtZero()},
                           {"elu_param { alpha: 2 }", {{2, 3, 4}}, KinkAtZero()},
                           {"elu_param { alpha: 0 }", {{2, 3}}, KinkAtZero()},
                           {"elu_param { alpha: -0.7 }", {{2, 3, 4, 5}}, KinkAtZero()}}));

}  // namespace
}  // namespace moka
