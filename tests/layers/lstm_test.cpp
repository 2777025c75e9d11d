// LSTM, with weights from which its outputs can be worked out.
#include <cmath>

#include "layers/recurrent.h"

namespace moka {
namespace {

const ContractCases kCases("LSTM", RecurrentCases(2));

const float kOpen = 100, kClosed = -100;  // sums at which a gate is 1 and 0

// One input, one output; the sums of the gates are (i, f, o, x_t + h h_{t-1}).
LayerResult Run(float i, float f, float o, float h, const Values& x, const Values& cont) {
  RunOptions options;
  options.params = {{0, 0, 0, 1}, {i, f, o, 0}, {0, 0, 0, h}};
  const auto steps = static_cast<int64_t>(x.size());
  return RunLayer("type: 'LSTM' recurrent_param { num_output: 1 }", {{steps, 1}, {steps, 1}},
                  {x, cont}, options);
}
Values Outputs(float i, float f, float o, float h, const Values& x, const Values& cont) {
  return Run(i, f, o, h, x, cont).tops[0];
}

TEST(LSTM, AddsUpInItsCellWithAllGatesOpen) {
  const Values y = Outputs(kOpen, kOpen, kOpen, 0, {1, 1, -0.5}, {0, 1, 1});
  EXPECT_NEAR(y[0], 0.6420150, 1e-6);  // tanh(tanh(1))
  EXPECT_NEAR(y[1], 0.9092517, 1e-6);  // tanh(2 tanh(1))
  EXPECT_NEAR(y[2], std::tanh(2 * std::tanh(1.0) - std::tanh(0.5)), 1e-6);
}

TEST(LSTM, ForgetsWithTheForgetGateClosed) {
  const Values y = Outputs(kOpen, kClosed, kOpen, 0, {1, 1}, {0, 1});
  EXPECT_FLOAT_EQ(y[0], y[1]);
}

TEST(LSTM, IsDeafWithTheInputGateClosed) {
  EXPECT_NEAR(Outputs(kClosed, kOpen, kOpen, 0, {1, 5}, {0, 1})[1], 0, 1e-30);
}

TEST(LSTM, IsMuteWithTheOutputGateClosed) {
  EXPECT_NEAR(Outputs(kOpen, kOpen, kClosed, 0, {1, 5}, {0, 1})[1], 0, 1e-30);
}

TEST(LSTM, SeesItsLastOutput) {
  const Values y = Outputs(kOpen, kClosed, kOpen, 2, {1, 0}, {0, 1});
  EXPECT_NEAR(y[1], std::tanh(std::tanh(2 * std::tanh(std::tanh(1.0)))), 1e-6);
}

// cont need not be 0 or 1: Caffe's gradient is wrong then, this one is that of its output.
TEST(LSTM, WeighsItsStateByCont) {
  const Values y = Outputs(kOpen, kOpen, kOpen, 0, {1, 0}, {0, 0.25});
  EXPECT_NEAR(y[1], std::tanh(0.25 * std::tanh(1.0)), 1e-6);
}

}  // namespace
}  // namespace moka
