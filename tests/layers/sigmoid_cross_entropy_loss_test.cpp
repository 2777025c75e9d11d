// SigmoidCrossEntropyLoss: 1/Z sum of -t log p - (1 - t) log(1 - p), p = 1 / (1 + exp(-x)).
#include "layers/losses.h"

namespace moka {
namespace {

constexpr float kLog2 = 0.69314718F, kLog3 = 1.0986123F, kLog4 = 2 * kLog2;

std::string Loss(const std::string& params = "") {
  return "type: 'SigmoidCrossEntropyLoss' loss_param { " + params + " }";
}
const std::vector<Shape> kShapes = {{2, 2}, {2, 2}};

TEST(SigmoidCrossEntropyLoss, IsTheSumOverTheSamples) {
  // p is 1/2 or 3/4.
  EXPECT_NEAR(LossOf(Loss(), kShapes, {{0, 0, kLog3, kLog3}, {0, 1, 1, 0}}),
              (2 * kLog2 + (kLog4 - kLog3) + kLog4) / 2, 1e-6);
}

TEST(SigmoidCrossEntropyLoss, TakesTargetsBetweenAndBeyondZeroAndOne) {
  EXPECT_NEAR(LossOf(Loss(), {{1, 1}, {1, 1}}, {{kLog3}, {0.5F}}), (kLog4 - kLog3) / 2 + kLog4 / 2,
              1e-6);
  EXPECT_NEAR(LossOf(Loss(), {{1, 1}, {1, 1}}, {{kLog3}, {2}}), kLog4 - 2 * kLog3, 1e-6);
  EXPECT_NEAR(LossOf(Loss(), {{1, 1}, {1, 1}}, {{kLog3}, {-1}}), kLog4 + kLog3, 1e-6);
}

TEST(SigmoidCrossEntropyLoss, GivesScoresTheirProbabilityMinusTheTarget) {
  ExpectNear(GradientsOf(Loss(), kShapes, {{0, 0, kLog3, kLog3}, {0, 1, 1, 0.5F}}, 2)[0],
             {0.5F, -0.5F, -0.25F, 0.25F});
}

TEST(SigmoidCrossEntropyLoss, IsStableFarFromZero) {
  EXPECT_EQ(LossOf(Loss(), {{1, 4}, {1, 4}}, {{1000, -1000, 1000, -1000}, {1, 0, 0, 1}}), 2000);
  EXPECT_EQ(GradientsOf(Loss(), {{1, 4}, {1, 4}}, {{1000, -1000, 1000, -1000}, {1, 0, 0, 1}})[0],
            (Values{0, 0, 1, -1}));
}

// Two samples of two places each; each score costs log 2, one of the four is ignored.
float Normalised(const std::string& params) {
  return LossOf(Loss("ignore_label: -1 " + params), kShapes, {Values(4, 0.0F), {0, 1, -1, 1}});
}

TEST(SigmoidCrossEntropyLoss, DividesByTheSamplesUnlessNormalizationSaysOtherwise) {
  EXPECT_NEAR(Normalised(""), 3 * kLog2 / 2, 1e-6);
  EXPECT_NEAR(Normalised("normalization: BATCH_SIZE"), 3 * kLog2 / 2, 1e-6);
  EXPECT_NEAR(Normalised("normalization: VALID"), kLog2, 1e-6);
  EXPECT_NEAR(Normalised("normalization: FULL"), 3 * kLog2 / 4, 1e-6);
  EXPECT_NEAR(Normalised("normalization: NONE"), 3 * kLog2, 1e-6);
  EXPECT_NEAR(Normalised("normalize: true"), kLog2, 1e-6);
  EXPECT_NEAR(Normalised("normalize: false"), 3 * kLog2 / 2, 1e-6);
  EXPECT_NEAR(Normalised("normalize: true normalization: NONE"), 3 * kLog2, 1e-6);
}

TEST(SigmoidCrossEntropyLoss, GivesIgnoredTargetsNoGradient) {
  EXPECT_EQ(GradientsOf(Loss("ignore_label: 7"), kShapes, {{kNan, 0, 0, 0}, {7, 0, 7, 1}})[0],
            (Values{0, 0.25F, 0, -0.25F}));
}

// Caffe compares the target cut to an integer: ignore_label: 0 ignored 0.7.
TEST(SigmoidCrossEntropyLoss, IgnoresOnlyTargetsEqualToIgnoreLabelUnlikeCaffe) {
  EXPECT_NEAR(LossOf(Loss("ignore_label: 0"), {{1, 2}, {1, 2}}, {{0, 0}, {0.7F, 0}}), kLog2, 1e-6);
}

TEST(SigmoidCrossEntropyLoss, IsZeroWhenNothingCounts) {
  EXPECT_EQ(LossOf(Loss(), {{0, 3}, {0, 3}}, {{}, {}}), 0);
  EXPECT_EQ(LossOf(Loss("ignore_label: 1 normalization: VALID"), {{2}, {2}}, {{3, 4}, {1, 1}}), 0);
}

TEST(SigmoidCrossEntropyLoss, ShowsNan) {
  EXPECT_TRUE(std::isnan(LossOf(Loss(), {{2}, {2}}, {{0, kNan}, {0, 0}})));
  EXPECT_TRUE(std::isnan(LossOf(Loss(), {{2}, {2}}, {{0, 0}, {0, kNan}})));
  EXPECT_TRUE(std::isnan(GradientsOf(Loss(), {{2}, {2}}, {{0, kNan}, {0, 0}})[0][1]));
}

TEST(SigmoidCrossEntropyLoss, RefusesAnotherNumberOfTargets) {
  ExpectRefused(Loss(), {{2, 3}, {2, 2}},
                "bottom 0 is 2x3 (6 scores), bottom 1 is 2x2 (4 targets): each score needs a "
                "target");
}

TEST(SigmoidCrossEntropyLoss, RefusesWhatIsForSoftmaxWithLoss) {
  ExpectRefused(Loss("label_smoothing: 0.1"), kShapes,
                "label_smoothing is for SoftmaxWithLoss only", "loss_param.label_smoothing");
  ExpectRefused(Loss("weight_by_label_freqs: true"), kShapes,
                "weight_by_label_freqs is for SoftmaxWithLoss only",
                "loss_param.weight_by_label_freqs");
  ExpectRefused(Loss("class_weighting: 1"), kShapes, "class_weighting is for SoftmaxWithLoss only",
                "loss_param.class_weighting");
}

const CheckOptions kSoft = [] {
  CheckOptions options;
  options.input = [](int k, int64_t, float random) {
    return k == 0 ? 6 * random - 3 : 1.4F * random - 0.2F;
  };
  return options;
}();
const CheckOptions kHard = LabelsIn(1, 3, -3, 3);  // targets 0, 1 and 2

const ContractCases kCases(
    "SigmoidCrossEntropyLoss",
    {{"", {{4, 3}, {4, 3}}, kSoft},
     {"", {{1, 1}, {1, 1}}, kSoft},
     {"", {{1, 7}, {1, 7}}, kSoft},
     {"", {{5}, {5}}, kSoft},
     {"", {{2, 3, 2}, {2, 6}}, kSoft},
     {"", {{2, 3, 2, 2}, {24}}, kSoft},
     {"loss_param { ignore_label: 2 }", {{4, 3}, {4, 3}}, kHard},
     {"loss_param { ignore_label: 1 normalization: VALID }", {{4, 3}, {4, 3}}, kHard},
     {"loss_param { ignore_label: 0 normalization: FULL }", {{4, 3}, {4, 3}}, kHard},
     {"loss_param { ignore_label: 2147483647 normalization: NONE }", {{2, 3}, {2, 3}}, kHard},
     {"loss_param { normalize: true }", {{2, 3, 2, 2}, {2, 3, 2, 2}}, kSoft},
     {"loss_param { normalize: false }", {{2, 3}, {2, 3}}, kSoft},
     {"", {{0, 3}, {0, 3}}, kSoft},
     {"loss_param { ignore_label: 2 }", {{3, 3000}, {3, 3000}}, NoGradients(kHard)}});

}  // namespace
}  // namespace moka
