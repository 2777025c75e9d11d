// Accuracy: the share of right predictions.
#include "layers/losses.h"

namespace moka {
namespace {

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

const CheckOptions k5 = LabelsIn(1, 5);

const ContractCases kCases(
    "Accuracy",
    {{"accuracy_param { top_k: 2 ignore_label: 4 }", {{20, 5}, {20}}, k5},
     {"", {{4, 5}, {4}}, k5},
     {"", {{1, 1}, {1}}, LabelsIn(1, 1)},
     {"", {{1, 5}, {1}}, k5},
     {"", {{6, 1}, {6}}, LabelsIn(1, 1)},
     {"accuracy_param { top_k: 5 }", {{4, 5}, {4}}, k5},
     {"accuracy_param { axis: 0 }", {{5, 3}, {3}}, k5},
     {"accuracy_param { axis: -1 }", {{2, 3, 5}, {2, 3}}, k5},
     {"accuracy_param { ignore_label: -1 }", {{2, 5, 3}, {2, 3}}, k5},
     {"", {{4, 5, 1, 1}, {4, 1, 1, 1}}, k5},
     {"accuracy_param { top_k: 2 ignore_label: 4 }", {{2, 5, 3, 4}, {2, 1, 3, 4}}, WithTops(k5, 2)},
     {"", {{4, 5}, {4}}, WithTops(k5, 2)},
     {"", {{0, 5}, {0}}, WithTops(k5, 2)},
     {"", {{3000, 5}, {3000}}, k5}});

}  // namespace
}  // namespace moka
