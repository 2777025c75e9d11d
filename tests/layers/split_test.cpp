// Split: each top is the bottom, the gradients add up.
#include <gtest/gtest.h>

#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;

TEST(Split, GivesEachTopTheValuesOfTheBottom) {
  const auto result = RunLayer("type: 'Split' top: 'a' top: 'b' top: 'c'",
                               std::vector<Shape>{{2, 2}}, {{1, 2, 3, 4}});
  ASSERT_EQ(result.tops.size(), 3U);
  for (const Values& top : result.tops) EXPECT_EQ(top, (Values{1, 2, 3, 4}));
  EXPECT_EQ(result.shapes[2], (Shape{2, 2}));
}

TEST(Split, SumsTheGradientsInTheOrderOfTheTops) {
  RunOptions options;
  // 1 is lost in 1e8; added last it would not be.
  options.top_diffs = {{1, 1}, {1e8F, 2}, {-1e8F, 3}};
  LayerGradients gradients;
  RunLayer("type: 'Split' top: 'a' top: 'b' top: 'c'", {{2}}, {{7, 7}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{0, 6}));
}

TEST(Split, PassesTheGradientOfASingleTopOn) {
  RunOptions options;
  options.top_diffs = {{1, 2}};
  LayerGradients gradients;
  RunLayer("type: 'Split' top: 'a'", {{2}}, {{7, 7}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{1, 2}));
}

TEST(Split, KeepsTheLayerContract) {
  for (const int tops : {1, 2, 3}) {
    CheckOptions options;
    options.tops = tops;
    EXPECT_TRUE(CheckLayer("type: 'Split'", {{2, 3, 4}}, options)) << tops << " tops";
    EXPECT_TRUE(CheckLayer("type: 'Split'", {{3, 7000}}, options)) << "several pieces of work";
  }
}

}  // namespace
}  // namespace moka
