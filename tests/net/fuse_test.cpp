// Which layers do the work of those behind them, and that it changes no more than the last bits.
#include "net/fuse.h"

#include "net/fuse_nets.h"

namespace moka {
namespace {

using namespace testing;

struct Case {
  std::string name, text, in_tests, in_training;
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }
};

class FusedNets : public ::testing::TestWithParam<Case> {
 protected:
  const Case& c = GetParam();

  void ExpectEqual(NetOptions options) {
    const auto fused = Results(c.text, options);
    options.fuse = false;
    const auto apart = Results(c.text, options);
    ASSERT_EQ(fused.size(), apart.size());
    for (const auto& [name, values] : apart) {
      const std::vector<double> expected(values.begin(), values.end());
      EXPECT_TRUE(naive::Near(expected, fused.at(name), 2e-5)) << name;
    }
  }
};

TEST_P(FusedNets, AreFusedAsExpected) {
  EXPECT_EQ(Fused(c.text, Testing()), c.in_tests);
  EXPECT_EQ(Fused(c.text, Training()), c.in_training);
}
TEST_P(FusedNets, ComputeTheSameInTests) { ExpectEqual(Testing()); }
TEST_P(FusedNets, ComputeTheSameInTraining) { ExpectEqual(Training()); }
TEST_P(FusedNets, ComputeTheSameWithStatisticsThatStandStillAndBackward) {
  ExpectEqual({.phase = TEST});
}

TEST_P(FusedNets, GiveTheSameBitsForAnyNumberOfThreadsAndInSeparateMemory) {
  for (const NetOptions& options : {Testing(), Training()}) {
    const auto one = Results(c.text, options, 1);
    for (const int threads : {2, 3, 8}) EXPECT_EQ(one, Results(c.text, options, threads));
    NetOptions separate = options;
    separate.separate_memory = true;
    EXPECT_EQ(one, Results(c.text, separate));
  }
}

const Case kCases[] = {
    {"ConvReLUInPlace", NetOf(Conv("y", "x") + Relu("relu", "y", "y")), "y: relu", "y: relu"},
    {"ConvLeaky",
     NetOf(Conv("c", "x") + Relu("relu", "c", "y", "relu_param { negative_slope: 0.1 }")),
     "c: relu", "c: relu"},
    {"ConvSlopeBelowZero",
     NetOf(Conv("c", "x") + Relu("relu", "c", "y", "relu_param { negative_slope: -0.5 }")),
     "c: relu", ""},
    {"ConvNormInPlace",
     NetOf(Conv("y", "x") + Bn("bn", "y", "y") + ScaleLayer("scale", "y", "y") +
           Relu("relu", "y", "y")),
     "y: bn scale relu", "bn: scale relu"},
    {"ConvNorm",
     NetOf(Conv("c", "x", "bias_term: false") + Bn("bn", "c", "n") + ScaleLayer("scale", "n", "s") +
           Relu("relu", "s", "y")),
     "c: bn scale relu", "bn: scale relu"},
    {"GroupsNorm",
     NetOf(Conv("c", "x", "group: 2") + Bn("bn", "c", "n") + ScaleLayer("scale", "n", "y")),
     "c: bn scale", "bn: scale"},
    {"DepthwiseNorm",
     NetOf(LayerOf("c", "DepthwiseConvolution", "x", "c",
                   "convolution_param { kernel_size: 3 pad: 1 weight_filler { type: 'xavier' } }") +
           Bn("bn", "c", "n") + Relu("relu", "n", "y", "relu_param { negative_slope: 0.25 }")),
     "c: bn relu", "bn: relu"},
    {"Conv1D",
     NetOf(Conv("c", "x") + Bn("bn", "c", "n") + ScaleLayer("scale", "n", "n") +
               Relu("relu", "n", "y"),
           "dim: 3 dim: 4 dim: 9"),
     "c: bn scale relu", "bn: scale relu"},
    {"Conv3D",
     NetOf(Conv("c", "x") + Bn("bn", "c", "n") + ScaleLayer("scale", "n", "n") +
               Relu("relu", "n", "y"),
           "dim: 3 dim: 4 dim: 3 dim: 4 dim: 5"),
     "c: bn scale relu", "bn: scale relu"},
    {"ConvBias",
     NetOf(Conv("c", "x") +
           LayerOf("bias", "Bias", "c", "b", "bias_param { filler { type: 'uniform' } }") +
           Relu("relu", "b", "y")),
     "c: bias relu", "c: bias relu"},
    {"NormBias",
     NetOf(Conv("c", "x") + Bn("bn", "c", "n") +
           LayerOf("bias", "Bias", "n", "b", "bias_param { filler { type: 'uniform' } }") +
           Relu("relu", "b", "y")),
     "c: bn bias relu", "bn: bias relu"},
    {"ConvScale", NetOf(Conv("c", "x") + ScaleLayer("scale", "c", "s") + Relu("relu", "s", "y")),
     "c: scale relu", ""},  // scale's gradient needs c
    {"ScaleOfOtherAxes",
     NetOf(Conv("c", "x") + LayerOf("scale", "Scale", "c", "y", "scale_param { axis: 2 }")), "",
     ""},
    {"NormFirst",
     NetOf(Bn("bn", "x", "n") + ScaleLayer("scale", "n", "s") + Relu("relu", "s", "r") +
           Conv("y", "r")),
     "bn: scale relu", "bn: scale relu"},
    {"TwoScalesBehindANorm",
     NetOf(Bn("bn", "x", "n") + ScaleLayer("s1", "n", "s") + ScaleLayer("s2", "s", "y")),
     "bn: s1 s2", "bn: s1"},
    {"NormAlone", NetOf(Bn("bn", "x", "y")), "", ""},
    {"Residual",
     NetOf(Conv("a", "x") + Bn("bn_a", "a", "a") + ScaleLayer("scale_a", "a", "a") +
           Conv("b", "x") + Bn("bn_b", "b", "b") + ScaleLayer("scale_b", "b", "b") +
           LayerOf("sum", "Eltwise", "a b", "s") + Relu("relu", "s", "y")),
     "a: bn_a scale_a; b: bn_b scale_b sum relu", "bn_a: scale_a; bn_b: scale_b; sum: relu"},
    {"ResidualOfTheInput",
     NetOf(Conv("b", "x") + LayerOf("sum", "Eltwise", "x b", "y") + Relu("relu", "y", "y")),
     "b: sum relu", "b: sum relu"},
    {"SumWithWhatComesLater",
     NetOf(Conv("a", "x") + LayerOf("p", "Pooling", "x", "p", "pooling_param { kernel_size: 1 }") +
           LayerOf("sum", "Eltwise", "a p", "s") + Relu("relu", "s", "y")),
     "sum: relu", "sum: relu"},
    {"SumWithFactors",
     NetOf(Conv("a", "x") +
           LayerOf("sum", "Eltwise", "x a", "s", "eltwise_param { coeff: 1 coeff: -2 }") +
           Relu("relu", "s", "y", "relu_param { negative_slope: 0.5 }")),
     "sum: relu", "sum: relu"},
    {"SumOfThree",
     NetOf(Conv("a", "x") + Conv("b", "x") + LayerOf("sum", "Eltwise", "x a b", "s") +
           Relu("relu", "s", "y")),
     "sum: relu", "sum: relu"},
    {"SumWithItself",
     NetOf(Conv("a", "x") + LayerOf("sum", "Eltwise", "a a", "s") + Relu("relu", "s", "y")),
     "sum: relu", "sum: relu"},
    {"ReadTwice",
     NetOf(Conv("c", "x") + Relu("relu", "c", "r") + LayerOf("sum", "Eltwise", "c r", "y")), "",
     ""},
    {"InnerProduct",
     NetOf(LayerOf(
               "ip", "InnerProduct", "x", "ip",
               "inner_product_param { num_output: 5 weight_filler { type: 'xavier' } bias_filler { "
               "type: 'uniform' } }") +
           Bn("bn", "ip", "n") + ScaleLayer("scale", "n", "n") + Relu("relu", "n", "y")),
     "ip: bn scale relu", "bn: scale relu"},
    {"InnerProductReLU",
     NetOf(LayerOf("ip", "InnerProduct", "x", "ip",
                   "inner_product_param { num_output: 5 bias_term: false weight_filler { type: "
                   "'xavier' } }") +
           Relu("relu", "ip", "y")),
     "ip: relu", "ip: relu"},
    {"SharedParams",
     NetOf(Bn("bn", "x", "n") +
           LayerOf("s1", "Scale", "n", "s",
                   "param { name: 'a' } scale_param { filler { type: 'uniform' min: 1 "
                   "max: 2 } }") +
           Relu("r1", "s", "r") + Bn("bn2", "r", "n2") +
           LayerOf("s2", "Scale", "n2", "y", "param { name: 'a' }")),
     "bn: s1 r1; bn2: s2", "bn: s1 r1; bn2: s2"},
    {"SideBySide",
     NetOf(Conv("a", "x") + Relu("relu_a", "a", "a") +
           Conv("b", "x", "", "num_output: 2 kernel_size: 3 pad: 1") +
           LayerOf("p", "Pooling", "x", "p", "pooling_param { kernel_size: 1 }") +
           Conv("d", "p", "group: 2", "num_output: 2 kernel_size: 1") + Relu("relu_d", "d", "e") +
           LayerOf("concat", "Concat", "a b p e", "y")),
     "a: relu_a; d: relu_d", "a: relu_a; d: relu_d"},
    {"SideBySideOfOneChannel",
     NetOf(Conv("a", "x") + Conv("b", "x") + LayerOf("concat", "Concat", "b a", "y"),
           "dim: 3 dim: 1 dim: 6 dim: 5"),
     "", ""},
    {"SideBySideOverwritten",
     NetOf(Conv("a", "x") + Relu("relu_a", "a", "a") + Conv("b", "x") +
           LayerOf("relu_b", "LeakyReLU", "b", "b", "leaky_relu_param { negative_slope: 0.3 }") +
           LayerOf("concat", "Concat", "a b", "y") +
           LayerOf("elu", "ELU", "y", "y", "elu_param { alpha: 0.5 }")),
     "a: relu_a; b: relu_b", "a: relu_a; b: relu_b"},
    {"SideBySideReadTwice",
     NetOf(Conv("a", "x") + Relu("relu_a", "a", "a") + Conv("b", "x") + Relu("relu_b", "b", "b") +
           LayerOf("concat", "Concat", "a b", "c") + Conv("d", "c") + Relu("relu_d", "d", "d") +
           LayerOf("both", "Concat", "c d", "y")),
     "a: relu_a; b: relu_b; d: relu_d", "a: relu_a; b: relu_b; d: relu_d"},
    {"SideBySideFrozen",
     NetOf(LayerOf("a", "Convolution", "x", "a",
                   "propagate_down: false param { lr_mult: 0 } param { lr_mult: 0 } "
                   "convolution_param { num_output: 3 kernel_size: 3 pad: 1 weight_filler { type: "
                   "'xavier' } }") +
           Relu("relu_a", "a", "a") + Conv("b", "x") + Relu("relu_b", "b", "b") +
           LayerOf("concat", "Concat", "a b", "y")),
     "a: relu_a; b: relu_b", "a: relu_a; b: relu_b"},
    {"FrozenBelow",
     NetOf(Conv("c", "x", "", "num_output: 4 kernel_size: 1") + Bn("bn", "c", "n") +
           LayerOf("scale", "Scale", "n", "y",
                   "param { lr_mult: 0 } scale_param { bias_term: true }")),
     "c: bn scale", "bn: scale"},
};
INSTANTIATE_TEST_SUITE_P(Table, FusedNets, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace moka
