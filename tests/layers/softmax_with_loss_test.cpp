// SoftmaxWithLoss: -log softmax(x)[label], summed and normalised.
#include "layers/losses.h"

namespace moka {
namespace {

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
  ExpectContains(Refusal({4, 10}, {3, 1}, Values(3)),
                 "there are 3 labels (3x1) for 4 predictions (scores of shape 4x10 with 10 classes "
                 "on axis 1)");
  ExpectContains(Refusal({4, 10, 2}, {4}, Values(4)), "there are 4 labels (4) for 8 predictions");
  ExpectContains(Refusal({4, 0}, {4}, Values(4)), "there are no classes in scores of shape 4x0");
}

// Three predictions, each class as likely as the other: each costs log 2 times its class's weight.
float WeightedLoss(const std::string& loss_param) {
  return LossOf({3, 2}, Values(6, 0.0F), {0, 0, 1}, loss_param);
}

TEST(SoftmaxWithLoss, WeighsClassesAsSegNet) {
  const std::string weights = " class_weighting: 0.5 class_weighting: 4";
  EXPECT_NEAR(WeightedLoss("weight_by_label_freqs: true" + weights), 5 * kLog2 / 3, 1e-6);
  EXPECT_NEAR(WeightedLoss("normalization: NONE" + weights), 5 * kLog2, 1e-6);
  EXPECT_NEAR(WeightedLoss("weight_by_label_freqs: false" + weights), kLog2, 1e-6);
}

// SegNet does not look at class_weighting unless weight_by_label_freqs is true.
TEST(SoftmaxWithLoss, IgnoresNoClassWeightsInSilenceUnlikeCaffe) {
  EXPECT_NEAR(WeightedLoss("class_weighting: 0.5 class_weighting: 4"), 5 * kLog2 / 3, 1e-6);
}

TEST(SoftmaxWithLoss, WeighsByHowOftenALabelIsInTheBatch) {
  EXPECT_NEAR(WeightedLoss("weight_by_label_freqs: true"), 2 * kLog2 / 3, 1e-6);
  EXPECT_NEAR(WeightedLoss("weight_by_label_freqs: true ignore_label: 1"), kLog2 / 2, 1e-6);
}

TEST(SoftmaxWithLoss, WeighsTheGradient) {
  EXPECT_EQ(GradientOf({2, 2}, Values(4, 0.0F), {0, 1}, "class_weighting: 0.5 class_weighting: 4"),
            (Values{-0.125F, 0.125F, 1, -1}));
  EXPECT_EQ(GradientOf({2, 2}, Values(4, 0.0F), {0, 1}, "class_weighting: 0 class_weighting: 4"),
            (Values{0, 0, 1, -1}));
}

TEST(SoftmaxWithLoss, SpreadsAShareOfEachLabelOverAllClasses) {
  const Values x = {0, std::log(3.0F)};  // p is 1/4, 3/4
  // 0.8 + 0.1 of the label, 0.1 of the other
  EXPECT_NEAR(LossOf({1, 2}, x, {0}, "label_smoothing: 0.2"),
              -0.9 * std::log(0.25) - 0.1 * std::log(0.75), 1e-6);
  const Values d = GradientOf({1, 2}, x, {0}, "label_smoothing: 0.2");
  EXPECT_NEAR(d[0], 0.25 - 0.9, 1e-6);
  EXPECT_NEAR(d[1], 0.75 - 0.1, 1e-6);
  EXPECT_NEAR(LossOf({1, 2}, x, {0}, "label_smoothing: 1"), -std::log(0.1875) / 2, 1e-6);
}

// NVCaffe and Intel smooth only the gradient, and give the label 1 - e, the others e/K: less than 1
// in all.
TEST(SoftmaxWithLoss, SmoothsTheLossAsWellAsTheGradientUnlikeCaffe) {
  EXPECT_NE(LossOf({1, 2}, {0, 1}, {0}, "label_smoothing: 0.2"), LossOf({1, 2}, {0, 1}, {0}));
  const Values d = GradientOf({1, 2}, {0, 1}, {0}, "label_smoothing: 0.2");
  EXPECT_NEAR(d[0] + d[1], 0, 1e-7);
}

void ExpectFieldRefused(const std::string& loss_param, const std::string& message,
                        const std::string& field) {
  const Error error = Caught([&] { LossOf({1, 2}, {0, 1}, {0}, loss_param); });
  EXPECT_EQ(error.field(), "loss_param." + field);
  ExpectContains(error.message(), message);
}

TEST(SoftmaxWithLoss, RefusesWrongWeightsAndSmoothing) {
  for (const std::string value : {"-0.5", "1.5", "nan", "inf"}) {
    ExpectFieldRefused("label_smoothing: " + value,
                       "label_smoothing must be from 0 to 1, but is " + value, "label_smoothing");
  }
  for (const std::string value : {"-1", "nan", "inf"}) {
    ExpectFieldRefused("class_weighting: 1 class_weighting: " + value,
                       "class_weighting must be 0 or more, and finite, but is " + value,
                       "class_weighting");
  }
  ExpectFieldRefused("class_weighting: 1", "class_weighting has 1 values for 2 classes",
                     "class_weighting");
}

// Rows and maps that fill vectors and more, against a sum in double.
TEST(SoftmaxWithLoss, IsTheSameForAnyNumberOfClassesAndPlaces) {
  for (const int64_t classes : {1, 2, 15, 16, 17, 33, 100}) {
    for (const int64_t places : {1, 2, 63, 64, 65, 200}) {
      const Shape shape{2, classes, places};
      Values x(static_cast<size_t>(shape.count())), labels(static_cast<size_t>(2 * places));
      for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>((i * 37) % 101) / 25 - 2;
      double expected = 0;
      for (size_t n = 0; n < labels.size(); ++n) {
        labels[n] = static_cast<float>(static_cast<int64_t>(n * 7) % classes);
        const int64_t at =
            static_cast<int64_t>(n) / places * classes * places + static_cast<int64_t>(n) % places;
        double sum = 0;
        for (int64_t c = 0; c < classes; ++c) {
          sum += std::exp(double{x[static_cast<size_t>(at + c * places)]});
        }
        const auto own = static_cast<size_t>(at + static_cast<int64_t>(labels[n]) * places);
        expected += std::log(sum) - x[own];
      }
      const double mean = expected / static_cast<double>(labels.size());
      EXPECT_NEAR(LossOf(shape, x, labels), mean, 1e-6 * (1 + mean)) << shape;
    }
  }
}

const CheckOptions k3 = LabelsIn(1, 3), k5 = LabelsIn(1, 5);
const char* const kWeights =
    "loss_param { ignore_label: 1 class_weighting: 0.5 class_weighting: 2 class_weighting: 0 }";

const ContractCases kCases(
    "SoftmaxWithLoss",
    {{"", {{4, 3}, {4}}, k3},
     {"", {{1, 1}, {1}}, LabelsIn(1, 1)},
     {"", {{1, 20}, {1}}, LabelsIn(1, 20)},
     {"", {{7, 1}, {7}}, LabelsIn(1, 1)},
     {"softmax_param { axis: -1 engine: CUDNN }", {{2, 3, 4}, {2, 3}}, LabelsIn(1, 4)},
     {"softmax_param { axis: 0 }", {{3, 5}, {5}}, k3},
     {"loss_param { ignore_label: 4 normalization: FULL }", {{2, 5, 2, 3}, {2, 1, 2, 3}}, k5},
     {"loss_param { ignore_label: 4 normalization: VALID }", {{2, 5, 2, 3}, {2, 1, 2, 3}}, k5},
     {"loss_param { ignore_label: 4 normalization: BATCH_SIZE }", {{2, 5, 2, 3}, {12}}, k5},
     {"loss_param { ignore_label: 4 normalization: NONE }", {{2, 5, 2, 3}, {2, 6}}, k5},
     {"loss_param { normalize: false }", {{2, 3, 2}, {2, 2}}, k3},
     {kWeights, {{6, 3}, {6}}, k3},
     {kWeights, {{2, 3, 5}, {2, 5}}, k3},
     {"loss_param { weight_by_label_freqs: true }", {{6, 3}, {6}}, k3},
     {"loss_param { label_smoothing: 0.2 }", {{6, 3}, {6}}, k3},
     {"loss_param { label_smoothing: 1 weight_by_label_freqs: true }", {{2, 3, 5}, {2, 5}}, k3},
     {"", {{4, 3}, {4}}, WithTops(k3, 2)},
     {"loss_param { ignore_label: 1 label_smoothing: 0.1 }",
      {{2, 3, 2, 2}, {2, 2, 2}},
      WithTops(k3, 2)},
     {"", {{0, 3}, {0}}, k3},
     {"", {{3, 2050}, {3}}, NoGradients(LabelsIn(1, 2050))},
     {"", {{3, 5, 40, 40}, {3, 40, 40}}, NoGradients(k5)},
     {"", {{3, 5, 40, 40}, {3, 40, 40}}, NoGradients(WithTops(k5, 2))}});

}  // namespace
}  // namespace moka
