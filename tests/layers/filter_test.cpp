// Filter: the items that are selected.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "caught.h"
#include "layers/contract.h"
#include "layers/data_nets.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(Filter, KeepsTheSelectedItemsOfEachBottom) {
  const auto result = RunLayer("type: 'Filter' top: 'a' top: 'b'", {{4, 2}, {4}, {4, 1}},
                               {{0, 1, 10, 11, 20, 21, 30, 31}, {5, 6, 7, 8}, {0, 1, 0, -0.5F}});
  EXPECT_EQ(result.shapes[0], (Shape{2, 2}));
  EXPECT_EQ(result.tops[0], (Values{10, 11, 30, 31}));
  EXPECT_EQ(result.shapes[1], Shape{2});
  EXPECT_EQ(result.tops[1], (Values{6, 8}));
}

TEST(Filter, GivesTheOthersTheGradientZero) {
  RunOptions options;
  options.top_diffs = {{1, 2, 3, 4, 0, 0, 0, 0}};  // two items of room are not used
  LayerGradients gradients;
  RunLayer("type: 'Filter'", {{4, 2}, {4}}, {Values(8), {1, 0, 0, 1}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{1, 2, 0, 0, 0, 0, 3, 4}));
}

TEST(Filter, SelectsNothing) {
  RunOptions options;
  options.top_diffs = {Values(6)};
  LayerGradients gradients;
  const auto result = RunLayer("type: 'Filter'", {{3, 2}, {3}}, {{1, 2, 3, 4, 5, 6}, {0, 0, -0.F}},
                               options, &gradients);
  EXPECT_EQ(result.shapes[0], (Shape{0, 2}));
  EXPECT_TRUE(result.tops[0].empty());
  EXPECT_EQ(gradients.bottoms[0], Values(6));
}

// A net follows the number of selected items in both passes, down to none and up again.
TEST(Filter, LetsTheNetFollow) {
  Context context({.threads = 2, .seed = 1});
  const auto net = MakeDataNet(
      "layer { name: 'x' type: 'Input' top: 'x' input_param { shape { dim: 4 dim: 2 } } }\n"
      "layer { name: 's' type: 'Input' top: 's' input_param { shape { dim: 4 } } }\n"
      "layer { name: 'ip' type: 'InnerProduct' bottom: 'x' top: 'h' inner_product_param {\n"
      "  num_output: 2 bias_term: false weight_filler { type: 'constant' value: 1 } } }\n"
      "layer { name: 'filter' type: 'Filter' bottom: 'h' bottom: 's' top: 'f' }\n"
      "layer { name: 'relu' type: 'ReLU' bottom: 'f' top: 'f' }\n"
      "layer { name: 'two' type: 'InnerProduct' bottom: 'f' top: 'y' inner_product_param {\n"
      "  num_output: 3 bias_term: false weight_filler { type: 'constant' value: 1 } } }\n"
      "layer { name: 'sum' type: 'Reduction' bottom: 'y' top: 'sum' loss_weight: 1 }\n",
      context, TRAIN, {"y"});
  for (const Values& selector : {Values{1, 0, 0, 1}, Values{0, 0, 0, 0}, Values{1, 1, 1, 1}}) {
    const auto x = net->input("x").values();
    float kept = 0, of_first = 0, of_second = 0;
    for (size_t n = 0; n < 4; ++n) {
      x[2 * n] = static_cast<float>(n), x[2 * n + 1] = 2;
      if (selector[n] == 0) continue;
      kept += 1, of_first += x[2 * n], of_second += 2;
    }
    std::copy(selector.begin(), selector.end(), net->input("s").data());
    EXPECT_EQ(net->Forward(), 6 * (of_first + of_second));
    EXPECT_EQ(net->blob("y").shape(), (Shape{static_cast<int64_t>(kept), 3}));
    net->Backward();
    const auto dw = net->learned()[0].diff->values();
    EXPECT_EQ(Values(dw.begin(), dw.end()),
              (Values{3 * of_first, 3 * of_second, 3 * of_first, 3 * of_second}));
  }
}

