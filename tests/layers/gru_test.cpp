// GRU, with weights from which its outputs can be worked out.
#include <cmath>

#include "layers/recurrent.h"

namespace moka {
namespace {

const ContractCases kCases("GRU", RecurrentCases(1));

const float kOpen = 100, kClosed = -100;  // sums at which a gate is 1 and 0

// One input, one output: r and z from these sums, n = tanh(x_t + r (2 h_{t-1} + 0.5)).
Values Outputs(float r, float z, const Values& x, const Values& cont) {
  RunOptions options;
  options.params = {{0, 0, 1}, {r, z, 0}, {0, 0, 2}, {0, 0, 0.5}};
  const auto steps = static_cast<int64_t>(x.size());
  return RunLayer("type: 'GRU' recurrent_param { num_output: 1 }", {{steps, 1}, {steps, 1}},
                  {x, cont}, options)
      .tops[0];
}

TEST(GRU, TakesNothingButTheNewWithTheUpdateGateClosed) {
  const Values y = Outputs(kOpen, kClosed, {1, -1}, {0, 1});
  EXPECT_NEAR(y[0], std::tanh(1.5), 1e-6);
  EXPECT_NEAR(y[1], std::tanh(-1 + 2 * std::tanh(1.5) + 0.5), 1e-6);
}

TEST(GRU, KeepsItsStateWithTheUpdateGateOpen) {
  const Values y = Outputs(kOpen, kOpen, {1, -1}, {0, 1});
  EXPECT_NEAR(y[0], 0, 1e-6);
  EXPECT_NEAR(y[1], 0, 1e-6);
}

// PyTorch's form: the bias of the state's sum goes through the reset gate, too.
TEST(GRU, IgnoresItsStateAndTheBiasWithTheResetGateClosed) {
  const Values y = Outputs(kClosed, kClosed, {1, -1}, {0, 1});
  EXPECT_NEAR(y[0], std::tanh(1.0), 1e-6);
  EXPECT_NEAR(y[1], std::tanh(-1.0), 1e-6);
}

TEST(GRU, IsHalfOfBothWithoutWeights) {
  const Values y = Outputs(0, 0, {1, -1}, {0, 1});
  const double h1 = 0.5 * std::tanh(1 + 0.25);
  EXPECT_NEAR(y[0], h1, 1e-6);
  EXPECT_NEAR(y[1], 0.5 * std::tanh(-1 + 0.5 * (2 * h1 + 0.5)) + 0.5 * h1, 1e-6);
}

}  // namespace
}  // namespace moka
