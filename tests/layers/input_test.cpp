#include <gtest/gtest.h>

#include "layers/data_nets.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Floats = std::vector<float>;

std::string Layer(const std::string& rest) {
  return "layer { name: 'in' type: 'Input' top: 'a' top: 'b'\n" + rest + " }";
}

TEST(Input, HasOneShapeForAllTopsOrOneForEach) {
  Context context({.threads = 1, .seed = 1});
  const auto one = MakeDataNet(Layer("input_param { shape { dim: 2 dim: 3 } }"), context);
  EXPECT_EQ(one->input("a").shape(), (Shape{2, 3}));
  EXPECT_EQ(one->input("b").shape(), (Shape{2, 3}));
  const auto two =
      MakeDataNet(Layer("input_param { shape { dim: 2 } shape { dim: 4 dim: 1 } }"), context);
  EXPECT_EQ(two->input("a").shape(), (Shape{2}));
  EXPECT_EQ(two->input("b").shape(), (Shape{4, 1}));
}

TEST(Input, KeepsWhatTheCallerWrote) {
  Context context({.threads = 1, .seed = 1});
  const auto net = MakeDataNet(Layer("input_param { shape { dim: 2 } }"), context);
  net->input("a").Fill(3);
  net->input("b").Fill(4);
  EXPECT_EQ(NextValues(*net, "a"), (Floats{3, 3}));
  EXPECT_EQ(NextValues(*net, "b"), (Floats{4, 4}));
}

TEST(Input, RefusesShapesThatMakeNoSense) {
  EXPECT_EQ(WhyRefused(Layer("")), "1:1: layer \"in\" (Input): input_param needs a shape");
  EXPECT_EQ(
      WhyRefused(Layer("input_param { shape {} shape {} shape {} }")),
      "2:15: layer \"in\" (Input): there are 3 shapes for 2 tops; give one, or one for each top");
  EXPECT_EQ(WhyRefused(Layer("input_param {\n shape { dim: 1 }\n shape { dim: -1 } }")),
            "4:2: layer \"in\" (Input): shape -1 has a negative size, -1");
  EXPECT_EQ(WhyRefused(Layer("input_param { shape { dim: 4294967296 dim: 4294967296 } }")),
            "2:15: layer \"in\" (Input): shape 4294967296x4294967296 is too large: the product of "
            "its sizes exceeds 2^63 - 1");
}

// Its tops' values, which it never writes, are nobody's promise: shapes and memory are checked.
TEST(Input, KeepsTheLayerContract) {
  CheckOptions options;
  options.tops = 2;
  EXPECT_TRUE(CheckLayer("type: 'Input' input_param { shape { dim: 2 dim: 3 } }", {}, options));
  EXPECT_TRUE(CheckLayer("type: 'Input' input_param { shape { dim: 2 } shape { dim: 4 dim: 1 } }",
                         {}, options));
}

}  // namespace
}  // namespace moka
