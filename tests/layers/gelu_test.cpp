// GELU: y = x Phi(x), Phi the normal distribution.
#include "layers/activation.h"

namespace moka {
namespace {

const char* const kGELU = "type: 'GELU'";
const char* const kTanh = "type: 'GELU' gelu_param { approximate: TANH }";

TEST(GELU, IsXTimesTheNormalDistribution) {
  ExpectNear(RunLayer(kGELU, {-2, -1, 0, 1, 2}),
             {-0.0455002639, -0.1586552539, 0, 0.8413447461, 1.9544997361}, 2e-7);
}

TEST(GELU, IsApproximatedByTanhIfTold) {
  ExpectNear(RunLayer(kTanh, {-2, -1, 0, 1, 2}),
             {-0.0454023059, -0.1588080094, 0, 0.8411919906, 1.9545976941}, 2e-7);
  const Values exact = RunLayer(kGELU, Grid()), near = RunLayer(kTanh, Grid());
  for (size_t i = 0; i < exact.size(); ++i) EXPECT_NEAR(near[i], exact[i], 5e-4);
}

TEST(GELU, IsExactAtBothEnds) {
  for (const char* layer : {kGELU, kTanh}) {
    EXPECT_EQ(RunLayer(layer, {-kInfinity, -100, 100, kInfinity}), (Values{0, 0, 100, kInfinity}));
    EXPECT_EQ(Derivative(layer, {-kInfinity, -100, 100, kInfinity}), (Values{0, 0, 1, 1}));
  }
  EXPECT_NEAR(RunLayer(kGELU, {-5})[0] / -1.4332579e-6, 1, 1e-5);  // no digits lost in the tail
}

TEST(GELU, DoesNotHideNan) {
  for (const char* layer : {kGELU, kTanh}) {
    EXPECT_TRUE(std::isnan(RunLayer(layer, {kNan})[0]));
    EXPECT_TRUE(std::isnan(Derivative(layer, {kNan})[0]));
  }
}

TEST(GELU, HasItsDerivative) {
  ExpectNear(Derivative(kGELU, {-2, -1, 0, 1, 2}),
             {-0.0852318011, -0.0833154706, 0.5, 1.0833154706, 1.0852318011}, 4e-7);
  ExpectNear(Derivative(kTanh, {-2, -1, 0, 1, 2}),
             {-0.0860992566, -0.0829640838, 0.5, 1.0829640838, 1.0860992566}, 4e-7);
}

TEST(GELU, NeedsItsBottomForTheGradient) { ExpectGradientFromBottom(kGELU); }

const std::string kTanhParam = "gelu_param { approximate: TANH }";
const ContractCases kCases("GELU", OverManyShapes("", Within(4),
                                                  {{kTanhParam, {{2, 3, 4, 5}}, Within(4)},
                                                   {kTanhParam, {{0, 3}}},
                                                   {kTanhParam, {{1}}}}));

}  // namespace
}  // namespace moka
