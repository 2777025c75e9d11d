// Which layers do the work of those behind them, and that it changes no more than the last bits.
#include "net/fuse.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "moka/net.h"
#include "naive/compare.h"
#include "net/net_text.h"

namespace moka {
namespace {

using testing::ErrorOf;
using testing::Layers;
using testing::Parse;

std::string Layer(const std::string& name, const std::string& type, const std::string& bottom,
                  const std::string& top, const std::string& more = "") {
  std::string bottoms, tops = top.empty() ? "" : " top: '" + top + "'";
  for (size_t at = 0; at < bottom.size();) {
    const size_t end = std::min(bottom.find(' ', at), bottom.size());
    bottoms += " bottom: '" + bottom.substr(at, end - at) + "'";
    at = end + 1;
  }
  return "layer { name: '" + name + "' type: '" + type + "'" + bottoms + tops + " " + more + " }\n";
}
std::string Conv(const std::string& name, const std::string& bottom, const std::string& more = "",
                 const std::string& sizes = "num_output: 4 kernel_size: 3 pad: 1") {
  return Layer(
      name, "Convolution", bottom, name,
      "convolution_param { " + sizes + " " + more +
          " weight_filler { type: 'gaussian' std: 0.3 } bias_filler { type: 'uniform' } }");
}
std::string Bn(const std::string& name, const std::string& bottom, const std::string& top) {
  return Layer(name, "BatchNorm", bottom, top);
}
std::string ScaleLayer(const std::string& name, const std::string& bottom, const std::string& top) {
  return Layer(name, "Scale", bottom, top,
               "scale_param { bias_term: true filler { type: 'uniform' min: -1 max: 2 } "
               "bias_filler { type: 'uniform' } }");
}
std::string Relu(const std::string& name, const std::string& bottom, const std::string& top,
                 const std::string& more = "") {
  return Layer(name, "ReLU", bottom, top, more);
}

// Input, what is to be tested from x to y, and a loss.
std::string NetOf(const std::string& body, const std::string& x = "dim: 3 dim: 4 dim: 6 dim: 5") {
  return "force_backward: true\n"
         "layer { name: 'in' type: 'Input' top: 'x' top: 'label' input_param { shape { " +
         x + " } shape { dim: 3 } } }\n" + body +
         "layer { name: 'last' type: 'InnerProduct' bottom: 'y' top: 'last' inner_product_param { "
         "num_output: 3 weight_filler { type: 'xavier' } } }\n"
         "layer { name: 'loss' type: 'SoftmaxWithLoss' bottom: 'last' bottom: 'label' top: 'loss' "
         "}\n";
}

void Fill(Tensor& tensor, const std::string& name, float least) {
  const auto values = naive::Random(static_cast<size_t>(tensor.count()), name.c_str());
  for (size_t i = 0; i < values.size(); ++i) tensor.data()[i] = std::max(least, values[i]);
}

// What two steps of a net compute, by name: the second adds to the gradients of the first.
std::map<std::string, std::vector<float>> Results(const std::string& text, NetOptions options,
                                                  int threads = 2) {
  Context context({.threads = threads, .seed = 5});
  Net net(Parse(text), Layers(), context, options);
  Fill(net.input("x"), "x", -9);
  for (int64_t i = 0; i < 3; ++i) net.input("label").data()[i] = static_cast<float>(i % 3);
  for (const auto& entry : net.weights().entries()) {
    for (const auto& param : entry.params) {
      if (param->learned()) continue;
      const bool mean = param->name().ends_with("mean");
      Fill(param->Change(), param->name(), mean ? -9 : 0.25F);
    }
  }
  std::map<std::string, std::vector<float>> all;
  const auto add = [&](const std::string& name, const Tensor& tensor) {
    all[name].assign(tensor.values().begin(), tensor.values().end());
  };
  for (const bool second : {false, true}) {
    all["loss"].push_back(static_cast<float>(net.Forward()));
    if (options.backward) net.Backward(second);
  }
  if (options.backward) {
    add("dx", net.diff("x"));
    for (const Learned& learned : net.learned()) add(learned.param->name(), *learned.diff);
  }
  for (const auto& entry : net.weights().entries()) {
    for (const auto& param : entry.params) {
      if (!param->learned()) add(param->name(), param->values());
    }
  }
  for (const std::string& name : options.keep) add(name, net.blob(name));
  for (const NetOutput& output : net.outputs()) add("output " + output.name, *output.values);
  return all;
}

// "conv1: bn1 scale1 relu1; conv2: relu2"
std::string Fused(const std::string& text, const NetOptions& options) {
  Context context({.threads = 1, .seed = 5});
  const Net net(Parse(text), Layers(), context, options);
  std::vector<std::pair<std::string, std::string>> into;
  for (int i = 0; i < net.layer_count(); ++i) {
    const LayerInfo layer = net.layer(i);
    if (layer.fused_into.empty()) continue;
    if (into.empty() || into.back().first != layer.fused_into)
      into.emplace_back(layer.fused_into, "");
    into.back().second += " " + layer.name;
  }
  std::string all;
  for (const auto& [head, names] : into) all += (all.empty() ? "" : "; ") + head + ":" + names;
  return all;
}

NetOptions Testing() { return {.phase = TEST, .backward = false}; }
NetOptions Training() { return {.phase = TRAIN}; }

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
     NetOf(Layer("c", "DepthwiseConvolution", "x", "c",
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
           Layer("bias", "Bias", "c", "b", "bias_param { filler { type: 'uniform' } }") +
           Relu("relu", "b", "y")),
     "c: bias relu", "c: bias relu"},
    {"NormBias",
     NetOf(Conv("c", "x") + Bn("bn", "c", "n") +
           Layer("bias", "Bias", "n", "b", "bias_param { filler { type: 'uniform' } }") +
           Relu("relu", "b", "y")),
     "c: bn bias relu", "bn: bias relu"},
    {"ConvScale", NetOf(Conv("c", "x") + ScaleLayer("scale", "c", "s") + Relu("relu", "s", "y")),
     "c: scale relu", ""},  // scale's gradient needs c
    {"ScaleOfOtherAxes",
     NetOf(Conv("c", "x") + Layer("scale", "Scale", "c", "y", "scale_param { axis: 2 }")), "", ""},
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
           Layer("sum", "Eltwise", "a b", "s") + Relu("relu", "s", "y")),
     "a: bn_a scale_a; b: bn_b scale_b sum relu", "bn_a: scale_a; bn_b: scale_b; sum: relu"},
    {"ResidualOfTheInput",
     NetOf(Conv("b", "x") + Layer("sum", "Eltwise", "x b", "y") + Relu("relu", "y", "y")),
     "b: sum relu", "b: sum relu"},
    {"SumWithWhatComesLater",
     NetOf(Conv("a", "x") + Layer("p", "Pooling", "x", "p", "pooling_param { kernel_size: 1 }") +
           Layer("sum", "Eltwise", "a p", "s") + Relu("relu", "s", "y")),
     "sum: relu", "sum: relu"},
    {"SumWithFactors",
     NetOf(Conv("a", "x") +
           Layer("sum", "Eltwise", "x a", "s", "eltwise_param { coeff: 1 coeff: -2 }") +
           Relu("relu", "s", "y", "relu_param { negative_slope: 0.5 }")),
     "sum: relu", "sum: relu"},
    {"SumOfThree",
     NetOf(Conv("a", "x") + Conv("b", "x") + Layer("sum", "Eltwise", "x a b", "s") +
           Relu("relu", "s", "y")),
     "sum: relu", "sum: relu"},
    {"SumWithItself",
     NetOf(Conv("a", "x") + Layer("sum", "Eltwise", "a a", "s") + Relu("relu", "s", "y")),
     "sum: relu", "sum: relu"},
    {"ReadTwice",
     NetOf(Conv("c", "x") + Relu("relu", "c", "r") + Layer("sum", "Eltwise", "c r", "y")), "", ""},
    {"InnerProduct",
     NetOf(
         Layer("ip", "InnerProduct", "x", "ip",
               "inner_product_param { num_output: 5 weight_filler { type: 'xavier' } bias_filler { "
               "type: 'uniform' } }") +
         Bn("bn", "ip", "n") + ScaleLayer("scale", "n", "n") + Relu("relu", "n", "y")),
     "ip: bn scale relu", "bn: scale relu"},
    {"InnerProductReLU",
     NetOf(Layer("ip", "InnerProduct", "x", "ip",
                 "inner_product_param { num_output: 5 bias_term: false weight_filler { type: "
                 "'xavier' } }") +
           Relu("relu", "ip", "y")),
     "ip: relu", "ip: relu"},
    {"SharedParams",
     NetOf(Bn("bn", "x", "n") +
           Layer("s1", "Scale", "n", "s",
                 "param { name: 'a' } scale_param { filler { type: 'uniform' min: 1 "
                 "max: 2 } }") +
           Relu("r1", "s", "r") + Bn("bn2", "r", "n2") +
           Layer("s2", "Scale", "n2", "y", "param { name: 'a' }")),
     "bn: s1 r1; bn2: s2", "bn: s1 r1; bn2: s2"},
    {"SideBySide",
     NetOf(Conv("a", "x") + Relu("relu_a", "a", "a") +
           Conv("b", "x", "", "num_output: 2 kernel_size: 3 pad: 1") +
           Layer("p", "Pooling", "x", "p", "pooling_param { kernel_size: 1 }") +
           Conv("d", "p", "group: 2", "num_output: 2 kernel_size: 1") + Relu("relu_d", "d", "e") +
           Layer("concat", "Concat", "a b p e", "y")),
     "a: relu_a; d: relu_d", "a: relu_a; d: relu_d"},
    {"SideBySideOfOneChannel",
     NetOf(Conv("a", "x") + Conv("b", "x") + Layer("concat", "Concat", "b a", "y"),
           "dim: 3 dim: 1 dim: 6 dim: 5"),
     "", ""},
    {"FrozenBelow",
     NetOf(
         Conv("c", "x", "", "num_output: 4 kernel_size: 1") + Bn("bn", "c", "n") +
         Layer("scale", "Scale", "n", "y", "param { lr_mult: 0 } scale_param { bias_term: true }")),
     "c: bn scale", "bn: scale"},
};
INSTANTIATE_TEST_SUITE_P(Table, FusedNets, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

const std::string kChain = NetOf(Conv("c", "x") + Bn("bn", "c", "n") +
                                 ScaleLayer("scale", "n", "s") + Relu("relu", "s", "y"));

TEST(Fusing, LeavesAloneWhatIsKept) {
  NetOptions options = Testing();
  options.keep = {"n"};
  EXPECT_EQ(Fused(kChain, options), "c: bn");
  options.keep = {"c"};
  EXPECT_EQ(Fused(kChain, options), "bn: scale relu");
  options.keep = {"y"};
  EXPECT_EQ(Fused(kChain, options), "c: bn scale relu");
  options.phase = TRAIN;
  options.backward = true;
  options.keep = {"s"};
  EXPECT_EQ(Fused(kChain, options), "bn: scale");
  const auto fused = Results(kChain, options);
  options.fuse = false;
  const auto apart = Results(kChain, options);
  EXPECT_TRUE(naive::Near({apart.at("s").begin(), apart.at("s").end()}, fused.at("s"), 2e-5));
}

TEST(Fusing, IsOffOnRequest) {
  NetOptions options = Testing();
  options.fuse = false;
  EXPECT_EQ(Fused(kChain, options), "");
}

TEST(Fusing, SaysHowToSeeWhatIsNoLongerThere) {
  Context context({.threads = 1, .seed = 5});
  for (const bool separate : {false, true}) {
    Net net(Parse(kChain), Layers(), context, {.phase = TRAIN, .separate_memory = separate});
    net.Forward();
    net.Backward();
    for (const std::string name : {"n", "s"}) {
      const std::string expected = "the memory of blob \"" + name +
                                   "\" is used for others too; name it in NetOptions::keep to read "
                                   "it after a pass";
      EXPECT_EQ(ErrorOf([&] { net.blob(name); }), expected);
      EXPECT_EQ(ErrorOf([&] { net.diff(name); }), expected);
    }
  }
}

TEST(Fusing, FollowsAnInputThatChangesItsShape) {
  Context context({.threads = 2, .seed = 5});
  const std::string text = kChain.substr(0, kChain.find("layer { name: 'loss'"));
  std::vector<std::vector<float>> results;
  for (const bool fuse : {true, false}) {
    Net net(Parse(text), Layers(), context, {.phase = TEST, .backward = false, .fuse = fuse});
    for (const int64_t batch : {3, 5, 2}) {
      net.ReshapeInput("x", Shape{batch, 4, 6, 5});
      Fill(net.input("x"), "x", -9);
      net.Forward();
    }
    results.emplace_back(net.blob("last").values().begin(), net.blob("last").values().end());
    EXPECT_EQ(results.back().size(), 2U * 3);
  }
  EXPECT_TRUE(naive::Near({results[1].begin(), results[1].end()}, results[0], 2e-5));
}

// The gradient of a param that is trained over data alone, which wants none for its bottom.
TEST(Fusing, GivesParamsTheirGradientWhereTheBottomWantsNone) {
  std::string text =
      NetOf(Bn("bn", "x", "n") + ScaleLayer("scale", "n", "s") + Relu("relu", "s", "y"));
  text = text.substr(text.find('\n') + 1);  // no force_backward
  EXPECT_EQ(Fused(text, Training()), "bn: scale relu");
  std::vector<std::vector<float>> diffs;
  for (const bool fuse : {true, false}) {
    Context context({.threads = 2, .seed = 5});
    Net net(Parse(text), Layers(), context, {.phase = TRAIN, .fuse = fuse});
    Fill(net.input("x"), "x", -9);
    net.Forward();
    net.Backward();
    diffs.emplace_back();
    for (const Learned& learned : net.learned()) {
      diffs.back().insert(diffs.back().end(), learned.diff->values().begin(),
                          learned.diff->values().end());
    }
  }
  EXPECT_TRUE(naive::Near({diffs[1].begin(), diffs[1].end()}, diffs[0], 2e-5));
}

TEST(Fusing, StopsWhereALossIsTaken) {
  const std::string text =
      NetOf(Conv("c", "x", "") + Layer("relu", "ReLU", "c", "y", "loss_weight: 0.01"));
  EXPECT_EQ(Fused(text, Training()), "c: relu");
  const std::string between =
      NetOf(Layer("c", "Convolution", "x", "c",
                  "loss_weight: 1 convolution_param { num_output: 4 kernel_size: 1 }") +
            Relu("relu", "c", "y"));
  EXPECT_EQ(Fused(between, Training()), "");
}

TEST(Fusing, NamesTheLayerWhoseParamIsNotFinite) {
  Context context({.threads = 1, .seed = 5});
  Net net(Parse(kChain), Layers(), context, Testing());
  net.weights().Find("scale", 0)->Change().data()[1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(net.FindNonFinite(false),
            "layer \"scale\" (Scale), param \"scale.scale\": 1 of 4 values are not finite");
  net.CheckNumerics(true);
  EXPECT_EQ(
      ErrorOf([&] { net.Forward(); }),
      "forward: layer \"scale\" (Scale), param \"scale.scale\": 1 of 4 values are not finite, "
      "the first nan at [1]");
}

TEST(Fusing, WritesWhatIsConcatenatedWhereItBelongs) {
  const std::string text =
      NetOf(Conv("a", "x") + Relu("relu", "a", "r") + Conv("b", "x") +
            Layer("p", "Pooling", "x", "p", "pooling_param { kernel_size: 1 }") +
            Layer("concat", "Concat", "r p b", "y"));
  Context context({.threads = 1, .seed = 5});
  NetOptions options = Testing();
  options.plan_only = true;
  const auto name_of = [&] {
    const Net net(Parse(text), Layers(), context, options);
    std::string names;
    for (const MemoryBlock& block : net.memory_plan().blocks) {
      if (block.kind == MemoryBlock::Kind::kValue && block.name[0] == 'y') names += block.name;
    }
    return names;
  };
  EXPECT_EQ(name_of(), "y = r = a = b");
  options.keep = {"r"};
  EXPECT_EQ(name_of(), "y = b");
  options = Training();
  options.plan_only = true;
  EXPECT_EQ(name_of(), "y = b");  // the ReLU's Backward reads r
  options.fuse = false;
  EXPECT_EQ(name_of(), "y");
}

// The data decide how many images there are: two of three pass the filter.
TEST(Fusing, FollowsDataThatChangeShapes) {
  const std::string text =
      "layer { name: 'in' type: 'Input' top: 'x' top: 'which' input_param { shape { dim: 3 dim: 4 "
      "dim: 6 dim: 5 } shape { dim: 3 } } }\n" +
      Layer("filter", "Filter", "x which", "f") + Conv("a", "f") + Bn("bn", "a", "n") +
      ScaleLayer("scale", "n", "s") + Relu("relu", "s", "r") + Conv("b", "r") +
      Layer("sum", "Eltwise", "f b", "t") + Conv("c", "t") + Layer("concat", "Concat", "c t", "y");
  EXPECT_EQ(Fused(text, Testing()), "a: bn scale relu; b: sum");
  std::vector<std::vector<float>> results;
  for (const bool fuse : {true, false}) {
    Context context({.threads = 2, .seed = 5});
    Net net(Parse(text), Layers(), context, {.phase = TEST, .backward = false, .fuse = fuse});
    Fill(net.input("x"), "x", -9);
    net.input("which").data()[0] = net.input("which").data()[2] = 1;
    net.Forward();
    EXPECT_EQ(net.blob("y").shape(), (Shape{2, 8, 6, 5}));
    results.emplace_back(net.blob("y").values().begin(), net.blob("y").values().end());
  }
  EXPECT_TRUE(naive::Near({results[1].begin(), results[1].end()}, results[0], 2e-5));
}

TEST(Fusing, TrainsAlike) {
  std::vector<std::vector<float>> weights;
  for (const bool fuse : {true, false}) {
    Context context({.threads = 2, .seed = 5});
    Net net(Parse(kChain), Layers(), context, {.phase = TRAIN, .fuse = fuse});
    Fill(net.input("x"), "x", -9);
    for (int step = 0; step < 20; ++step) {
      net.Forward();
      net.Backward();
      for (const Learned& learned : net.learned()) {
        Tensor& w = learned.param->Change();
        for (int64_t i = 0; i < w.count(); ++i) w.data()[i] -= 0.1F * learned.diff->data()[i];
      }
    }
    weights.emplace_back();
    for (const auto& entry : net.weights().entries()) {
      for (const auto& param : entry.params) {
        const auto values = std::as_const(*param).values().values();
        weights.back().insert(weights.back().end(), values.begin(), values.end());
      }
    }
  }
  EXPECT_TRUE(naive::Near({weights[1].begin(), weights[1].end()}, weights[0], 1e-4));
}

TEST(Fusing, TakesNoMoreMemory) {
  for (NetOptions options : {Testing(), Training()}) {
    options.plan_only = true;
    Context context({.threads = 1, .seed = 5});
    const Net fused(Parse(kChain), Layers(), context, options);
    options.fuse = false;
    const Net apart(Parse(kChain), Layers(), context, options);
    EXPECT_LE(fused.memory_plan().bytes, apart.memory_plan().bytes);
  }
}

}  // namespace
}  // namespace moka
