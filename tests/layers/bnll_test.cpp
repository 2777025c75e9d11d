// BNLL: y = log(1 + exp(x)).
#include "layers/activation.h"

namespace moka {
namespace {

const char* const kBNLL = R"(type: "BNLL")";

TEST(BNLL, IsTheLogarithmOfOnePlusExp) {
  ExpectNear(RunLayer(kBNLL, {-1, 0, 1}), {0.3132616875, 0.6931471806, 1.3132616875}, 2e-7);
}

TEST(BNLL, IsSoftplusWithBetaOne) {
  EXPECT_EQ(RunLayer(kBNLL, Grid()), RunLayer(R"(type: "Softplus")", Grid()));
  EXPECT_EQ(Derivative(kBNLL, Grid()), Derivative(R"(type: "Softplus")", Grid()));
}

TEST(BNLL, IsStableFarFromZero) {
  EXPECT_EQ(RunLayer(kBNLL, {-kInfinity, 60, 100, 1e30f, kInfinity}),
            (Values{0, 60, 100, 1e30f, kInfinity}));
  EXPECT_NEAR(Derivative(kBNLL, {-60})[0] / std::exp(-60.0), 1, 1e-5);
  EXPECT_EQ(Derivative(kBNLL, {60, 100, 1e30f}), (Values{1, 1, 1}));
}

TEST(BNLL, DoesNotHideNan) { EXPECT_TRUE(std::isnan(RunLayer(kBNLL, {kNan})[0])); }

TEST(BNLL, NeedsOnlyItsTopForTheGradient) { ExpectGradientFromTop(kBNLL); }

const ContractCases kCases("BNLL", OverManyShapes("", Within(8)));

}  // namespace
}  // namespace moka
