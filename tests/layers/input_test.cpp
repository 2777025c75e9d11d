#include <gtest/gtest.h>

#include "layers/contract.h"
#include "layers/data_nets.h"

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
ContractCase WithTops(int tops, const std::string& shapes) {
  CheckOptions options;
  options.tops = tops;
  return {"input_param { " + shapes + " }", {}, options};
}

const ContractCases kCases("Input", {
                                        WithTops(1, "shape { dim: 2 dim: 3 }"),
                                        WithTops(2, "shape { dim: 2 dim: 3 }"),
                                        WithTops(2, "shape { dim: 2 } shape { dim: 4 dim: 1 }"),
                                        WithTops(1, "shape { }"),
                                        WithTops(1, "shape { dim: 1 }"),
                                        WithTops(1, "shape { dim: 0 }"),
                                        WithTops(1, "shape { dim: 3 dim: 0 dim: 2 }"),
                                        WithTops(1, "shape { dim: 1 dim: 3 dim: 5 dim: 7 }"),
                                        WithTops(2, "shape { } shape { dim: 0 }"),
                                        WithTops(3, "shape { dim: 2 dim: 2 }"),
                                        WithTops(3, "shape { dim: 1 } shape { } shape { dim: 9 }"),
                                        WithTops(1, "shape { dim: [1, 1, 2, 1, 1, 2, 1, 3] }"),
                                    });

}  // namespace
}  // namespace moka
