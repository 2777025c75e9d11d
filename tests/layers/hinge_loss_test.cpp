// HingeLoss: 1/N sum of max(0, 1 - s x)^k.
#include "layers/losses.h"

namespace moka {
namespace {

const std::string kL1 = "type: 'HingeLoss'", kL2 = kL1 + " hinge_loss_param { norm: L2 }";
const std::vector<Shape> kShapes = {{2, 3}, {2}};
const Values kScores = {2, -3, 0.5F, -0.5F, 0, 1};

TEST(HingeLoss, PunishesMarginsBelowOne) {
  // Missing: 0 0 1.5 of label 0; 0.5 1 0 of label 2.
  EXPECT_EQ(LossOf(kL1, kShapes, {kScores, {0, 2}}), 1.5F);
  EXPECT_EQ(LossOf(kL1 + " hinge_loss_param { norm: L1 }", kShapes, {kScores, {0, 2}}), 1.5F);
}

TEST(HingeLoss, SquaresThemForL2) { EXPECT_EQ(LossOf(kL2, kShapes, {kScores, {0, 2}}), 1.75F); }

TEST(HingeLoss, GivesScoresAGradientWhereSomethingIsMissing) {
  EXPECT_EQ(GradientsOf(kL1, kShapes, {kScores, {0, 1}}, 2)[0], (Values{0, 0, 1, 1, -1, 1}));
  EXPECT_EQ(GradientsOf(kL2, kShapes, {kScores, {0, 1}}, 2)[0], (Values{0, 0, 3, 1, -2, 4}));
}

TEST(HingeLoss, TakesAllSizesButTheFirstForClasses) {
  EXPECT_EQ(LossOf(kL1, {{2, 1, 3}, {2, 1, 1, 1}}, {kScores, {0, 2}}), 1.5F);
}

TEST(HingeLoss, IsZeroWithoutItems) { EXPECT_EQ(LossOf(kL1, {{0, 3}, {0}}, {{}, {}}), 0); }

TEST(HingeLoss, ShowsNan) {
  for (const std::string& layer : {kL1, kL2}) {
    EXPECT_TRUE(std::isnan(LossOf(layer, {{1, 2}, {1}}, {{0, kNan}, {0}})));
    EXPECT_TRUE(std::isnan(GradientsOf(layer, {{1, 2}, {1}}, {{0, kNan}, {0}})[0][1]));
  }
}

// Caffe reads and writes x[label] without a look at the label.
TEST(HingeLoss, ChecksEachLabelUnlikeCaffe) {
  ExpectRefused(kL1, kShapes, {kScores, {0, 3}},
                "label 3 of sample 1 (position 0) is outside 0..2");
  ExpectRefused(kL1, kShapes, {kScores, {-1, 0}},
                "label -1 of sample 0 (position 0) is outside 0..2");
  ExpectRefused(kL1, kShapes, {kScores, {0, 1e30F}},
                "label 1e+30 of sample 1 (position 0) is outside 0..2");
  ExpectRefused(kL1, kShapes, {kScores, {0.5F, 0}},
                "label 0.5 of sample 0 (position 0) is not an integer in 0..2");
  ExpectRefused(kL1, kShapes, {kScores, {kNan, 0}},
                "label nan of sample 0 (position 0) is not an integer in 0..2");
}

TEST(HingeLoss, RefusesAnotherNumberOfLabels) {
  ExpectRefused(kL1, {{4, 3}, {3}},
                "there are 3 labels (3) for 4 predictions (scores of shape 4x3 with 3 classes)");
  ExpectRefused(kL1, {{4, 0}, {4}}, "there are no classes in scores of shape 4x0");
}

const ContractCases kCases(
    "HingeLoss",
    {{"hinge_loss_param { norm: L2 }", {{4, 3}, {4}}, LabelsIn(1, 3)},
     {"", {{4, 3}, {4}}, LabelsIn(1, 3, -0.9F, 0.9F)},
     {"", {{4, 3}, {4}}, LabelsIn(1, 3, 1.1F, 3)},
     {"", {{1, 1}, {1}}, LabelsIn(1, 1, -0.9F, 0.9F)},
     {"", {{1, 5}, {1}}, LabelsIn(1, 5, -0.9F, 0.9F)},
     {"", {{6, 1}, {6}}, LabelsIn(1, 1, -0.9F, 0.9F)},
     {"hinge_loss_param { norm: L2 }", {{1, 1}, {1}}, LabelsIn(1, 1)},
     {"hinge_loss_param { norm: L2 }", {{6, 1}, {6}}, LabelsIn(1, 1)},
     {"hinge_loss_param { norm: L2 }", {{2, 3, 2, 2}, {2, 1, 1, 1}}, LabelsIn(1, 12)},
     {"hinge_loss_param { norm: L1 }", {{2, 3, 2}, {2, 1}}, LabelsIn(1, 6, -0.9F, 0.9F)},
     {"loss_weight: 2 hinge_loss_param { norm: L2 }", {{4, 3}, {4}}, LabelsIn(1, 3)},
     {"", {{0, 3}, {0}}, LabelsIn(1, 3)},
     {"", {{3, 7000}, {3}}, NoGradients(LabelsIn(1, 7000))}});

}  // namespace
}  // namespace moka
