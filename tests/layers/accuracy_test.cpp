// Accuracy: the share of right predictions.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "caught.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

LayerResult RunAccuracy(const Shape& shape, const Values& x, const Values& labels,
                        const std::string& params = "", const std::string& tops = "") {
  const Shape label_shape{static_cast<int64_t>(labels.size())};
  return RunLayer("type: 'Accuracy' accuracy_param { " + params + " } " + tops,
                  {shape, label_shape}, {x, labels});
}

float AccuracyOf(const Shape& shape, const Values& x, const Values& labels,
                 const std::string& params = "") {
  return RunAccuracy(shape, x, labels, params).tops[0][0];
}

// Four samples whose best class is 0, 1, 2, 2 and second best 1, 2, 1, 0.
const Values kScores = {3, 2, 1, 1, 3, 2, 1, 2, 3, 2, 1, 3};

TEST(Accuracy, IsTheShareOfSamplesWhoseLabelScoresBest) {
  EXPECT_EQ(AccuracyOf({4, 3}, kScores, {0, 1, 2, 2}), 1);
  EXPECT_EQ(AccuracyOf({4, 3}, kScores, {0, 1, 2, 0}), 0.75F);
  EXPECT_EQ(AccuracyOf({4, 3}, kScores, {1, 2, 1, 0}), 0);
}

TEST(Accuracy, CountsTheTopK) {
  EXPECT_EQ(AccuracyOf({4, 3}, kScores, {1, 2, 1, 0}, "top_k: 2"), 1);
  EXPECT_EQ(AccuracyOf({4, 3}, kScores, {2, 2, 1, 1}, "top_k: 2"), 0.5F);
  EXPECT_EQ(AccuracyOf({4, 3}, kScores, {2, 0, 0, 1}, "top_k: 3"), 1);
}

TEST(Accuracy, TakesAnEqualScoreElsewhereForABetterOne) {
  EXPECT_EQ(AccuracyOf({1, 3}, {1, 1, 1}, {0}), 0);
  EXPECT_EQ(AccuracyOf({1, 3}, {2, 2, 1}, {0}), 0);
  EXPECT_EQ(AccuracyOf({1, 3}, {2, 2, 1}, {0}, "top_k: 2"), 1);
}

TEST(Accuracy, NeverTakesNanForRight) {
  EXPECT_EQ(AccuracyOf({1, 3}, {kNan, 1, 1}, {0}), 0);
  EXPECT_EQ(AccuracyOf({1, 3}, {kNan, kNan, kNan}, {0}, "top_k: 3"), 0);
  EXPECT_EQ(AccuracyOf({1, 3}, {kNan, 1, 0}, {1}), 0);
}

TEST(Accuracy, TakesALabelForEachPlaceOfAMap) {
  // Classes x places: the best class is 0, 1, 1.
  const Values x = {2, 0, 0, 1, 1, 1};
  EXPECT_EQ(AccuracyOf({1, 2, 3}, x, {0, 1, 1}), 1);
  EXPECT_FLOAT_EQ(AccuracyOf({1, 2, 3}, x, {0, 0, 1}), 2 / 3.0F);
  EXPECT_EQ(AccuracyOf({2, 3}, x, {0, 1, 1}, "axis: 0"), 1);
  EXPECT_EQ(AccuracyOf({2, 3}, x, {0, 1, 1}, "axis: -2"), 1);
}

TEST(Accuracy, LeavesOutTheIgnoredLabel) {
  EXPECT_EQ(AccuracyOf({4, 3}, kScores, {0, 255, 255, 0}, "ignore_label: 255"), 0.5F);
  EXPECT_EQ(AccuracyOf({4, 3}, kScores, {0, 0, 0, 0}, "ignore_label: 0"), 0);
}

TEST(Accuracy, HasThatOfEachClassAsASecondTop) {
  const auto result = RunAccuracy({4, 3}, kScores, {0, 1, 2, 1}, "", "top: 'all' top: 'each'");
  EXPECT_EQ(result.tops[0], Values{0.75F});
  EXPECT_EQ(result.tops[1], (Values{1, 0.5F, 1}));
  EXPECT_EQ(result.shapes[1], Shape{3});
}

TEST(Accuracy, IsZeroForAClassWithoutSamples) {
  const auto result = RunAccuracy({4, 3}, kScores, {0, 0, 2, 2}, "", "top: 'all' top: 'each'");
  EXPECT_EQ(result.tops[1], (Values{0.5F, 0, 1}));
}

TEST(Accuracy, TakesNoItems) { EXPECT_EQ(AccuracyOf({0, 3}, {}, {}), 0); }

TEST(Accuracy, RefusesAnImpossibleTopK) {
  const Error large = Caught([] { AccuracyOf({1, 10}, Values(10), {0}, "top_k: 11"); });
  EXPECT_NE(large.message().find("top_k 11 is larger than the number of classes, 10"),
            std::string::npos);
  EXPECT_EQ(large.field(), "accuracy_param.top_k");
  const Error zero = Caught([] { AccuracyOf({1, 10}, Values(10), {0}, "top_k: 0"); });
  EXPECT_NE(zero.message().find("top_k is 0; it must be at least 1"), std::string::npos);
}

TEST(Accuracy, RefusesLabelsThatAreNoClass) {
  const Error error = Caught([] { AccuracyOf({4, 3}, kScores, {0, 1, 2, 3}); });
  EXPECT_NE(error.message().find("label 3 of sample 3 (position 0) is outside 0..2"),
            std::string::npos)
      << error.message();
  const Error count = Caught([] { AccuracyOf({4, 3}, kScores, {0, 1, 2}); });
  EXPECT_NE(count.message().find("there are 3 labels (3) for 4 predictions"), std::string::npos);
}

TEST(Accuracy, RefusesAnAxisThatIsNotThere) {
  const Error error = Caught([] { AccuracyOf({4, 3}, kScores, {0, 1, 2, 0}, "axis: 4"); });
  EXPECT_NE(error.message().find("axis 4 is out of range for shape 4x3"), std::string::npos);
  EXPECT_EQ(error.field(), "accuracy_param.axis");
}

TEST(Accuracy, KeepsTheLayerContract) {
  CheckOptions options;
  options.input = [](int bottom, int64_t, float random) {
    return bottom == 0 ? random : std::floor(random * 5);
  };
  const std::string accuracy = "type: 'Accuracy' accuracy_param { top_k: 2 ignore_label: 4 }";
  EXPECT_TRUE(CheckLayer(accuracy, {{20, 5}, {20}}, options));
  EXPECT_TRUE(CheckLayer("type: 'Accuracy'", {{3000, 5}, {3000}}, options));
  options.tops = 2;
  EXPECT_TRUE(CheckLayer(accuracy, {{2, 5, 3, 4}, {2, 1, 3, 4}}, options));
}

}  // namespace
}  // namespace moka
