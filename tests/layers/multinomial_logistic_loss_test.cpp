// MultinomialLogisticLoss: -1/N sum log p[label].
#include "layers/losses.h"

namespace moka {
namespace {

const std::string kLoss = "type: 'MultinomialLogisticLoss'";
const std::vector<Shape> kShapes = {{2, 2}, {2}};
const Values kP = {0.5F, 0.5F, 0.25F, 0.75F};

TEST(MultinomialLogisticLoss, IsTheMeanOfMinusLogOfTheLabelsProbability) {
  EXPECT_NEAR(LossOf(kLoss, kShapes, {kP, {1, 0}}), (std::log(2) + std::log(4)) / 2, 1e-6);
}

TEST(MultinomialLogisticLoss, GivesOnlyTheLabelsProbabilityAGradient) {
  EXPECT_EQ(GradientsOf(kLoss, kShapes, {kP, {1, 0}}, 3)[0], (Values{0, -3, -6, 0}));
}

TEST(MultinomialLogisticLoss, TakesAllSizesButTheFirstForClasses) {
  EXPECT_NEAR(LossOf(kLoss, {{1, 2, 2}, {1, 1, 1, 1}}, {kP, {2}}), std::log(4), 1e-6);
}

TEST(MultinomialLogisticLoss, StaysFiniteForProbabilityZero) {
  EXPECT_NEAR(LossOf(kLoss, {{1, 2}, {1}}, {{0, 1}, {0}}), 46.0517, 1e-4);  // -log 1e-20
  EXPECT_FLOAT_EQ(GradientsOf(kLoss, {{1, 2}, {1}}, {{0, 1}, {0}})[0][0], -1e20F);
}

TEST(MultinomialLogisticLoss, IsZeroWithoutItems) {
  EXPECT_EQ(LossOf(kLoss, {{0, 3}, {0}}, {{}, {}}), 0);
}

TEST(MultinomialLogisticLoss, ShowsNan) {
  EXPECT_TRUE(std::isnan(LossOf(kLoss, {{1, 2}, {1}}, {{kNan, 1}, {0}})));
}

// Caffe reads and writes p[label] without a look at the label.
TEST(MultinomialLogisticLoss, ChecksEachLabelUnlikeCaffe) {
  ExpectRefused(kLoss, kShapes, {kP, {0, 2}}, "label 2 of sample 1 (position 0) is outside 0..1");
  ExpectRefused(kLoss, kShapes, {kP, {-1, 0}}, "label -1 of sample 0 (position 0) is outside 0..1");
  ExpectRefused(kLoss, kShapes, {kP, {0.5F, 0}},
                "label 0.5 of sample 0 (position 0) is not an integer in 0..1");
  ExpectRefused(kLoss, kShapes, {kP, {kNan, 0}},
                "label nan of sample 0 (position 0) is not an integer in 0..1");
}

TEST(MultinomialLogisticLoss, RefusesAnotherNumberOfLabels) {
  ExpectRefused(kLoss, {{4, 3}, {3}},
                "there are 3 labels (3) for 4 predictions (scores of shape 4x3 with 3 classes)");
  ExpectRefused(kLoss, {{4, 0}, {4}}, "there are no classes in scores of shape 4x0");
}

CheckOptions P(int classes) { return LabelsIn(1, classes, 0.3F, 1); }

const ContractCases kCases("MultinomialLogisticLoss",
                           {{"", {{4, 3}, {4}}, P(3)},
                            {"", {{1, 1}, {1}}, P(1)},
                            {"", {{1, 6}, {1}}, P(6)},
                            {"", {{6, 1}, {6}}, P(1)},
                            {"", {{5, 2}, {5, 1}}, P(2)},
                            {"", {{5, 2}, {1, 5}}, P(2)},
                            {"", {{2, 3, 2}, {2}}, P(6)},
                            {"", {{2, 3, 2, 2}, {2, 1, 1, 1}}, P(12)},
                            {"", {{2, 1, 2, 1, 2}, {2}}, P(4)},
                            {"loss_weight: 0.5", {{4, 3}, {4}}, P(3)},
                            {"", {{0, 3}, {0}}, P(3)},
                            {"", {{30, 40}, {30}}, P(40)},
                            {"", {{3, 9000}, {3}}, NoGradients(P(9000))}});

}  // namespace
}  // namespace moka
