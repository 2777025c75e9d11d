// FocalLoss: -alpha (1 - q)^gamma log q, of a softmax or of sigmoids.
#include "layers/losses.h"

namespace moka {
namespace {

std::string Loss(const std::string& params = "", const std::string& rest = "") {
  return "type: 'FocalLoss' focal_loss_param { " + params + " } " + rest;
}
const std::vector<Shape> kShapes = {{2, 2}, {2}}, kTargets = {{2, 2}, {2, 2}};
const float kLog2 = std::log(2.0F), kLog3 = std::log(3.0F), kLog4 = 2 * kLog2;
const Values kX = {0, 0, 0, kLog3};  // softmax: 1/2, 1/2, 1/4, 3/4; sigmoids: 1/2, 1/2, 1/2, 3/4

TEST(FocalLoss, TakesOffWhatIsPredictedWell) {
  const double first = 0.25 * kLog2, second = 1 / 16.0 * (kLog4 - kLog3);
  EXPECT_NEAR(LossOf(Loss(), kShapes, {kX, {0, 1}}), 0.25 * (first + second) / 2, 1e-7);
  EXPECT_NEAR(LossOf(Loss("alpha: 1"), kShapes, {kX, {0, 1}}), (first + second) / 2, 1e-7);
  EXPECT_NEAR(LossOf(Loss("alpha: 1 gamma: 0.5"), kShapes, {kX, {0, 1}}),
              (std::sqrt(0.5) * kLog2 + 0.5 * (kLog4 - kLog3)) / 2, 1e-7);
}

TEST(FocalLoss, IsSoftmaxWithLossForGammaZero) {
  const std::string focal = Loss("alpha: 1 gamma: 0"), softmax = "type: 'SoftmaxWithLoss'";
  EXPECT_FLOAT_EQ(LossOf(focal, kShapes, {kX, {0, 1}}), LossOf(softmax, kShapes, {kX, {0, 1}}));
  ExpectNear(GradientsOf(focal, kShapes, {kX, {0, 1}})[0],
             GradientsOf(softmax, kShapes, {kX, {0, 1}})[0], 1e-7);
}

TEST(FocalLoss, HasTheNamesOfTheForks) {
  const float expected = LossOf(Loss("alpha: 1 gamma: 3"), kShapes, {kX, {0, 1}});
  for (const std::string type : {"SoftmaxWithFocalLoss", "SoftmaxFocalLoss"}) {
    for (const std::string field : {"focal_loss_param", "softmax_focal_loss_param"}) {
      EXPECT_EQ(
          LossOf("type: '" + type + "' " + field + " { alpha: 1 gamma: 3 }", kShapes, {kX, {0, 1}}),
          expected);
    }
    EXPECT_EQ(LossOf("type: '" + type + "'", kShapes, {kX, {0, 1}}),
              LossOf(Loss(), kShapes, {kX, {0, 1}}));
  }
}

TEST(FocalLoss, TakesEachScoreOnItsOwnInTheSigmoidForm) {
  // 1 - q is 1/2, 1/2, 1/2, 1/4.
  const std::string sigmoid = Loss("form: SIGMOID", "loss_param { normalization: BATCH_SIZE }");
  EXPECT_NEAR(LossOf(sigmoid, kTargets, {kX, {1, 0, 0, 1}}),
              (0.25 * 0.25 * kLog2 + 2 * 0.75 * 0.25 * kLog2 + 0.25 / 16 * (kLog4 - kLog3)) / 2,
              1e-7);
}

TEST(FocalLoss, IsHalfOfSigmoidCrossEntropyLossForGammaZeroAndAlphaHalf) {
  const Values t = {1, 0, 0.25F, 1};
  const std::string sigmoid =
      Loss("form: SIGMOID gamma: 0 alpha: 0.5", "loss_param { normalization: BATCH_SIZE }");
  EXPECT_FLOAT_EQ(LossOf(sigmoid, kTargets, {kX, t}),
                  LossOf("type: 'SigmoidCrossEntropyLoss'", kTargets, {kX, t}) / 2);
}

TEST(FocalLoss, DividesAsNormalizationSaysAndLeavesOutTheIgnoredLabel) {
  const auto loss = [&](const std::string& params) {
    return LossOf(Loss("alpha: 4", "loss_param { ignore_label: 9 " + params + " }"), kShapes,
                  {kX, {0, 9}});
  };
  EXPECT_NEAR(loss(""), kLog2, 1e-6);
  EXPECT_NEAR(loss("normalization: FULL"), kLog2 / 2, 1e-6);
  EXPECT_NEAR(loss("normalization: NONE"), kLog2, 1e-6);
  EXPECT_NEAR(LossOf(Loss("form: SIGMOID alpha: 1", "loss_param { ignore_label: -1 }"), kTargets,
                     {kX, {1, -1, -1, -1}}),
              0.25 * kLog2, 1e-7);
}

TEST(FocalLoss, RunsAlongTheGivenAxisAndHasTheProbabilitiesAsASecondTop) {
  const auto result = RunLayer(Loss("alpha: 4", "softmax_param { axis: 0 } top: 'loss' top: 'p'"),
                               {{2, 1}, {1}}, {{0, 0}, {1}});
  EXPECT_NEAR(result.tops[0][0], kLog2, 1e-6);
  EXPECT_EQ(result.tops[1], (Values{0.5F, 0.5F}));
}

void ExpectFinite(const std::string& layer, const std::vector<Shape>& shapes,
                  const std::vector<Values>& bottoms) {
  EXPECT_TRUE(std::isfinite(LossOf(layer, shapes, bottoms))) << layer;
  const Values dx = GradientsOf(layer, shapes, bottoms)[0];
  for (const float d : dx) EXPECT_TRUE(std::isfinite(d)) << layer;
}

TEST(FocalLoss, StaysFiniteAtBothEnds) {
  for (const std::string gamma : {"0", "0.5", "2"}) {
    for (const float label : {0.0F, 1.0F}) {
      ExpectFinite(Loss("gamma: " + gamma), {{1, 2}, {1}}, {{0, -1000}, {label}});
      ExpectFinite(Loss("form: SIGMOID gamma: " + gamma), {{1, 2}, {1, 2}},
                   {{1000, -1000}, {label, label}});
    }
  }
}

TEST(FocalLoss, IsZeroWithoutItems) {
  EXPECT_EQ(LossOf(Loss(), {{0, 3}, {0}}, {{}, {}}), 0);
  EXPECT_EQ(LossOf(Loss("form: SIGMOID"), {{0, 3}, {0, 3}}, {{}, {}}), 0);
}

TEST(FocalLoss, ShowsNan) {
  EXPECT_TRUE(std::isnan(LossOf(Loss(), {{1, 2}, {1}}, {{0, kNan}, {0}})));
  EXPECT_TRUE(std::isnan(LossOf(Loss("form: SIGMOID"), {{1}, {1}}, {{kNan}, {0}})));
}

TEST(FocalLoss, ChecksEachLabel) {
  ExpectRefused(Loss(), kShapes, {kX, {0, 2}}, "label 2 of sample 1 (position 0) is outside 0..1");
  ExpectRefused(Loss(), kShapes, {kX, {kNan, 0}},
                "label nan of sample 0 (position 0) is not an integer in 0..1");
  ExpectRefused(Loss("form: SIGMOID"), kTargets, {kX, {0, 1, 1, 2}},
                "target 2 of sample 1 (position 1) is outside 0..1");
  ExpectRefused(Loss("form: SIGMOID"), kTargets, {kX, {0, 1, kNan, 0}},
                "target nan of sample 1 (position 0) is outside 0..1");
}

TEST(FocalLoss, RefusesWrongParameters) {
  for (const std::string value : {"-1", "nan", "inf"}) {
    ExpectRefused(Loss("gamma: " + value), kShapes,
                  "gamma must be 0 or more, and finite, but is " + value, "focal_loss_param.gamma");
    ExpectRefused(Loss("alpha: " + value), kShapes,
                  "alpha must be 0 or more, and finite, but is " + value, "focal_loss_param.alpha");
  }
  ExpectRefused(Loss("form: SIGMOID alpha: 2"), kTargets,
                "alpha must be from 0 to 1 in the sigmoid form, but is 2",
                "focal_loss_param.alpha");
  ExpectRefused(Loss("", "loss_param { label_smoothing: 0.1 }"), kShapes,
                "label_smoothing is for SoftmaxWithLoss only", "loss_param.label_smoothing");
  const std::string other = "type: 'SoftmaxFocalLoss' softmax_focal_loss_param { gamma: -1 }";
  ExpectRefused(other, kShapes, "gamma must be 0 or more, and finite, but is -1",
                "softmax_focal_loss_param.gamma");
  ExpectRefused("type: 'SoftmaxFocalLoss' focal_loss_param {} softmax_focal_loss_param {}", kShapes,
                "focal_loss_param and softmax_focal_loss_param are both given",
                "softmax_focal_loss_param");
}

TEST(FocalLoss, RefusesAnotherNumberOfLabelsOrTargets) {
  ExpectRefused(Loss(), {{4, 3}, {3}}, "there are 3 labels (3) for 4 predictions");
  ExpectRefused(
      Loss("form: SIGMOID"), {{4, 3}, {4}},
      "bottom 0 is 4x3 (12 scores), bottom 1 is 4 (4 targets): each score needs a target");
}

const CheckOptions k3 = LabelsIn(1, 3), kHard = LabelsIn(1, 2), kSoft = [] {
  CheckOptions options;
  options.input = [](int k, int64_t, float random) { return k == 0 ? 6 * random - 3 : random; };
  return options;
}();

const ContractCases kCases(
    "FocalLoss",
    {{"focal_loss_param { alpha: 0.5 gamma: 1.5 }", {{4, 3}, {4}}, k3},
     {"", {{4, 3}, {4}}, k3},
     {"focal_loss_param { alpha: 1 gamma: 0.5 }", {{4, 3}, {4}}, k3},
     {"focal_loss_param { alpha: 1 gamma: 0 }", {{2, 3, 2, 2}, {2, 2, 2}}, k3},
     {"softmax_param { axis: -1 }", {{2, 2, 3}, {2, 2}}, k3},
     {"", {{1, 1}, {1}}, LabelsIn(1, 1)},
     {"loss_param { ignore_label: 1 }", {{4, 3}, {4}}, k3},
     {"loss_param { ignore_label: 1 normalization: BATCH_SIZE }", {{2, 3, 4}, {2, 4}}, k3},
     {"", {{4, 3}, {4}}, WithTops(k3, 2)},
     {"", {{0, 3}, {0}}, k3},
     {"focal_loss_param { form: SIGMOID }", {{4, 3}, {4, 3}}, kHard},
     {"focal_loss_param { form: SIGMOID gamma: 0.5 alpha: 0.9 }", {{4, 3}, {4, 3}}, kSoft},
     {"focal_loss_param { form: SIGMOID gamma: 0 }", {{1, 1}, {1, 1}}, kSoft},
     {"focal_loss_param { form: SIGMOID } loss_param { ignore_label: 0 normalization: NONE }",
      {{2, 3, 2}, {12}},
      kHard},
     {"", {{3, 3, 2000}, {3, 2000}}, NoGradients(k3)},
     {"focal_loss_param { form: SIGMOID }", {{3, 3000}, {3, 3000}}, NoGradients(kHard)}});

const std::vector<ContractCase> kAliasCases = {
    {"", {{4, 3}, {4}}, k3},
    {"softmax_focal_loss_param { alpha: 0.5 gamma: 1.5 }", {{4, 3}, {4}}, k3},
    {"focal_loss_param { alpha: 0.5 gamma: 1.5 }", {{4, 3}, {4}}, k3},
    {"focal_loss_param { form: SIGMOID }", {{4, 3}, {4, 3}}, kHard},
    {"", {{2, 3, 2, 2}, {2, 2, 2}}, WithTops(k3, 2)}};
const ContractCases kWithCases("SoftmaxWithFocalLoss", kAliasCases, nullptr,
                               "another name of FocalLoss");
const ContractCases kSoftmaxCases("SoftmaxFocalLoss", kAliasCases, nullptr,
                                  "another name of FocalLoss");

}  // namespace
}  // namespace moka
