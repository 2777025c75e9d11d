// SoftmaxWithLoss: -log softmax(x)[label], summed and normalised.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "caught.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kLog2 = 0.69314718F;

std::string Loss(const std::string& loss_param = "", const std::string& rest = "") {
  return "type: 'SoftmaxWithLoss' loss_param { " + loss_param + " } " + rest;
}

float LossOf(const Shape& shape, const Values& x, const Values& labels,
             const std::string& loss_param = "") {
  const Shape label_shape{static_cast<int64_t>(labels.size())};
  return RunLayer(Loss(loss_param), {shape, label_shape}, {x, labels}).tops[0][0];
}

// The gradient of the scores where the loss has gradient 1.
Values GradientOf(const Shape& shape, const Values& x, const Values& labels,
                  const std::string& loss_param = "") {
  RunOptions options;
  options.top_diffs = {{1}};
  LayerGradients gradients;
  const Shape label_shape{static_cast<int64_t>(labels.size())};
  RunLayer(Loss(loss_param), {shape, label_shape}, {x, labels}, options, &gradients);
  return gradients.bottoms[0];
}

std::string Refusal(const Shape& shape, const Shape& label_shape, const Values& labels,
                    const std::string& loss_param = "") {
  const Values x(static_cast<size_t>(shape.count()), 0.0F);
  const Error error = Caught([&] {
    RunLayer(Loss(loss_param), {shape, label_shape}, {x, labels});
  });
  return error.message();
}

void ExpectContains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(SoftmaxWithLoss, IsTheMeanOfMinusLogOfTheLabelsProbability) {
  EXPECT_NEAR(LossOf({2, 3}, Values(6, 0.0F), {0, 2}), 1.0986123, 1e-6);
  EXPECT_NEAR(LossOf({1, 3}, {1, 2, 3}, {2}), 0.4076060, 1e-6);
  EXPECT_NEAR(LossOf({2, 3}, {1, 2, 3, 1, 2, 3}, {2, 0}), (0.4076060 + 2.4076060) / 2, 1e-6);
}

TEST(SoftmaxWithLoss, TakesALabelForEachPlaceOfAMap) {
  // 1 sample, 2 classes, 2 places: the second place has scores 0 and log 3.
  const Values x = {0, 0, 0, std::log(3.0F)};
  EXPECT_NEAR(LossOf({1, 2, 2}, x, {0, 1}), (kLog2 - std::log(0.75)) / 2, 1e-6);
  EXPECT_NEAR(LossOf({1, 2, 2}, x, {0, 0}), (kLog2 - std::log(0.25)) / 2, 1e-6);
}

TEST(SoftmaxWithLoss, RunsAlongTheGivenAxis) {
  const auto result = RunLayer(Loss("", "softmax_param { axis: 0 }"), {{2, 2}, {2}},
                               {{0, 0, 0, std::log(3.0F)}, {0, 1}});
  EXPECT_NEAR(result.tops[0][0], (kLog2 - std::log(0.75)) / 2, 1e-6);
}

TEST(SoftmaxWithLoss, TakesLabelsOfCaffesShape) {
  const auto result = RunLayer(Loss(), {{2, 2}, {2, 1, 1, 1}}, {Values(4), {0, 1}});
  EXPECT_NEAR(result.tops[0][0], kLog2, 1e-6);
  EXPECT_EQ(result.shapes[0], Shape());
}

// Two samples of two places each; every prediction that counts costs log 2, one of the four is
// ignored.
float NormalisedLoss(const std::string& loss_param) {
  return LossOf({2, 2, 2}, Values(8, 0.0F), {0, 1, 255, 1}, "ignore_label: 255 " + loss_param);
}

TEST(SoftmaxWithLoss, DividesAsNormalizationSays) {
  EXPECT_NEAR(NormalisedLoss(""), kLog2, 1e-6);
  EXPECT_NEAR(NormalisedLoss("normalization: VALID"), kLog2, 1e-6);
  EXPECT_NEAR(NormalisedLoss("normalization: FULL"), 3 * kLog2 / 4, 1e-6);
  EXPECT_NEAR(NormalisedLoss("normalization: BATCH_SIZE"), 3 * kLog2 / 2, 1e-6);
  EXPECT_NEAR(NormalisedLoss("normalization: NONE"), 3 * kLog2, 1e-6);
}

TEST(SoftmaxWithLoss, UnderstandsTheOldNormalize) {
  EXPECT_NEAR(NormalisedLoss("normalize: true"), kLog2, 1e-6);
  EXPECT_NEAR(NormalisedLoss("normalize: false"), 3 * kLog2 / 2, 1e-6);
  EXPECT_NEAR(NormalisedLoss("normalize: false normalization: FULL"), 3 * kLog2 / 4, 1e-6);
}

TEST(SoftmaxWithLoss, IsZeroWhenNothingCounts) {
  EXPECT_EQ(LossOf({2, 2}, {1, 2, 3, 4}, {-1, -1}, "ignore_label: -1"), 0);
  EXPECT_EQ(GradientOf({2, 2}, {1, 2, 3, 4}, {-1, -1}, "ignore_label: -1"), Values(4, 0.0F));
  EXPECT_EQ(LossOf({0, 2}, {}, {}), 0);
}

TEST(SoftmaxWithLoss, GivesTheScoresProbabilityMinusOneAtTheLabel) {
  EXPECT_EQ(GradientOf({2, 2}, Values(4, 0.0F), {0, 1}), (Values{-0.25F, 0.25F, 0.25F, -0.25F}));
  EXPECT_EQ(GradientOf({2, 2}, Values(4, 0.0F), {0, 1}, "normalization: NONE"),
            (Values{-0.5F, 0.5F, 0.5F, -0.5F}));
}

