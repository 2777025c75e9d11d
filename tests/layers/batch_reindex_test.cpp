// BatchReindex: items taken by index.
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

Error Refusal(const std::vector<Shape>& shapes, const Values& index) {
  const Values x(static_cast<size_t>(shapes[0].count()));
  return Caught([&] { RunLayer("type: 'BatchReindex'", shapes, {x, index}); });
}

TEST(BatchReindex, TakesItemsInAnyOrderAndAnyNumberOfTimes) {
  const auto result =
      RunLayer("type: 'BatchReindex'", {{3, 2}, {5}}, {{0, 1, 10, 11, 20, 21}, {2, 0, 2, 2, 1}});
  EXPECT_EQ(result.shapes[0], (Shape{5, 2}));
  EXPECT_EQ(result.tops[0], (Values{20, 21, 0, 1, 20, 21, 20, 21, 10, 11}));
}

TEST(BatchReindex, AddsTheGradientsOfAllCopiesInDouble) {
  RunOptions options;
  options.top_diffs = {{1e8F, 1, 1, 2, -1e8F, 3}};
  LayerGradients gradients;
  RunLayer("type: 'BatchReindex'", {{4, 1}, {6}}, {Values(4), {2, 0, 2, 0, 2, 3}}, options,
           &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{3, 0, 1, 3}));
}

TEST(BatchReindex, TakesNoIndices) {
  const auto result = RunLayer("type: 'BatchReindex'", {{2, 3}, {0}}, {Values(6), {}});
  EXPECT_EQ(result.shapes[0], (Shape{0, 3}));
  const auto none = RunLayer("type: 'BatchReindex'", {{0, 3}, {0}}, std::vector<Values>(2));
  EXPECT_EQ(none.shapes[0], (Shape{0, 3}));
}

TEST(BatchReindex, ChecksEachIndex) {
  const auto refusal = [](float index) { return Refusal({{3, 2}, {4}}, {0, 1, index, 0}); };
  EXPECT_EQ(refusal(3).sample(), 2);
  const std::string of = " of sample 2 (position 0) is ",
                    range = " 0..2, as the number of items is 3";
  EXPECT_EQ(refusal(3).message(), "index 3" + of + "outside" + range);
  EXPECT_EQ(refusal(-1).message(), "index -1" + of + "outside" + range);
  EXPECT_EQ(refusal(1.9F).message(), "index 1.9" + of + "not an integer in" + range);
  EXPECT_EQ(refusal(INFINITY).message(), "index inf" + of + "outside" + range);
  EXPECT_EQ(refusal(kNan).message(), "index nan" + of + "not an integer in" + range);
}

TEST(BatchReindex, RefusesShapesThatDoNotFit) {
  EXPECT_EQ(Refusal({Shape(), {1}}, {0}).message(),
            "expects items along axis 0, but bottom 0 is a scalar");
  EXPECT_EQ(Refusal({{3, 2}, {1, 2}}, {0, 0}).message(),
            "expects indices with one axis, but bottom 1 is 1x2");
  EXPECT_EQ(Refusal({{0, 2}, {2}}, {0, 0}).message(),
            "there are 2 indices, but no items: bottom 0 is 0x2");
  EXPECT_EQ(Refusal({{(1 << 24) + 1, 0}, {1}}, {0}).message(),
            "a float cannot count the 16777217 items of bottom 0");
}

// Indices below `count`; for a batch one larger, too.
CheckOptions Indices(int64_t count, bool gradients = true) {
  CheckOptions options;
  options.input = [count](int bottom, int64_t, float random) {
    return bottom == 0 ? 2 * random - 1 : std::floor(random * static_cast<float>(count));
  };
  options.check_gradients = gradients;
  return options;
}

const ContractCases kCases("BatchReindex", {{"", {{3, 2}, {5}}, Indices(3)},
                                            {"", {{3, 2, 2}, {2}}, Indices(3)},
                                            {"", {{1, 1}, {1}}, Indices(1)},
                                            {"", {{1, 4}, {6}}, Indices(1)},
                                            {"", {{5}, {3}}, Indices(5)},
                                            {"", {{6, 2, 1, 3}, {4}}, Indices(6)},
                                            {"", {{6, 2}, {1}}, Indices(6)},
                                            {"", {{4, 3}, {0}}, Indices(4)},
                                            {"", {{0, 3}, {0}}, Indices(1)},
                                            {"", {{4, 0}, {3}}, Indices(4)},
                                            {"", {{7, 3}, {20}}, Indices(2)},
                                            {"", {{2, 1, 1, 1}, {3}}, Indices(2)},
                                            {"", {{3, 20000}, {4}}, Indices(3, false)},
                                            {"", {{500, 20}, {5000}}, Indices(500, false)}});

}  // namespace
}  // namespace moka
