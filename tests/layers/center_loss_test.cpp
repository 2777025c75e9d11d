// CenterLoss: 1/(2N) sum |x - c[label]|^2, and the update of the centers.
#include "layers/losses.h"

namespace moka {
namespace {

std::string Loss(const std::string& params = "") {
  return "type: 'CenterLoss' center_loss_param { num_output: 3 " + params + " }";
}
const std::vector<Shape> kShapes = {{3, 2}, {3}};
const Values kX = {1, 2, 3, 4, 5, 5}, kLabels = {2, 0, 2}, kCenters = {0, 0, 7, 7, 1, 1};

LayerResult RunCenters(float dy, LayerGradients* gradients) {
  RunOptions options;
  options.params = {kCenters};
  options.top_diffs = {{dy}};
  return RunLayer(Loss(), kShapes, {kX, kLabels}, options, gradients);
}

TEST(CenterLoss, IsHalfTheMeanSquaredDistanceToTheCenterOfTheLabel) {
  LayerGradients gradients;
  const LayerResult result = RunCenters(3, &gradients);
  EXPECT_EQ(result.tops[0][0], 58 / 6.0F);  // (1 + 25 + 32) / 6
  EXPECT_EQ(gradients.bottoms[0], (Values{0, 1, 3, 4, 4, 4}));
}

TEST(CenterLoss, MovesEachCenterTowardsItsSamplesOverOneMoreThanTheirNumber) {
  LayerGradients gradients;
  RunCenters(1, &gradients);
  ExpectNear(gradients.params[0], {-1.5F, -2, 0, 0, -4 / 3.0F, -5 / 3.0F});
}

TEST(CenterLoss, MovesCentersByNoMoreForALargerLossWeight) {
  LayerGradients once, often;
  RunCenters(1, &once);
  RunCenters(1000, &often);
  EXPECT_EQ(once.params[0], often.params[0]);
}

TEST(CenterLoss, FillsItsCenters) {
  const std::string filled = Loss("center_filler { type: 'constant' value: 2 }");
  EXPECT_EQ(LossOf(filled, {{1, 2}, {1}}, {{2, 5}, {1}}), 4.5F);
}

TEST(CenterLoss, TakesFeaturesFromAnAxisOn) {
  EXPECT_EQ(LossOf(Loss("axis: 2"), {{1, 3, 2}, {3}}, {kX, kLabels}), 80 / 6.0F);
  EXPECT_EQ(LossOf(Loss("axis: -1"), {{1, 3, 2}, {1, 3}}, {kX, kLabels}), 80 / 6.0F);
  EXPECT_EQ(LossOf(Loss(), {{3, 2, 1, 1}, {3}}, {kX, kLabels}), 80 / 6.0F);
}

TEST(CenterLoss, IsZeroWithoutItems) { EXPECT_EQ(LossOf(Loss(), {{0, 3}, {0}}, {{}, {}}), 0); }

TEST(CenterLoss, ShowsNan) {
  EXPECT_TRUE(std::isnan(LossOf(Loss(), {{1, 2}, {1}}, {{kNan, 0}, {0}})));
}

// Wen's layer reads and writes the center of any label.
TEST(CenterLoss, ChecksEachLabelUnlikeCaffe) {
  ExpectRefused(Loss(), kShapes, {kX, {0, 3, 1}},
                "label 3 of sample 1 (position 0) is outside 0..2", "center_loss_param.num_output");
  ExpectRefused(Loss(), kShapes, {kX, {-1, 0, 1}},
                "label -1 of sample 0 (position 0) is outside 0..2",
                "center_loss_param.num_output");
  ExpectRefused(Loss(), kShapes, {kX, {0, 0, 0.5F}},
                "label 0.5 of sample 2 (position 0) is not an integer in 0..2",
                "center_loss_param.num_output");
  ExpectRefused(Loss(), kShapes, {kX, {0, 0, kNan}},
                "label nan of sample 2 (position 0) is not an integer in 0..2",
                "center_loss_param.num_output");
}

TEST(CenterLoss, RefusesWrongParameters) {
  ExpectRefused("type: 'CenterLoss'", kShapes, "num_output is missing", "center_loss_param");
  ExpectRefused("type: 'CenterLoss' center_loss_param { num_output: 0 }", kShapes,
                "num_output is 0; it must be at least 1", "center_loss_param.num_output");
  ExpectRefused(Loss("axis: 3"), kShapes, "axis 3 is out of range for shape 3x2",
                "center_loss_param.axis");
  ExpectRefused(Loss("center_filler { type: 'gaussian' std: -1 }"), kShapes, "std",
                "center_loss_param.center_filler.std");
}

TEST(CenterLoss, RefusesBottomsThatDoNotMatch) {
  ExpectRefused(
      Loss(), {{3, 2}, {4}},
      "there are 4 labels (4) for 3 samples (bottom 0 is 3x2 with features from axis 1 on)");
  ExpectRefused(Loss(), {{3, 0}, {3}}, "has no features: the bottom is 3x0");
}

// The centers' update is no derivative, so gradients are not compared with differences here.
ContractCase Case(const std::string& params, const std::vector<Shape>& shapes, int classes) {
  return {"center_loss_param { num_output: " + std::to_string(classes) + " " + params + " }",
          shapes, NoGradients(LabelsIn(1, classes))};
}

const ContractCases kCases("CenterLoss",
                           {Case("", {{4, 3}, {4}}, 5), Case("", {{1, 1}, {1}}, 1),
                            Case("", {{1, 6}, {1}}, 3), Case("", {{6, 1}, {6}}, 2),
                            Case("", {{9, 4}, {9}}, 1), Case("", {{2, 3, 2, 2}, {2, 1, 1, 1}}, 4),
                            Case("axis: 2", {{2, 3, 4}, {2, 3}}, 4),
                            Case("axis: -1", {{2, 3, 4}, {6}}, 4), Case("axis: 0", {{7}, {1}}, 4),
                            Case("center_filler { type: 'gaussian' std: 0.5 }", {{4, 3}, {4}}, 5),
                            Case("", {{5, 130}, {5}}, 3), Case("", {{0, 3}, {0}}, 3),
                            Case("", {{40, 1200}, {40}}, 30)});

}  // namespace
}  // namespace moka
