// ArgMax: where the largest are.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "caught.h"
#include "layers/contract.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::string ArgMax(const std::string& params) {
  return "type: 'ArgMax' argmax_param { " + params + " }";
}

LayerResult Results(const std::string& params, const Shape& shape, const Values& x) {
  return RunLayer(ArgMax(params), std::vector<Shape>{shape}, {x});
}

std::string Refusal(const std::string& params, const Shape& shape) {
  const Values x(static_cast<size_t>(shape.count()));
  const Error error = Caught([&] { Results(params, shape, x); });
  return error.message() + " @" + error.field();
}

TEST(ArgMax, ComparesAllOfAnItemAndHasThreeAxesAtLeast) {
  const auto two = Results("", {2, 3}, {1, 3, 2, 9, 8, 7});
  EXPECT_EQ(two.shapes[0], (Shape{2, 1, 1}));
  EXPECT_EQ(two.tops[0], (Values{1, 0}));
  EXPECT_EQ(Results("top_k: 2", {2, 3}, Values(6)).shapes[0], (Shape{2, 1, 2}));
  EXPECT_EQ(Results("top_k: 2", {1, 1, 2, 2, 1}, Values(4)).shapes[0], (Shape{1, 1, 2, 1, 1}));
  EXPECT_EQ(Results("", {2, 2, 2}, {0, 0, 1, 0, 0, 0, 0, 1}).tops[0], (Values{2, 3}));
}

TEST(ArgMax, GivesPlacesThenValuesIfAskedTo) {
  const auto result = Results("out_max_val: true top_k: 2", {2, 3}, {1, 3, 2, 9, 8, 7});
  EXPECT_EQ(result.shapes[0], (Shape{2, 2, 2}));
  EXPECT_EQ(result.tops[0], (Values{1, 2, 3, 2, 0, 1, 9, 8}));
}

TEST(ArgMax, ComparesAlongAnAxis) {
  const Values x = {1, 6, 3, 4, 5, 2};
  const auto result = Results("axis: 1", {1, 3, 2}, x);
  EXPECT_EQ(result.shapes[0], (Shape{1, 1, 2}));
  EXPECT_EQ(result.tops[0], (Values{2, 0}));
  EXPECT_EQ(Results("axis: -2 top_k: 2", {1, 3, 2}, x).tops[0], (Values{2, 0, 1, 1}));
  EXPECT_EQ(Results("axis: 1 top_k: 2 out_max_val: true", {1, 3, 2}, x).tops[0],
            (Values{5, 6, 3, 4}));
  EXPECT_EQ(Results("axis: 2 out_max_val: true", {1, 3, 2}, x).tops[0], (Values{6, 4, 5}));
}

// Caffe sorts pairs of value and place.
TEST(ArgMax, TakesTheLastOfEqualValuesFirst) {
  EXPECT_EQ(Results("", {1, 4}, {2, 5, 5, 1}).tops[0], Values{2});
  EXPECT_EQ(Results("top_k: 3", {1, 4}, {5, 5, 1, 5}).tops[0], (Values{3, 1, 0}));
  EXPECT_EQ(Results("axis: 0", {3, 2}, {1, 0, 1, 0, 0, 0}).tops[0], (Values{1, 2}));
}

TEST(ArgMax, TakesNanForLargerThanAllNumbersAndGivesItsPlace) {
  for (const char* axis : {"", "axis: 1 "}) {
    const std::string params = axis;
    EXPECT_EQ(Results(params, {1, 4}, {1, kNan, 9, INFINITY}).tops[0], Values{1}) << params;
    EXPECT_EQ(Results(params, {1, 3}, {kNan, 9, 8}).tops[0], Values{0}) << params;
    EXPECT_EQ(Results(params, {1, 3}, {kNan, kNan, 8}).tops[0], Values{1}) << params;
    EXPECT_EQ(Results(params + "top_k: 4", {1, 5}, {7, kNan, 9, kNan, -INFINITY}).tops[0],
              (Values{3, 1, 2, 0}))
        << params;
  }
  const Values all = Results("top_k: 3", {1, 3}, {kNan, kNan, kNan}).tops[0];
  EXPECT_EQ(all, (Values{2, 1, 0}));
  EXPECT_TRUE(std::isnan(Results("axis: 1 out_max_val: true", {1, 2}, {3, kNan}).tops[0][0]));
}

TEST(ArgMax, RefusesWhatCannotBeCounted) {
  EXPECT_EQ(Refusal("top_k: 0", {1, 2}), "top_k is 0; it must be at least 1 @argmax_param.top_k");
  EXPECT_EQ(Refusal("top_k: 7", {2, 2, 3}),
            "top_k 7 is larger than the number of values that are compared, 6 "
            "@argmax_param.top_k");
  EXPECT_EQ(Refusal("axis: 1 top_k: 3", {2, 2, 3}),
            "top_k 3 is larger than the number of values that are compared, 2 "
            "@argmax_param.top_k");
  EXPECT_EQ(Refusal("axis: 0", {0, 2}),
            "top_k 1 is larger than the number of values that are compared, 0 "
            "@argmax_param.top_k");
  EXPECT_EQ(Refusal("axis: 2", {1, 2}),
            "axis 2 is out of range for shape 1x2, which has 2 axes @argmax_param.axis");
  EXPECT_EQ(Refusal("", Shape()), "expects items along axis 0, but the bottom is a scalar @");
  EXPECT_EQ(Refusal("", {0, (1 << 24) + 1}), "a float cannot tell the places of 16777217 values @");
}

const ContractCases kCases("ArgMax",
                           {{"", {{2, 3, 4}}},
                            {"argmax_param { top_k: 3 }", {{2, 3, 4}}},
                            {"argmax_param { out_max_val: true }", {{2, 5}}},
                            {"argmax_param { out_max_val: true top_k: 4 }", {{3, 2, 2, 3}}},
                            {"argmax_param { axis: 1 }", {{2, 3, 4}}},
                            {"argmax_param { axis: -1 top_k: 2 }", {{2, 3, 4}}},
                            {"argmax_param { axis: 0 top_k: 2 out_max_val: true }", {{2, 3}}},
                            {"argmax_param { axis: 1 out_max_val: true }", {{2, 3, 300}}},
                            {"", {{1, 1}}},
                            {"", {{3}}},
                            {"argmax_param { top_k: 6 }", {{1, 6}}},
                            {"", {{0, 3}}},
                            {"argmax_param { axis: 1 }", {{2, 3, 0}}},
                            {"argmax_param { axis: 1 }", {{2, 21, 50, 50}}},
                            {"argmax_param { top_k: 5 }", {{40, 1000}}}});

}  // namespace
}  // namespace moka
