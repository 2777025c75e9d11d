#include "net/setup.h"

#include <gtest/gtest.h>

#include "moka/weights.h"
#include "net/net_text.h"

namespace moka {
namespace {

using testing::BuildError;
using testing::Layers;
using testing::Parse;

const char* const kInput =
    "layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 2 dim: 3 } } }\n";

std::string Ip(const std::string& name, const std::string& bottom, const std::string& more = "") {
  return "layer { name: '" + name + "' type: 'InnerProduct' bottom: '" + bottom + "' top: '" +
         name + "_top' inner_product_param { num_output: 4 weight_filler { type: 'xavier' } } " +
         more + " }\n";
}

TEST(SetUp, GivesShapesAndNamesToParams) {
  NetDescription net = Parse(kInput + Ip("ip", "x"));
  Problems problems;
  Graph graph = Connect(net, Layers(), problems);
  Weights weights;
  const Context context({.threads = 1, .seed = 9});
  SetUpLayers(graph, weights, context, problems);
  EXPECT_TRUE(problems.empty());
  ASSERT_EQ(graph.nodes[1].params.size(), 2u);
  EXPECT_EQ(graph.nodes[1].params[0]->name(), "ip.weight");
  EXPECT_EQ(graph.nodes[1].params[0]->shape(), (Shape{4, 3}));
  EXPECT_EQ(graph.values[1].shape, (Shape{2, 4}));
  EXPECT_EQ(weights.Find("ip", 1), graph.nodes[1].params[1]);
}

TEST(SetUp, FillsParamsByTheirNameAndTheSeedAlone) {
  const auto first_weight = [](const std::string& text, uint64_t seed) {
    NetDescription net = Parse(text);
    Problems problems;
    Graph graph = Connect(net, Layers(), problems);
    Weights weights;
    const Context context({.threads = 1, .seed = static_cast<int64_t>(seed)});
    SetUpLayers(graph, weights, context, problems);
    return weights.Find("ip", 0)->values().data()[0];
  };
  const float value = first_weight(kInput + Ip("ip", "x"), 9);
  EXPECT_EQ(first_weight(kInput + Ip("other", "x") + Ip("ip", "x"), 9), value);
  EXPECT_NE(first_weight(kInput + Ip("ip", "x"), 10), value);
}

TEST(SetUp, RefusesTwoLayersOfOneNameIfTheyHaveParams) {
  EXPECT_EQ(
      BuildError(kInput + Ip("ip", "x") +
                 "layer { name: 'ip' type: 'InnerProduct' bottom: 'x' top: 'y' "
                 "inner_product_param { num_output: 4 } }"),
      "net.prototxt:3:9: layer \"ip\" (InnerProduct): another layer with params has this name; "
      "weights are kept by name");
}

TEST(SetUp, ChecksParametersAlsoBehindALayerWhoseShapesAreWrong) {
  EXPECT_EQ(
      BuildError(std::string(kInput) +
                 "layer { name: 'in2' type: 'Input' top: 'z' input_param { shape { dim: 7 } } }\n"
                 "layer { name: 'sum' type: 'Eltwise' bottom: 'x' bottom: 'z' top: 's' }\n"
                 "layer { name: 'd' type: 'Dropout' bottom: 's' top: 'd' dropout_param { "
                 "dropout_ratio: 2 } }\n"
                 "layer { name: 'r' type: 'ReLU' bottom: 'd' top: 'r' }"),
      "net.prototxt:3:1: layer \"sum\" (Eltwise): bottom 1 is 7, bottom 0 is 2x3: they must have "
      "equal shapes\n"
      "net.prototxt:4:72: layer \"d\" (Dropout): dropout_ratio must be at least 0 and less than 1, "
      "but is 2");
}

TEST(SetUp, LetsFirstWhoStatesAMultiplierStateItForAll) {
  NetDescription net = Parse(kInput + Ip("a", "x", "param { name: 'w' }") +
                             Ip("b", "x", "param { name: 'w' lr_mult: 3 }"));
  Problems problems;
  Graph graph = Connect(net, Layers(), problems);
  Weights weights;
  const Context context({.threads = 1, .seed = 9});
  SetUpLayers(graph, weights, context, problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(weights.Find("a", 0)->lr_mult, 3);
  EXPECT_EQ(weights.Find("a", 0), weights.Find("b", 0));
}

TEST(SetUp, SharesByCountWhenPermissive) {
  const std::string flat =
      "layer { name: 'in2' type: 'Input' top: 'z' input_param { shape { dim: 2 dim: 4 } } }\n"
      "layer { name: 'b' type: 'InnerProduct' bottom: 'z' top: 'b' inner_product_param { "
      "num_output: 3 "
      "bias_term: false } param { name: 'w' share_mode: ";
  EXPECT_EQ(BuildError(kInput + Ip("a", "x", "param { name: 'w' }") + flat + "PERMISSIVE } }"), "");
  EXPECT_EQ(BuildError(kInput + Ip("a", "x", "param { name: 'w' }") + flat + "STRICT } }"),
            "net.prototxt:4:116: layer \"b\" (InnerProduct): shares \"w\" with layer \"a\", where "
            "it is 4x3; here it is 3x4 (share_mode: PERMISSIVE asks for equal counts only)");
  EXPECT_EQ(BuildError(kInput + Ip("a", "x", "param { name: 'w' }") +
                       Ip("b", "a_top", "param { name: 'w' share_mode: PERMISSIVE }")),
            "net.prototxt:3:140: layer \"b\" (InnerProduct): shares \"w\" with layer \"a\", where "
            "it is 4x3; here it is 4x4");
}

TEST(SetUp, OutlivesAnOwnerOfASharedParamThatFails) {
  const auto prelu = [](const std::string& name) {
    return "layer { name: '" + name + "' type: 'PReLU' bottom: 'x' top: '" + name +
           "' param { name: 's' } prelu_param { filler { type: 'gausian' } } }\n";
  };
  const std::string error = BuildError(kInput + prelu("a") + prelu("b"));
  EXPECT_NE(error.find("layer \"a\" (PReLU): unknown filler type \"gausian\""), std::string::npos);
  EXPECT_NE(error.find("layer \"b\" (PReLU): unknown filler type \"gausian\""), std::string::npos);
}

TEST(SetUp, TakesAnEmptyParamNameForNone) {
  NetDescription net =
      Parse(kInput + Ip("a", "x", "param { name: '' }") + Ip("b", "x", "param { name: '' }"));
  Problems problems;
  Graph graph = Connect(net, Layers(), problems);
  Weights weights;
  const Context context({.threads = 1, .seed = 9});
  SetUpLayers(graph, weights, context, problems);
  EXPECT_NE(weights.Find("a", 0), weights.Find("b", 0));
  EXPECT_NE(weights.Find("a", 0)->values().data()[0], weights.Find("b", 0)->values().data()[0]);
}

TEST(SetUp, RefusesATopBeyondAllMemory) {
  EXPECT_EQ(
      BuildError(
          "layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 2000000000 dim: "
          "1000000 } } }"),
      "net.prototxt:1:1: layer \"in\" (Input): top 0 would be 2000000000x1000000, "
      "2000000000000000 numbers; that is too large");
}

TEST(SetUp, RefusesWeightsOfAnotherNetThatHaveAnotherShape) {
  Context context({.threads = 1, .seed = 1});
  Net net(Parse(kInput + Ip("ip", "x")), Layers(), context);
  NetOptions options;
  options.weights = std::make_shared<Weights>(net.weights());
  EXPECT_EQ(BuildError("layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 2 "
                       "dim: 5 } } }\n" +
                           Ip("ip", "x"),
                       options),
            "net.prototxt:2:1: layer \"ip\" (InnerProduct): weight is 4x5 here, but 4x3 in the net "
            "that it shares its weights with");
}

}  // namespace
}  // namespace moka
