// In a net file, bottom == top is a hint: gradients are right whatever the file says. Each case
// here is one that Caffe accepts and computes wrongly, or one that it computes rightly and that
// must stay so.
#include <gtest/gtest.h>

#include <cmath>
#include <ostream>

#include "net/net_text.h"

namespace moka {
namespace {

using testing::Layers;
using testing::Parse;

struct Chain {
  std::string name;
  // Layers between blob "a" (from an InnerProduct) and the loss, with @N for the names: @0 is "a".
  std::vector<std::string> layers;
};
// Or else GoogleTest prints its bytes, which are other ones in each run.
void PrintTo(const Chain& chain, std::ostream* out) { *out << chain.name; }

// The net with every @N replaced by one name (in place) or by names of their own.
std::string NetText(const Chain& chain, bool in_place) {
  std::string text =
      "layer { name: 'data' type: 'DummyData' top: 'x' top: 't' dummy_data_param { data_filler { "
      "type: 'gaussian' } "
      "shape { dim: 4 dim: 6 } shape { dim: 4 dim: 5 } } }"
      "layer { name: 'ip' type: 'InnerProduct' bottom: 'x' top: 'a' inner_product_param { "
      "num_output: 5 "
      "weight_filler { type: 'xavier' } bias_filler { type: 'uniform' } } }"
      "layer { name: 'ip2' type: 'InnerProduct' bottom: 'x' top: 'b' inner_product_param { "
      "num_output: 5 "
      "weight_filler { type: 'xavier' } } }";
  std::string last = "a";
  for (size_t i = 0; i < chain.layers.size(); ++i) {
    const std::string top = in_place ? "a" : "a" + std::to_string(i + 1);
    text += "layer { name: 'l" + std::to_string(i) + "' " + chain.layers[i] + " bottom: '" + last +
            "' top: '" + top + "' }";
    last = top;
  }
  return text + "layer { name: 'loss' type: 'EuclideanLoss' bottom: '" + last +
         "' bottom: 't' top: 'loss' }";
}

// The loss and all gradients, after two steps so that memory has been used before.
std::vector<float> LossAndGradients(const std::string& text, bool separate,
                                    int64_t* bytes = nullptr) {
  Context context({.threads = 2, .seed = 5});
  NetOptions options;
  options.phase = TRAIN;
  options.separate_memory = separate;
  Net net(Parse(text), Layers(), context, options);
  std::vector<float> all;
  for (int step = 0; step < 2; ++step) {
    all = {static_cast<float>(net.Forward())};
    net.Backward();
  }
  for (const Learned& learned : net.learned()) {
    all.insert(all.end(), learned.diff->values().begin(), learned.diff->values().end());
  }
  if (bytes) *bytes = net.memory_plan().bytes;
  return all;
}

class InPlace : public ::testing::TestWithParam<Chain> {};

TEST_P(InPlace, GivesTheSameGradientsAsNamesOfTheirOwn) {
  const std::vector<float> apart = LossAndGradients(NetText(GetParam(), false), true);
  EXPECT_EQ(LossAndGradients(NetText(GetParam(), true), false), apart);
  EXPECT_EQ(LossAndGradients(NetText(GetParam(), true), true), apart);
  EXPECT_EQ(LossAndGradients(NetText(GetParam(), false), false), apart);
  for (const float x : apart) EXPECT_TRUE(std::isfinite(x));
}

const Chain kChains[] = {
    {"BNLL", {"type: 'BNLL'"}},
    {"Softplus", {"type: 'Softplus' softplus_param { beta: 3 }"}},
    {"EltwiseSum", {"type: 'Eltwise' bottom: 'b'"}},
    {"EltwiseSumWithCoefficients",
     {"type: 'Eltwise' eltwise_param { coeff: 2 coeff: -3 } bottom: 'b'"}},
    {"EltwiseProduct", {"type: 'Eltwise' eltwise_param { operation: PROD } bottom: 'b'"}},
    {"EltwiseMax", {"type: 'Eltwise' eltwise_param { operation: MAX } bottom: 'b'"}},
    {"ReLU", {"type: 'ReLU'"}},
    {"ReLUWithSlope", {"type: 'ReLU' relu_param { negative_slope: 0.1 }"}},
    {"ReLUWithNegativeSlope", {"type: 'ReLU' relu_param { negative_slope: -0.5 }"}},
    {"ELU", {"type: 'ELU'"}},
    {"ELUWithNegativeAlpha", {"type: 'ELU' elu_param { alpha: -0.5 }"}},
    {"PReLU", {"type: 'PReLU'"}},
    {"SigmoidThenReLU", {"type: 'Sigmoid'", "type: 'ReLU' relu_param { negative_slope: 0.3 }"}},
    {"TanHThenReLU", {"type: 'TanH'", "type: 'ReLU'"}},
    {"TanHThenDropout", {"type: 'TanH'", "type: 'Dropout'"}},
    {"SoftmaxThenReLU", {"type: 'Softmax'", "type: 'ReLU' relu_param { negative_slope: 0.1 }"}},
    {"SoftmaxThenBNLL", {"type: 'Softmax'", "type: 'BNLL'"}},
    {"SigmoidThenEltwise", {"type: 'Sigmoid'", "type: 'Eltwise' bottom: 'b'"}},
    {"BNLLTwiceThenReLU", {"type: 'BNLL'", "type: 'BNLL'", "type: 'ReLU'"}},
    {"PReLUThenPReLU", {"type: 'PReLU'", "type: 'PReLU'"}},
    {"InnerProductThenReLU",
     {"type: 'InnerProduct' inner_product_param { num_output: 5 weight_filler { type: 'xavier' } }",
      "type: 'ReLU'"}},
    {"AbsVal", {"type: 'AbsVal'"}},
    {"Exp", {"type: 'Exp' exp_param { base: 2 scale: 0.5 }"}},
    {"Log", {"type: 'Log' log_param { shift: 50 }"}},
    {"PowerStraight", {"type: 'Power' power_param { scale: -2 shift: 1 }"}},
    {"PowerSquare", {"type: 'Power' power_param { power: 2 shift: 0.5 }"}},
    {"PowerFraction", {"type: 'Power' power_param { power: 1.7 shift: 50 scale: 0.1 }"}},
    {"PowerThenReLU", {"type: 'Power' power_param { power: 3 }", "type: 'ReLU'"}},
    {"Clip", {"type: 'Clip' clip_param { min: -0.3 max: 0.4 }"}},
    {"ClipTwice",
     {"type: 'Clip' clip_param { min: -0.5 max: 0.4 }",
      "type: 'Clip' clip_param { min: -0.3 max: 0.6 }"}},
    {"Swish", {"type: 'Swish'"}},
    {"ReLU6", {"type: 'ReLU6'"}},
    {"SELU", {"type: 'SELU'"}},
    {"GELU", {"type: 'GELU'"}},
    {"GELUThenGELU", {"type: 'GELU'", "type: 'GELU' gelu_param { approximate: TANH }"}},
    {"Mish", {"type: 'Mish'"}},
    {"HardSigmoid", {"type: 'HardSigmoid'"}},
    {"HardSwish", {"type: 'HardSwish'"}},
    {"LeakyReLU", {"type: 'LeakyReLU'"}},
    {"LRNThenReLU", {"type: 'LRN' lrn_param { alpha: 0.5 }", "type: 'ReLU'"}},
    {"BatchNormThenReLU", {"type: 'BatchNorm'", "type: 'ReLU'"}},
    {"BatchNormThenScaleThenReLU",
     {"type: 'BatchNorm'", "type: 'Scale' scale_param { bias_term: true }", "type: 'ReLU'"}},
    {"MVNThenReLU", {"type: 'MVN' mvn_param { across_channels: true }", "type: 'ReLU'"}},
    {"FlattenThenReLU", {"type: 'Flatten'", "type: 'ReLU'"}},
};

INSTANTIATE_TEST_SUITE_P(EveryCase, InPlace, ::testing::ValuesIn(kChains),
                         [](const auto& info) { return info.param.name; });

TEST(InPlaceMemory, IsUsedUnaskedWhereItIsRight) {
  const Chain relu = {"ReLU", {"type: 'ReLU'", "type: 'Dropout'"}};
  int64_t named = 0, hinted = 0;
  LossAndGradients(NetText(relu, false), false, &named);
  LossAndGradients(NetText(relu, true), false, &hinted);
  EXPECT_EQ(named, hinted);
}

TEST(InPlaceMemory, IsNotUsedForAValueThatAnotherLayerStillReads) {
  // The ReLU stands before the second reader of "a".
  const std::string text =
      "layer { name: 'data' type: 'Input' top: 'x' input_param { shape { dim: 1 dim: 3 } } }"
      "layer { name: 'copy' type: 'Eltwise' bottom: 'x' bottom: 'x' top: 'a' }"
      "layer { name: 'relu' type: 'ReLU' bottom: 'a' top: 'r' }"
      "layer { name: 'sum' type: 'Eltwise' bottom: 'a' bottom: 'r' top: 'y' }";
  Context context({.threads = 1, .seed = 1});
  Net net(Parse(text), Layers(), context);
  const float x[] = {-1, 2, -3};
  std::copy(x, x + 3, net.input("x").data());
  net.Forward();
  const Tensor& y = net.blob("y");
  EXPECT_EQ(std::vector<float>(y.data(), y.data() + 3), (std::vector<float>{-2, 8, -6}));
}

}  // namespace
}  // namespace moka
