// RNN: h_t = tanh(W_xh x_t + b_h + W_hh (cont_t h_{t-1})), y_t = tanh(W_ho h_t + b_o).
#include <cmath>

#include "layers/recurrent.h"

namespace moka {
namespace {

const ContractCases kCases("RNN", RecurrentCases(1));

TEST(RNN, IsTheTanhOfAWeightedSumTwice) {
  RunOptions options;
  options.params = {{2}, {0.5}, {-1}, {3}, {0.25}};  // W_xh, b_h, W_hh, W_ho, b_o
  const Values y = RunLayer("type: 'RNN' recurrent_param { num_output: 1 }", {{2, 1}, {2, 1}},
                            {{1, -1}, {0, 1}}, options)
                       .tops[0];
  const double h1 = std::tanh(2.5), h2 = std::tanh(-2 + 0.5 - h1);
  EXPECT_NEAR(y[0], std::tanh(3 * h1 + 0.25), 1e-6);
  EXPECT_NEAR(y[1], std::tanh(3 * h2 + 0.25), 1e-6);
}

TEST(RNN, ExposesItsStateRatherThanItsOutput) {
  RunOptions options;
  options.params = {{2}, {0.5}, {-1}, {3}, {0.25}};
  const LayerResult result =
      RunLayer("type: 'RNN' recurrent_param { num_output: 1 expose_hidden: true }",
               {{1, 1}, {1, 1}, {1, 1, 1}}, {{1}, {1}, {2}}, options);
  EXPECT_NEAR(result.tops[1][0], std::tanh(2.5 - 2), 1e-6);
}

}  // namespace
}  // namespace moka
