// SELU: y = scale x where x > 0, and y = scale alpha (exp(x) - 1) elsewhere.
#include "layers/activation.h"

namespace moka {
namespace {

const char* const kSELU = "type: 'SELU'";

TEST(SELU, IsAScaledELU) {
  ExpectNear(RunLayer(kSELU, {-2, -1, 0, 1, 2}),
             {-1.5201664686, -1.1113307378, 0, 1.0507009874, 2.1014019747}, 3e-7);
}

TEST(SELU, EndsAtMinusScaleTimesAlpha) {
  EXPECT_EQ(RunLayer(kSELU, {-kInfinity, -100, kInfinity}),
            (Values{-1.7580993f, -1.7580993f, kInfinity}));
}

TEST(SELU, LosesNoDigitsNearZero) { EXPECT_FLOAT_EQ(RunLayer(kSELU, {-1e-6f})[0], -1.7580985e-6f); }

TEST(SELU, DoesNotHideNan) { EXPECT_TRUE(std::isnan(RunLayer(kSELU, {kNan})[0])); }

TEST(SELU, HasItsDerivative) {
  ExpectNear(Derivative(kSELU, {-2, -1, 0, 1, 100}),
             {0.2379328723, 0.6467686030, 1.7580993408, 1.0507009874, 1.0507009874}, 5e-7);
}

// Of values with mean 0 and variance 1 it makes values with mean 0 and variance 1: here the
// integral over a normal distribution from -8 to 8.
TEST(SELU, KeepsMeanZeroAndVarianceOne) {
  Values x;
  for (int i = -4000; i <= 4000; ++i) x.push_back(static_cast<float>(i) / 500);
  const Values y = RunLayer(kSELU, x);
  double mean = 0, square = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double density = std::exp(-0.5 * x[i] * x[i]) / std::sqrt(2 * M_PI) / 500;
    mean += density * y[i];
    square += density * y[i] * y[i];
  }
  EXPECT_NEAR(mean, 0, 1e-5);
  EXPECT_NEAR(square, 1, 1e-5);
}

TEST(SELU, NeedsOnlyItsTopForTheGradient) { ExpectGradientFromTop(kSELU); }

const ContractCases kCases("SELU", OverManyShapes("", Within(3, {0})));

}  // namespace
}  // namespace moka
