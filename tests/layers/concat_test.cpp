// Concat: bottoms side by side along an axis.
#include <gtest/gtest.h>

#include "caught.h"
#include "layers/contract.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;

std::string Concat(const std::string& params = "") {
  return "type: 'Concat' concat_param { " + params + " }";
}

Error Refusal(const std::vector<Shape>& shapes, const std::string& params = "") {
  std::vector<Values> bottoms;
  for (const Shape& shape : shapes) bottoms.emplace_back(static_cast<size_t>(shape.count()));
  return Caught([&] { RunLayer(Concat(params), shapes, bottoms); });
}

TEST(Concat, LinesTheChannelsUp) {
  const auto result =
      RunLayer(Concat(), {{2, 1, 2}, {2, 2, 2}}, {{1, 2, 3, 4}, {11, 12, 13, 14, 15, 16, 17, 18}});
  EXPECT_EQ(result.shapes[0], (Shape{2, 3, 2}));
  EXPECT_EQ(result.tops[0], (Values{1, 2, 11, 12, 13, 14, 3, 4, 15, 16, 17, 18}));
}

TEST(Concat, TakesAnyAxis) {
  const std::vector<Shape> shapes = {{1, 2}, {2, 2}};
  const std::vector<Values> bottoms = {{1, 2}, {3, 4, 5, 6}};
  for (const char* axis : {"axis: 0", "axis: -2", "concat_dim: 0"}) {
    const auto result = RunLayer(Concat(axis), shapes, bottoms);
    EXPECT_EQ(result.shapes[0], (Shape{3, 2})) << axis;
    EXPECT_EQ(result.tops[0], (Values{1, 2, 3, 4, 5, 6})) << axis;
  }
}

TEST(Concat, TakesOneBottomAndEmptyOnes) {
  EXPECT_EQ(RunLayer(Concat(), std::vector<Shape>{{2, 2}}, {{1, 2, 3, 4}}).tops[0],
            (Values{1, 2, 3, 4}));
  const auto result = RunLayer(Concat(), {{2, 1}, {2, 0}, {2, 1}}, {{1, 2}, {}, {3, 4}});
  EXPECT_EQ(result.tops[0], (Values{1, 3, 2, 4}));
  const std::vector<Values> none(2);
  EXPECT_EQ(RunLayer(Concat(), {{0, 1}, {0, 2}}, none).shapes[0], (Shape{0, 3}));
}

TEST(Concat, GivesEachBottomItsPartOfTheGradient) {
  RunOptions options;
  options.top_diffs = {{1, 2, 3, 4, 5, 6}};
  LayerGradients gradients;
  RunLayer(Concat(), {{2, 1}, {2, 2}}, {{0, 0}, {0, 0, 0, 0}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{1, 4}));
  EXPECT_EQ(gradients.bottoms[1], (Values{2, 3, 5, 6}));
}

TEST(Concat, RefusesBottomsThatDoNotFit) {
  EXPECT_NE(Refusal({{2, 3, 4}, {2, 3, 4}, {2, 3, 5}})
                .message()
                .find("bottom 2 is 2x3x5, bottom 0 is 2x3x4: they may differ along axis 1 only"),
            std::string::npos);
  EXPECT_NE(Refusal({{2, 3}, {2, 3, 1}}).message().find("bottom 1 is 2x3x1, bottom 0 is 2x3"),
            std::string::npos);
  const int64_t large = int64_t{1} << 62;
  EXPECT_EQ(Refusal({{0, large}, {0, large}, {0, 1}}).message(),
            "the top is too large: bottoms 0 to 1 have more than 2^63 - 1 along axis 1");
}

TEST(Concat, RefusesTwoNamesForTheAxisAndAxesThatAreNotThere) {
  const Error both = Refusal({{2, 3}, {2, 3}}, "axis: 0 concat_dim: 1");
  EXPECT_EQ(both.message(),
            "axis 0 and concat_dim 1 are both given; concat_dim is the old name of axis");
  EXPECT_EQ(both.field(), "concat_param.concat_dim");
  EXPECT_NE(Refusal({{2, 3}, {2, 3}}, "axis: 2").message().find("axis 2 is out of range"),
            std::string::npos);
  EXPECT_NE(Refusal({{2, 3}, {2, 3}}, "concat_dim: 4000000000")
                .message()
                .find("axis 4000000000 is out of range"),
            std::string::npos);
}

CheckOptions NoGradients() {
  CheckOptions options;
  options.check_gradients = false;
  return options;
}

const ContractCases kCases("Concat", {{"", {{2, 3, 2}, {2, 1, 2}, {2, 4, 2}}},
                                      {"concat_param { axis: 0 }", {{2, 3}, {1, 3}}},
                                      {"concat_param { axis: -1 }", {{2, 3}, {2, 5}}},
                                      {"", {{2, 3}}},
                                      {"concat_param { concat_dim: 2 }", {{1, 2, 3}, {1, 2, 1}}},
                                      {"concat_param { axis: -3 }", {{1, 2, 2}, {2, 2, 2}}},
                                      {"", {{1, 1}, {1, 1}}},
                                      {"concat_param { axis: 0 }", {{1}, {1}, {1}, {1}}},
                                      {"", {{2, 1}, {2, 0}, {2, 1}}},
                                      {"", {{0, 2}, {0, 3}}},
                                      {"", {{2, 2, 0}, {2, 1, 0}}},
                                      {"concat_param { axis: 3 }", {{2, 1, 2, 1}, {2, 1, 2, 3}}},
                                      {"concat_param { axis: 0 }", {{0, 3}, {2, 3}}},
                                      {"", {{4, 7000}, {4, 2000}}, NoGradients()},
                                      {"", {{2, 3, 60, 60}, {2, 1, 60, 60}}, NoGradients()}});

}  // namespace
}  // namespace moka