TEST(SoftmaxWithLoss, GivesIgnoredPredictionsNoGradient) {
  EXPECT_EQ(GradientOf({2, 2}, Values(4, 0.0F), {7, 1}, "ignore_label: 7"),
            (Values{0, 0, 0.5F, -0.5F}));
  EXPECT_EQ(GradientOf({2, 2}, {kNan, 0, 0, 0}, {7, 1}, "ignore_label: 7"),
            (Values{0, 0, 0.5F, -0.5F}));
}

TEST(SoftmaxWithLoss, HasTheProbabilitiesAsASecondTop) {
  const auto result = RunLayer(Loss("", "top: 'loss' top: 'p'"), {{2, 2}, {2}},
                               {{0, std::log(3.0F), 4, 4}, {0, 1}});
  EXPECT_EQ(result.shapes[1], (Shape{2, 2}));
  EXPECT_NEAR(result.tops[0][0], (-std::log(0.25) + kLog2) / 2, 1e-6);
  EXPECT_NEAR(result.tops[1][0], 0.25, 1e-6);
  EXPECT_NEAR(result.tops[1][1], 0.75, 1e-6);
  EXPECT_EQ(result.tops[1][2], 0.5F);
}

TEST(SoftmaxWithLoss, StaysFiniteWhereTheProbabilityUnderflows) {
  EXPECT_NEAR(LossOf({1, 2}, {0, -1000}, {1}), 87.336545, 1e-4);  // -log of the smallest float
}

TEST(SoftmaxWithLoss, ShowsNan) {
  EXPECT_TRUE(std::isnan(LossOf({2, 2}, {0, kNan, 0, 0}, {0, 0})));
  EXPECT_TRUE(std::isnan(GradientOf({2, 2}, {0, kNan, 0, 0}, {0, 0})[0]));
}

TEST(SoftmaxWithLoss, RefusesLabelsThatAreNoClass) {
  ExpectContains(Refusal({4, 10}, {4}, {0, 9, 1, 12}),
                 "label 12 of sample 3 (position 0) is outside 0..9");
  ExpectContains(Refusal({2, 10}, {2}, {0, -1}),
                 "label -1 of sample 1 (position 0) is outside 0..9");
  ExpectContains(Refusal({2, 3, 2, 2}, {2, 2, 2}, {0, 1, 2, 0, 1, 2, 3, 0}),
                 "label 3 of sample 1 (position 2) is outside 0..2");
  ExpectContains(Refusal({1, 10}, {1}, {2.5F}),
                 "label 2.5 of sample 0 (position 0) is not an integer in 0..9");
  ExpectContains(Refusal({1, 10}, {1}, {kNan}),
                 "label nan of sample 0 (position 0) is not an integer in 0..9");
  ExpectContains(Refusal({2, 10}, {2}, {255, 254}, "ignore_label: 255"),
                 "label 254 of sample 1 (position 0) is outside 0..9");
}

TEST(SoftmaxWithLoss, NamesTheFirstBadLabelOfMany) {
  Values labels(10000, 1.0F);
  labels[7000] = 11;
  labels[9000] = 12;
  ExpectContains(Refusal({10000, 10}, {10000}, labels),
                 "label 11 of sample 7000 (position 0) is outside 0..9");
}

TEST(SoftmaxWithLoss, RefusesAnotherNumberOfLabels) {
  ExpectContains(
      Refusal({4, 10}, {3, 1}, Values(3)),
      "there are 3 labels (3x1) for 4 predictions (scores of shape 4x10 with 10 classes)");
  ExpectContains(Refusal({4, 10, 2}, {4}, Values(4)), "there are 4 labels (4) for 8 predictions");
  ExpectContains(Refusal({4, 0}, {4}, Values(4)), "there are no classes in scores of shape 4x0");
}

CheckOptions ClassLabels(int classes) {
  CheckOptions options;
  options.input = [classes](int bottom, int64_t, float random) {
    return bottom == 0 ? 4 * random - 2 : std::floor(random * static_cast<float>(classes));
  };
  return options;
}

TEST(SoftmaxWithLoss, KeepsTheLayerContract) {
  EXPECT_TRUE(CheckLayer(Loss(), {{4, 3}, {4}}, ClassLabels(3)));
  EXPECT_TRUE(CheckLayer(Loss(), {{1, 1}, {1}}, ClassLabels(1)));
  EXPECT_TRUE(
      CheckLayer(Loss("", "softmax_param { axis: -1 }"), {{2, 3, 4}, {2, 3}}, ClassLabels(4)));
  for (const char* mode : {"FULL", "VALID", "BATCH_SIZE", "NONE"}) {
    EXPECT_TRUE(CheckLayer(Loss("ignore_label: 4 normalization: " + std::string(mode)),
                           {{2, 5, 2, 3}, {2, 1, 2, 3}}, ClassLabels(5)))
        << mode;
  }
}

TEST(SoftmaxWithLoss, KeepsTheLayerContractWithProbabilities) {
  CheckOptions options = ClassLabels(3);
  options.tops = 2;
  EXPECT_TRUE(CheckLayer(Loss(), {{4, 3}, {4}}, options));
  EXPECT_TRUE(CheckLayer(Loss("ignore_label: 1"), {{2, 3, 2, 2}, {2, 2, 2}}, options));
}

TEST(SoftmaxWithLoss, KeepsTheLayerContractInSeveralPieces) {
  EXPECT_TRUE(CheckLayer(Loss(), {{3, 2050}, {3}}, ClassLabels(2050)));
}

}  // namespace
}  // namespace moka