TEST(Filter, RefusesASelectorThatIsNoNumber) {
  const Error error = Caught([] {
    RunLayer("type: 'Filter'", {{3, 1}, {3}}, {Values(3), {0, 1, kNan}});
  });
  EXPECT_EQ(error.message(), "the selector of sample 2 is nan");
  EXPECT_EQ(error.sample(), 2);
}

TEST(Filter, RefusesBottomsThatDoNotFit) {
  const auto refusal = [](const std::vector<Shape>& shapes, const std::string& tops = "") {
    std::vector<Values> bottoms;
    for (const Shape& shape : shapes) bottoms.emplace_back(static_cast<size_t>(shape.count()));
    return Caught([&] { RunLayer("type: 'Filter'" + tops, shapes, bottoms); }).message();
  };
  EXPECT_EQ(refusal({{3, 2}, {3, 2}}),
            "bottom 0 is 3x2, but the selector, bottom 1, is 3x2: it takes one number for each "
            "item");
  EXPECT_EQ(refusal({{3, 2}, {4, 2}, {3}}, " top: 'a' top: 'b'"),
            "bottom 1 is 4x2, but the selector, bottom 2, is 3: it takes one number for each "
            "item");
  EXPECT_EQ(refusal({Shape(), {1}}),
            "bottom 0 is (), but the selector, bottom 1, is 1: it takes one number for each item");
  EXPECT_NE(refusal({{3, 2}, {3, 2}, {3}}, " top: 'a'").find("top"), std::string::npos);
}

TEST(Filter, HasNoGradientForTheSelector) {
  EXPECT_NE(
      WhyRefused("layer { name: 'w' type: 'Parameter' top: 'w'\n"
                 "  parameter_param { shape { dim: 3 } } }\n"
                 "layer { name: 'x' type: 'Input' top: 'x' input_param { shape { dim: 3 } } }\n"
                 "layer { name: 'f' type: 'Filter' bottom: 'x' bottom: 'w' top: 'y' }\n"
                 "layer { name: 'sum' type: 'Reduction' bottom: 'y' top: 's' loss_weight: 1 }")
          .find("blob \"w\" depends on learned params, but Filter has no gradient for it"),
      std::string::npos);
}

// The last of the bottoms selects, on the average, this share.
CheckOptions Share(int last, float share, int tops = 0, bool gradients = true) {
  CheckOptions options;
  options.tops = tops;
  options.input = [=](int bottom, int64_t, float random) {
    return bottom < last ? 2 * random - 1 : (random < share ? 1.0F : 0.0F);
  };
  options.check_gradients = gradients;
  return options;
}

const ContractCases kCases("Filter", {{"", {{6, 2}, {6}}, Share(1, 0.5F)},
                                      {"", {{6, 2, 3}, {6, 1}}, Share(1, 0.5F)},
                                      {"", {{5}, {5}}, Share(1, 0.5F)},
                                      {"", {{4, 3}, {4}}, Share(1, 0)},
                                      {"", {{4, 3}, {4}}, Share(1, 1)},
                                      {"", {{1, 1}, {1}}, Share(1, 1)},
                                      {"", {{1, 3}, {1}}, Share(1, 0)},
                                      {"", {{0, 3}, {0}}, Share(1, 1)},
                                      {"", {{3, 0}, {3}}, Share(1, 0.5F)},
                                      {"", {{5, 2}, {5, 1, 3}, {5}}, Share(2, 0.5F, 2)},
                                      {"", {{5}, {5, 1}, {5, 2}, {5, 1, 1}}, Share(3, 0.5F, 3)},
                                      {"", {{4, 3, 1, 1}, {4, 1, 1, 1}}, Share(1, 0.7F)},
                                      {"", {{5, 20000}, {5}}, Share(1, 0.5F, 0, false)},
                                      {"", {{4000, 20}, {4000}}, Share(1, 0.5F, 0, false)}});

}  // namespace
}  // namespace moka
