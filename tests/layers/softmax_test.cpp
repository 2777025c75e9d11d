// Softmax: y = exp(x) / sum exp(x).
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "caught.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
const float kLog3 = std::log(3.0F);

Values RunSoftmax(const Shape& shape, const Values& x, const std::string& params = "") {
  return RunLayer("type: 'Softmax' softmax_param { " + params + " }", shape, x);
}

void ExpectNear(const Values& y, const Values& expected) {
  ASSERT_EQ(y.size(), expected.size());
  for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], expected[i], 1e-6) << "element " << i;
}

TEST(Softmax, TurnsScoresIntoProbabilities) {
  ExpectNear(RunSoftmax({1, 3}, {1, 2, 3}), {0.09003057F, 0.24472847F, 0.66524096F});
  ExpectNear(RunSoftmax({2, 2}, {0, kLog3, 5, 5}), {0.25F, 0.75F, 0.5F, 0.5F});
}

TEST(Softmax, RunsAlongTheGivenAxis) {
  const Values x = {0, 5, kLog3, 5};
  ExpectNear(RunSoftmax({1, 2, 2}, x), {0.25F, 0.5F, 0.75F, 0.5F});
  ExpectNear(RunSoftmax({2, 2}, x, "axis: 0"), {0.25F, 0.5F, 0.75F, 0.5F});
  ExpectNear(RunSoftmax({2, 2}, x, "axis: -2"), {0.25F, 0.5F, 0.75F, 0.5F});
  ExpectNear(RunSoftmax({2, 1, 2}, {0, kLog3, 5, 5}, "axis: -1"), {0.25F, 0.75F, 0.5F, 0.5F});
}

TEST(Softmax, NeitherOverflowsNorDividesByZero) {
  ExpectNear(RunSoftmax({1, 2}, {1000, 1000}), {0.5F, 0.5F});
  ExpectNear(RunSoftmax({1, 2}, {-1000, -2000}), {1, 0});
  ExpectNear(RunSoftmax({1, 3}, {-kInfinity, 2, 2}), {0, 0.5F, 0.5F});
}

TEST(Softmax, LetsNanThroughInItsOwnRow) {
  const Values y = RunSoftmax({3, 2}, {0, kNan, 1, 1, kInfinity, 0});
  EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]));
  ExpectNear({y[2], y[3]}, {0.5F, 0.5F});
  EXPECT_TRUE(std::isnan(y[4]));
}

TEST(Softmax, TakesNoItems) {
  EXPECT_EQ(RunSoftmax({0, 3}, {}), Values());
  EXPECT_EQ(RunSoftmax({2, 0}, {}), Values());
  EXPECT_EQ(RunSoftmax({2, 3, 0}, {}), Values());
}

TEST(Softmax, RefusesAnAxisThatIsNotThere) {
  const Error error = Caught([] { RunSoftmax({2, 3}, Values(6), "axis: 2"); });
  EXPECT_NE(error.message().find("axis 2 is out of range for shape 2x3"), std::string::npos)
      << error.message();
  EXPECT_EQ(error.field(), "softmax_param.axis");
}

TEST(Softmax, MovesGradientBetweenTheClassesOfARow) {
  RunOptions options;
  options.top_diffs = {{1, 0, 0, 2}};
  LayerGradients gradients;
  RunLayer("type: 'Softmax'", {{2, 2}}, {{0, 0, 0, 0}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{0.25F, -0.25F, -0.5F, 0.5F}));
}

TEST(Softmax, KeepsTheLayerContract) {
  EXPECT_TRUE(CheckLayer("type: 'Softmax'", {{2, 3, 4, 5}}));
  EXPECT_TRUE(CheckLayer("type: 'Softmax' softmax_param { axis: 0 }", {{3, 4}}));
  EXPECT_TRUE(CheckLayer("type: 'Softmax' softmax_param { axis: -1 engine: CUDNN }", {{2, 3, 4}}));
  EXPECT_TRUE(CheckLayer("type: 'Softmax'", {{2, 1}}));
  EXPECT_TRUE(CheckLayer("type: 'Softmax'", {{3, 1400}}));  // several pieces of work
}

}  // namespace
}  // namespace moka
