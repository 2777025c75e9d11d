// Pooling, pool: STOCHASTIC: one of a window at random, or the mean of what would be drawn.
#include <algorithm>

#include "layers/activation.h"

namespace moka {
namespace {

std::string Layer(const std::string& fields) {
  return "name: \"pool\" type: \"Pooling\" pooling_param { " + fields + " }";
}
Values Pool(const std::string& fields, const Shape& shape, const Values& x) {
  return RunLayer(Layer(fields), shape, x);
}

TEST(StochasticPooling, DrawsAlongAnyNumberOfAxes) {
  EXPECT_EQ(Pool("pool: STOCHASTIC kernel_size: 3 stride: 3", {1, 1, 6}, {0, 5, -2, 0, 0, 4}),
            (Values{5, 4}));
  EXPECT_EQ(Pool("pool: STOCHASTIC kernel_size: 2", {1, 1, 2, 2, 2}, {0, 0, 0, 0, 0, 3, 0, 0}),
            Values{3});
  RunOptions options;
  options.training = false;
  EXPECT_EQ(RunLayer(Layer("pool: STOCHASTIC kernel_size: 2"), {1, 1, 2, 2, 2},
                     {0, 0, 1, 0, 0, 3, 0, 0}, options),
            Values{2.5});
}

TEST(StochasticPooling, DrawsInProportionToTheValues) {
  // 4000 windows of 1 and 3: three quarters take the 3.
  Values x(8000);
  for (size_t i = 0; i < x.size(); ++i) x[i] = i % 2 == 0 ? 1 : 3;
  const Values y = Pool("pool: STOCHASTIC kernel_h: 1 kernel_w: 2 stride: 2", {1, 1, 1, 8000}, x);
  const double share =
      static_cast<double>(std::count(y.begin(), y.end(), 3.0f)) / static_cast<double>(y.size());
  EXPECT_NEAR(share, 0.75, 0.03);
  EXPECT_EQ(std::count(y.begin(), y.end(), 3.0f) + std::count(y.begin(), y.end(), 1.0f), 4000);
}

TEST(StochasticPooling, NeverDrawsWhatIsNotPositive) {
  const Values y = Pool("pool: STOCHASTIC kernel_h: 1 kernel_w: 3 stride: 3", {1, 1, 1, 9},
                        {0, 5, -2, 0, 0, 0, -1, -3, -2});
  EXPECT_EQ(y, (Values{5, 0, -1}));
}

TEST(StochasticPooling, GivesTheWeightedMeanInTesting) {
  RunOptions options;
  options.training = false;
  options.top_diffs = {{8, 8}};
  LayerGradients d;
  const LayerResult result = RunLayer(Layer("pool: STOCHASTIC kernel_h: 1 kernel_w: 2 stride: 2"),
                                      {{1, 1, 1, 4}}, {{1, 3, 0, -1}}, options, &d);
  EXPECT_EQ(result.tops[0], (Values{2.5, 0}));
  EXPECT_EQ(d.bottoms[0], (Values{-1, 7, 0, 0}));
}

}  // namespace
}  // namespace moka
