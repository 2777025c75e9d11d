// LeakyReLU: ReLU with a small slope below 0.
#include "layers/activation.h"

namespace moka {
namespace {

TEST(LeakyReLU, HasSlopeOneHundredthBelowZeroUnlessTold) {
  EXPECT_EQ(RunLayer(R"(type: "LeakyReLU")", {-200, -1, 0, 3}), (Values{-2, -0.01f, 0, 3}));
  EXPECT_EQ(RunLayer(R"(type: "LeakyReLU" leaky_relu_param { negative_slope: 0.5 })", {-2, 3}),
            (Values{-1, 3}));
}

TEST(LeakyReLU, NeverHasDerivativeZero) {
  EXPECT_EQ(Derivative(R"(type: "LeakyReLU")", {-100, -1, 0, 1, 100}),
            (Values{0.01f, 0.01f, 0.01f, 1, 1}));
}

TEST(LeakyReLU, IsReLUOfTheSameSlope) {
  EXPECT_EQ(RunLayer(R"(type: "LeakyReLU" leaky_relu_param { negative_slope: 0.3 })", Grid()),
            RunLayer(R"(type: "ReLU" relu_param { negative_slope: 0.3 })", Grid()));
}

TEST(LeakyReLU, RefusesAnInfiniteSlope) {
  ExpectRefused(R"(type: "LeakyReLU" leaky_relu_param { negative_slope: inf })", {2},
                "negative_slope must be finite, but is inf", "leaky_relu_param.negative_slope");
}

TEST(LeakyReLU, NeedsOnlyItsTopForTheGradientUnlessTheSlopeIsNegative) {
  ExpectGradientFromTop(R"(type: "LeakyReLU")");
  ExpectGradientFromBottom(R"(type: "LeakyReLU" leaky_relu_param { negative_slope: -0.1 })");
}

const ContractCases kCases(
    "LeakyReLU",
    OverManyShapes("", KinkAtZero(),
                   {{"leaky_relu_param { negative_slope: -0.2 }", {{7, 3}}, KinkAtZero()},
                    {"leaky_relu_param { negative_slope: 0 }", {{7, 3}}, KinkAtZero()}}));

}  // namespace
}  // namespace moka
