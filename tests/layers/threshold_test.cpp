// Threshold: y = 1 where x > threshold, and 0 elsewhere.
#include "layers/activation.h"

namespace moka {
namespace {

std::string Threshold(const std::string& threshold) {
  return "type: 'Threshold' threshold_param { threshold: " + threshold + " }";
}

TEST(Threshold, IsOneAboveZeroUnlessTold) {
  EXPECT_EQ(RunLayer("type: 'Threshold'", {-kInfinity, -1, 0, 0.1f, kInfinity}),
            (Values{0, 0, 0, 1, 1}));
}

TEST(Threshold, IsZeroAtTheThreshold) {
  EXPECT_EQ(RunLayer(Threshold("0.5"), {0.25f, 0.5f, 0.75f}), (Values{0, 0, 1}));
  EXPECT_EQ(RunLayer(Threshold("inf"), {kInfinity}), Values{0});
  EXPECT_EQ(RunLayer(Threshold("-inf"), {-kInfinity, -1}), (Values{0, 1}));
}

TEST(Threshold, DoesNotHideNan) {
  EXPECT_TRUE(std::isnan(RunLayer("type: 'Threshold'", {kNan})[0]));
}

TEST(Threshold, HasNoGradient) { EXPECT_FALSE(TraitsOf("type: 'Threshold'").has_backward()); }

TEST(Threshold, RefusesNan) {
  ExpectRefused(Threshold("nan"), {2}, "threshold must be a number, but is nan",
                "threshold_param.threshold");
}

const ContractCases kCases("Threshold",
                           OverManyShapes("", {},
                                          {{"threshold_param { threshold: 0.5 }", {{2, 3}}},
                                           {"threshold_param { threshold: -inf }", {{2, 3}}}}));

}  // namespace
}  // namespace moka
