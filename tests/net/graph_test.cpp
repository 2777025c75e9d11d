#include "net/graph.h"

#include <gtest/gtest.h>

#include "net/net_text.h"

namespace moka {
namespace {

using testing::BuildError;
using testing::Layers;
using testing::Parse;

const char* const kInput =
    "layer { name: 'in' type: 'Input' top: 'x' top: 'label' "
    "input_param { shape { dim: 2 dim: 3 } shape { dim: 2 } } }\n";

struct Connected {
  explicit Connected(const std::string& text) : net(Parse(text)) {
    graph = Connect(net, Layers(), problems);
  }
  NetDescription net;
  Problems problems;
  Graph graph;
};

TEST(Connect, MakesANewValueOfEachWriteOfAName) {
  Connected c(std::string(kInput) +
              "layer { name: 'r' type: 'ReLU' bottom: 'x' top: 'x' }"
              "layer { name: 's' type: 'Sigmoid' bottom: 'x' top: 'y' }");
  ASSERT_TRUE(c.problems.empty());
  EXPECT_EQ(c.graph.nodes[1].bottoms[0], 0);
  EXPECT_EQ(c.graph.nodes[1].tops[0], 2);
  EXPECT_EQ(c.graph.nodes[2].bottoms[0], 2);
  EXPECT_EQ(c.graph.last_value.at("x"), 2);
}

TEST(Connect, ListsAllReadersOfAValue) {
  Connected c(std::string(kInput) +
              "layer { name: 'r' type: 'ReLU' bottom: 'x' top: 'y' }"
              "layer { name: 'e' type: 'Eltwise' bottom: 'x' bottom: 'y' top: 'z' }");
  ASSERT_EQ(c.graph.values[0].uses.size(), 2u);
  EXPECT_EQ(c.graph.values[0].uses[1].node, 2);
  EXPECT_EQ(c.graph.values[0].uses[1].bottom, 0);
}

TEST(Connect, GivesALossItsTopAndItsWeight) {
  Connected c(std::string(kInput) +
              "layer { name: 'loss' type: 'SoftmaxWithLoss' bottom: 'x' bottom: 'label' }");
  ASSERT_TRUE(c.problems.empty());
  EXPECT_EQ(c.graph.values[2].name, "loss");
  EXPECT_EQ(c.graph.values[2].loss_weight, 1);
}

TEST(Connect, KnowsCaffesNamesOfSplitBlobs) {
  Connected c(std::string(kInput) +
              "layer { name: 'r' type: 'ReLU' bottom: 'x' top: 'y' }"
              "layer { name: 's' type: 'Sigmoid' bottom: 'x' top: 'z' }");
  EXPECT_EQ(SplitNames(c.graph, 0), (std::vector<std::string>{"x_in_0_split_0", "x_in_0_split_1"}));
  EXPECT_TRUE(SplitNames(c.graph, 2).empty());
}

TEST(Connect, SuggestsTheNearestBlob) {
  EXPECT_EQ(
      BuildError("layer { name: 'in' type: 'Input' top: 'data' input_param { shape { dim: 1 } } }\n"
                 "layer { name: 'r' type: 'ReLU' bottom: 'dta' top: 'y' }"),
      "net.prototxt:2:32: layer \"r\" (ReLU): unknown bottom blob \"dta\"; did you mean \"data\"?");
}

TEST(Connect, SaysWhenABlobIsWrittenLater) {
  EXPECT_EQ(
      BuildError("layer { name: 'r' type: 'ReLU' bottom: 'data' top: 'y' }\n"
                 "layer { name: 'in' type: 'Input' top: 'data' input_param { shape { dim: 1 } } }"),
      "net.prototxt:1:32: layer \"r\" (ReLU): unknown bottom blob \"data\"; layer \"in\" (Input) "
      "writes it, but stands "
      "later in the file");
}

TEST(Connect, SuggestsTheNearestType) {
  EXPECT_EQ(
      BuildError(std::string(kInput) + "layer { name: 'r' type: 'Relu' bottom: 'x' top: 'y' }"),
      "net.prototxt:2:19: layer \"r\" (Relu): unknown type \"Relu\"; did you mean \"ReLU\"?");
}

TEST(Connect, NamesThePluginsThatAnUnknownTypeMayNeed) {
  EXPECT_EQ(
      BuildError("requires_plugin: 'wavelets' layer { name: 'w' type: 'Wavelet' top: 'y' }"),
      "net.prototxt:1:47: layer \"w\" (Wavelet): unknown type \"Wavelet\"; the net requires the "
      "plugins wavelets: load them with --plugin");
}

TEST(Connect, CountsBottomsAndTops) {
  EXPECT_NE(BuildError(std::string(kInput) + "layer { name: 'r' type: 'ReLU' top: 'y' }")
                .find("needs 1 bottom, has 0"),
            std::string::npos);
  EXPECT_NE(BuildError(std::string(kInput) +
                       "layer { name: 'r' type: 'ReLU' bottom: 'x' bottom: 'label' top: 'y' }")
                .find("needs 1 bottom, has 2"),
            std::string::npos);
  EXPECT_NE(
      BuildError(std::string(kInput) + "layer { name: 'e' type: 'Eltwise' bottom: 'x' top: 'y' }")
          .find("needs at least 2 bottoms, has 1"),
      std::string::npos);
}

TEST(Connect, SaysWhatNumbersOfBottomsAndTopsThereMayBe) {
  EXPECT_EQ(BuildError(std::string(kInput) + "layer { name: 'in2' type: 'Input' bottom: 'x' "
                                             "top: 'y' input_param { shape { dim: 1 } } }"),
            "net.prototxt:2:35: layer \"in2\" (Input): needs no bottom, has 1");
  EXPECT_EQ(BuildError(std::string(kInput) +
                       "layer { name: 'p' type: 'Pooling' bottom: 'x' top: 'a' top: 'b' top: 'c' "
                       "pooling_param { kernel_size: 1 } }"),
            "net.prototxt:2:47: layer \"p\" (Pooling): needs 1 to 2 tops, has 3");
  EXPECT_EQ(BuildError(std::string(kInput) +
                       "layer { name: 'c' type: 'Convolution' bottom: 'x' bottom: 'x' top: 'y' "
                       "convolution_param { num_output: 1 kernel_size: 1 } }"),
            "net.prototxt:2:63: layer \"c\" (Convolution): needs as many tops as bottoms, has 2 "
            "bottoms and 1 top");
}

TEST(Connect, RefusesALayerWithoutTypeAndOneThatWritesATopTwice) {
  EXPECT_EQ(BuildError(std::string(kInput) + "layer { name: 'r' bottom: 'x' top: 'y' }"),
            "net.prototxt:2:1: layer \"r\": has no type");
  EXPECT_EQ(BuildError(std::string(kInput) +
                       "layer { name: 's' type: 'Slice' bottom: 'x' top: 'y' top: 'y' }"),
            "net.prototxt:2:54: layer \"s\" (Slice): writes \"y\" twice");
}

TEST(Connect, RefusesATopThatAnotherLayerWrites) {
  EXPECT_EQ(
      BuildError(std::string(kInput) + "layer { name: 'r' type: 'ReLU' bottom: 'x' top: 'y' }\n"
                                       "layer { name: 's' type: 'ReLU' bottom: 'x' top: 'y' }"),
      "net.prototxt:3:44: layer \"s\" (ReLU): top blob \"y\" is already written by layer \"r\" "
      "(ReLU) at "
      "net.prototxt:2:1; give it another name");
}

TEST(Connect, CountsLossWeightsAndPropagateDown) {
  EXPECT_NE(
      BuildError(
          std::string(kInput) +
          "layer { name: 'r' type: 'ReLU' bottom: 'x' top: 'y' loss_weight: 1 loss_weight: 2 }")
          .find("has 2 loss weights for 1 top"),
      std::string::npos);
  EXPECT_NE(BuildError(std::string(kInput) + "layer { name: 'r' type: 'ReLU' bottom: 'x' top: 'y' "
                                             "propagate_down: true propagate_down: true }")
                .find("has 2 propagate_down for 1 bottom"),
            std::string::npos);
}

TEST(Connect, CountsAlsoWhereABottomComesFromALayerWithAProblem) {
  EXPECT_EQ(
      BuildError(std::string(kInput) + "layer { name: 'a' type: 'Sigmoidd' bottom: 'x' top: 'a' }\n"
                                       "layer { name: 'b' type: 'Eltwise' bottom: 'a' top: 'b' }"),
      "net.prototxt:2:19: layer \"a\" (Sigmoidd): unknown type \"Sigmoidd\"; did you mean "
      "\"Sigmoid\"?\n"
      "net.prototxt:3:35: layer \"b\" (Eltwise): needs at least 2 bottoms, has 1");
}

TEST(Connect, SuggestsBlobsAndChecksParametersAlsoBehindALayerWithAProblem) {
  EXPECT_EQ(
      BuildError(std::string(kInput) +
                 "layer { name: 'a' type: 'Sigmoidd' bottom: 'x' top: 'conv' }\n"
                 "layer { name: 'b' type: 'ReLU' bottom: 'con' top: 'b' }\n"
                 "layer { name: 'd' type: 'Dropout' bottom: 'conv' top: 'd' dropout_param { "
                 "dropout_ratio: 2 } }"),
      "net.prototxt:2:19: layer \"a\" (Sigmoidd): unknown type \"Sigmoidd\"; did you mean "
      "\"Sigmoid\"?\n"
      "net.prototxt:3:32: layer \"b\" (ReLU): unknown bottom blob \"con\"; did you mean "
      "\"conv\"?\n"
      "net.prototxt:4:75: layer \"d\" (Dropout): dropout_ratio must be at least 0 and less than 1, "
      "but is 2");
}

TEST(Connect, ReportsOneErrorForEachLayerAndNoneForWhatFollowsFromIt) {
  const std::string error = BuildError(std::string(kInput) +
                                       "layer { name: 'a' type: 'Sigmoidd' bottom: 'x' top: 'a' }\n"
                                       "layer { name: 'b' type: 'ReLU' bottom: 'a' top: 'b' }\n"
                                       "layer { name: 'c' type: 'ReLU' bottom: 'nix' top: 'c' }\n");
  EXPECT_EQ(error,
            "net.prototxt:2:19: layer \"a\" (Sigmoidd): unknown type \"Sigmoidd\"; did you mean "
            "\"Sigmoid\"?\n"
            "net.prototxt:4:32: layer \"c\" (ReLU): unknown bottom blob \"nix\"");
}

TEST(Connect, TellsTwentyErrorsAndHowManyMore) {
  std::string text = kInput;
  for (int i = 0; i < 30; ++i)
    text += "layer { name: 'l" + std::to_string(i) + "' type: 'ReLU' bottom: 'none' top: 't' }\n";
  const std::string error = BuildError(text);
  EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 20);
  EXPECT_NE(error.find("\n... and 10 more"), std::string::npos);
}

}  // namespace
}  // namespace moka
