// Axpy: y = a x + b, with one a for each channel of each item.
#include "layers/activation.h"
#include "layers/contract.h"

namespace moka {
namespace {

const char* const kAxpy = R"(type: "Axpy")";

TEST(Axpy, MultipliesEachChannelOfEachItemAndAdds) {
  const LayerResult result = RunLayer(kAxpy, {{2, 1, 1, 1}, {2, 1, 1, 2}, {2, 1, 1, 2}},
                                      {{2, -1}, {1, 2, 3, 4}, {10, 20, 30, 40}});
  EXPECT_EQ(result.tops[0], (Values{12, 24, 27, 36}));
  EXPECT_EQ(result.shapes[0], (Shape{2, 1, 1, 2}));
}

TEST(Axpy, GivesAllThreeTheirGradients) {
  RunOptions options;
  options.top_diffs = {{1, 2, 3, 4}};
  LayerGradients gradients;
  RunLayer(kAxpy, {{1, 2}, {1, 2, 2}, {1, 2, 2}}, {{2, -1}, {5, 6, 7, 8}, {0, 0, 0, 0}}, options,
           &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{5 + 12, 21 + 32}));
  EXPECT_EQ(gradients.bottoms[1], (Values{2, 4, -3, -4}));
  EXPECT_EQ(gradients.bottoms[2], (Values{1, 2, 3, 4}));
}

// 2^24 + 1 is no float: a sum in single precision would stay at 2^24.
TEST(Axpy, SumsTheGradientInDouble) {
  RunOptions options;
  options.top_diffs = {Values(53, 1)};
  options.top_diffs[0][0] = 16777216;
  LayerGradients gradients;
  RunLayer(kAxpy, {{1, 1}, {1, 1, 53}, {1, 1, 53}}, {{1}, Values(53, 1), Values(53, 1)}, options,
           &gradients);
  EXPECT_EQ(gradients.bottoms[0], Values{16777216 + 52});
}

void ExpectShapesRefused(const std::vector<Shape>& shapes, const std::string& words) {
  std::vector<Values> bottoms;
  for (const Shape& shape : shapes) bottoms.emplace_back(static_cast<size_t>(shape.count()), 1.0f);
  EXPECT_EQ(Caught([&] { RunLayer(kAxpy, shapes, bottoms); }).message(), words);
}

TEST(Axpy, RefusesShapesThatDoNotFit) {
  ExpectShapesRefused({{2, 3}, {2, 3, 4}, {2, 3, 5}}, "bottom 2 is 2x3x5, but bottom 1 is 2x3x4");
  const std::string words = " is not one number for each item and channel of bottom 1, ";
  ExpectShapesRefused({{2, 4}, {2, 3, 4}, {2, 3, 4}}, "bottom 0, 2x4," + words + "2x3x4");
  ExpectShapesRefused({{1, 3}, {2, 3, 4}, {2, 3, 4}}, "bottom 0, 1x3," + words + "2x3x4");
  ExpectShapesRefused({{2, 3, 4}, {2, 3, 4}, {2, 3, 4}}, "bottom 0, 2x3x4," + words + "2x3x4");
  ExpectShapesRefused({{6}, {6}, {6}}, "bottom 0, 6," + words + "6");
}

TEST(Axpy, NeedsFactorsAndMultipliedForTheGradient) {
  const LayerTraits traits = TraitsOf(R"(type: "Axpy" bottom: "a" bottom: "x" bottom: "b")");
  EXPECT_TRUE(traits.may_share(0, 1));
  EXPECT_TRUE(traits.may_share(0, 2));
  EXPECT_FALSE(traits.may_share(0, 0));
  EXPECT_TRUE(traits.bottom_gradient_reads().ReadsBottom(0));
  EXPECT_TRUE(traits.bottom_gradient_reads().ReadsBottom(1));
  EXPECT_FALSE(traits.bottom_gradient_reads().ReadsBottom(2));
}

const ContractCases kCases(
    "Axpy", {{"", {{2, 3, 1, 1}, {2, 3, 2, 2}, {2, 3, 2, 2}}},
             {"", {{2, 3}, {2, 3, 4, 5}, {2, 3, 4, 5}}},
             {"", {{1, 1}, {1, 1}, {1, 1}}},
             {"", {{4, 3}, {4, 3}, {4, 3}}},
             {"", {{1, 3, 1}, {1, 3, 7}, {1, 3, 7}}},
             {"", {{5, 1, 1, 1}, {5, 1, 2, 3}, {5, 1, 2, 3}}},
             {"", {{2, 3}, {2, 3, 1, 1}, {2, 3, 1, 1}}},
             {"", {{1, 1}, {1, 1, 50}, {1, 1, 50}}},
             {"", {{0, 3}, {0, 3, 2}, {0, 3, 2}}},
             {"", {{2, 3}, {2, 3, 0}, {2, 3, 0}}},
             {"", {{2, 2, 1, 1}, {2, 2, 17, 1}, {2, 2, 17, 1}}},
             {"", {{3, 2, 1, 1}, kSeveralPieces, kSeveralPieces}, WithoutDifferences()},
             {"", {{300, 200}, {300, 200}, {300, 200}}, WithoutDifferences()}});

}  // namespace
}  // namespace moka
