// Clip: y = min(max(x, min), max).
#include "layers/activation.h"

namespace moka {
namespace {

std::string Clip(const std::string& params) { return "type: 'Clip' clip_param { " + params + " }"; }

TEST(Clip, KeepsValuesWithinMinAndMax) {
  EXPECT_EQ(RunLayer(Clip("min: -1 max: 2"), {-kInfinity, -3, -1, 0.5f, 2, 7, kInfinity}),
            (Values{-1, -1, -1, 0.5f, 2, 2, 2}));
  EXPECT_EQ(RunLayer(Clip("min: 3 max: 3"), {-1, 5}), (Values{3, 3}));
}

TEST(Clip, TakesInfiniteBounds) {
  EXPECT_EQ(RunLayer(Clip("min: 0 max: inf"), {-3, 1e30f}), (Values{0, 1e30f}));
  EXPECT_EQ(RunLayer(Clip("min: -inf max: 0"), {-1e30f, 3}), (Values{-1e30f, 0}));
}

TEST(Clip, DoesNotHideNan) { EXPECT_TRUE(std::isnan(RunLayer(Clip("min: -1 max: 2"), {kNan})[0])); }

TEST(Clip, HasDerivativeOneWithinTheBoundsAndAtThem) {
  EXPECT_EQ(Derivative(Clip("min: -1 max: 2"), {-3, -1, 0, 2, 3}), (Values{0, 1, 1, 1, 0}));
}

TEST(Clip, RefusesBoundsThatAreNone) {
  ExpectRefused(Clip("min: nan max: 1"), {2}, "min must be a number, but is nan", "clip_param.min");
  ExpectRefused(Clip("min: 0 max: nan"), {2}, "max must be at least min, 0, but is nan",
                "clip_param.max");
  ExpectRefused(Clip("min: 2 max: 1.5"), {2}, "max must be at least min, 2, but is 1.5",
                "clip_param.max");
}

// Caffe's grammar requires both, so that a message without one makes the whole net unreadable, and
// any other fork's field of the same number, too. Here the net is read, and the layer refused.
TEST(Clip, IsReadWithoutMinOrMaxAndThenRefused) {
  ExpectRefused(Clip("max: 1"), {2}, "min is missing", "clip_param.min");
  ExpectRefused(Clip("min: 1"), {2}, "max is missing", "clip_param.max");
  ExpectRefused("type: 'Clip'", {2}, "min is missing", "clip_param.min");
  const Registry registry = BuiltinLayers();
  const NetDescription net = NetSchema(registry).ParseNet(
      "layer { name: 'c' type: 'Clip' bottom: 'x' top: 'y' clip_param { max: 1 } }");
  EXPECT_EQ(net.layers.at(0).common.name(), "c");
}

TEST(Clip, NeedsItsBottomForTheGradient) { ExpectGradientFromBottom(Clip("min: -1 max: 2")); }

const std::string kHalf = "clip_param { min: -0.5 max: 0.25 }";
const ContractCases kCases(
    "Clip", OverManyShapes(kHalf, Within(1, {-0.5f, 0.25f}),
                           {{"clip_param { min: 0 max: inf }", {{2, 3}}, KinkAtZero()},
                            {"clip_param { min: -inf max: 0 }", {{2, 3}}, KinkAtZero()},
                            {"clip_param { min: 0.5 max: 0.5 }", {{2, 3}}, Within(1, {0.5f})}}));

}  // namespace
}  // namespace moka
