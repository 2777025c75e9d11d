// ContrastiveLoss: 1/(2N) sum of d^2, or of max(margin - d, 0)^2.
#include "layers/losses.h"

namespace moka {
namespace {

std::string Loss(const std::string& params = "") {
  return "type: 'ContrastiveLoss' contrastive_loss_param { " + params + " }";
}
const std::vector<Shape> kShapes = {{2, 2}, {2, 2}, {2}};
const Values kA = {3, 4, 1, 0}, kB = {0, 0, 1, 2};  // distances 5 and 2

TEST(ContrastiveLoss, PullsSimilarPairsTogether) {
  EXPECT_EQ(LossOf(Loss(), kShapes, {kA, kB, {1, 1}}), 7.25F);  // (25 + 4) / 4
  const auto d = GradientsOf(Loss(), kShapes, {kA, kB, {1, 1}}, 2);
  EXPECT_EQ(d[0], (Values{3, 4, 0, -2}));
  EXPECT_EQ(d[1], (Values{-3, -4, 0, 2}));
}

TEST(ContrastiveLoss, PushesOthersApartToTheMargin) {
  EXPECT_EQ(LossOf(Loss(), kShapes, {kA, kB, {0, 0}}), 0);
  EXPECT_EQ(LossOf(Loss("margin: 6"), kShapes, {kA, kB, {0, 0}}), 4.25F);  // (1 + 16) / 4
  ExpectNear(GradientsOf(Loss("margin: 6"), kShapes, {kA, kB, {0, 0}}, 2)[0], {-0.6F, -0.8F, 0, 4});
}

TEST(ContrastiveLoss, HasCaffesFirstVersion) {
  const std::string legacy = Loss("margin: 6 legacy_version: true");
  EXPECT_EQ(LossOf(legacy, kShapes, {kA, kB, {0, 0}}), 0.5F);  // (0 + 2) / 4
  EXPECT_EQ(GradientsOf(legacy, kShapes, {kA, kB, {0, 0}}, 2)[0], (Values{0, 0, 0, 2}));
}

// Caffe divides by d + 0.0001, a wrong gradient for near pairs.
TEST(ContrastiveLoss, HasTheExactGradientForNearPairsUnlikeCaffe) {
  ExpectNear(GradientsOf(Loss(), {{1, 1}, {1, 1}, {1}}, {{1e-4F}, {0}, {0}})[0], {-0.9999F}, 1e-6);
}

TEST(ContrastiveLoss, GivesEqualOnesNoDirection) {
  EXPECT_EQ(LossOf(Loss("margin: 2"), {{1, 2}, {1, 2}, {1}}, {{3, 4}, {3, 4}, {0}}), 2);
  EXPECT_EQ(GradientsOf(Loss("margin: 2"), {{1, 2}, {1, 2}, {1}}, {{3, 4}, {3, 4}, {0}})[0],
            (Values{0, 0}));
}

TEST(ContrastiveLoss, NeverPushesForANegativeMargin) {
  EXPECT_EQ(LossOf(Loss("margin: -1"), kShapes, {kA, kB, {0, 0}}), 0);
}

TEST(ContrastiveLoss, ComparesFeaturesOfAnyShape) {
  EXPECT_EQ(LossOf(Loss(), {{2, 1, 2}, {2, 2}, {2, 1, 1, 1}}, {kA, kB, {1, 1}}), 7.25F);
}

TEST(ContrastiveLoss, IsZeroWithoutItems) {
  EXPECT_EQ(LossOf(Loss(), {{0, 3}, {0, 3}, {0}}, {{}, {}, {}}), 0);
}

TEST(ContrastiveLoss, ShowsNan) {
  for (const float label : {0.0F, 1.0F}) {
    EXPECT_TRUE(std::isnan(LossOf(Loss(), {{1}, {1}, {1}}, {{kNan}, {0}, {label}})));
    EXPECT_TRUE(std::isnan(GradientsOf(Loss(), {{1}, {1}, {1}}, {{kNan}, {0}, {label}})[0][0]));
  }
}

TEST(ContrastiveLoss, ChecksEachLabel) {
  ExpectRefused(Loss(), kShapes, {kA, kB, {1, 2}},
                "label 2 of sample 1 (position 0) is outside 0..1");
  ExpectRefused(Loss(), kShapes, {kA, kB, {-1, 1}},
                "label -1 of sample 0 (position 0) is outside 0..1");
  ExpectRefused(Loss(), kShapes, {kA, kB, {0.5F, 1}},
                "label 0.5 of sample 0 (position 0) is not an integer in 0..1");
  ExpectRefused(Loss(), kShapes, {kA, kB, {1, kNan}},
                "label nan of sample 1 (position 0) is not an integer in 0..1");
}

TEST(ContrastiveLoss, RefusesBottomsThatDoNotMatch) {
  ExpectRefused(Loss(), {{4, 3}, {4, 2}, {4}},
                "bottom 0 is 4x3, bottom 1 is 4x2: both must have as many samples and as many "
                "values");
  ExpectRefused(Loss(), {{4, 3}, {3, 4}, {4}}, "both must have as many samples");
  ExpectRefused(Loss(), {{4, 3}, {4, 3}, {3}},
                "there are 3 labels (3) for 4 pairs (bottom 0 is 4x3)");
}

TEST(ContrastiveLoss, RefusesAMarginThatIsNotFinite) {
  ExpectRefused(Loss("margin: nan"), kShapes, "margin must be finite, but is nan",
                "contrastive_loss_param.margin");
  ExpectRefused(Loss("margin: inf"), kShapes, "margin must be finite, but is inf",
                "contrastive_loss_param.margin");
}

const CheckOptions kPairs = LabelsIn(2, 2, -0.5F, 0.5F);

const ContractCases kCases(
    "ContrastiveLoss",
    {{"contrastive_loss_param { margin: 2 }", {{4, 3}, {4, 3}, {4}}, kPairs},
     {"", {{4, 3}, {4, 3}, {4}}, kPairs},
     {"contrastive_loss_param { margin: 5 }", {{6, 8}, {6, 8}, {6}}, LabelsIn(2, 2)},
     {"contrastive_loss_param { margin: 0 }", {{4, 3}, {4, 3}, {4}}, kPairs},
     {"contrastive_loss_param { margin: -1 }", {{4, 3}, {4, 3}, {4}}, kPairs},
     {"contrastive_loss_param { legacy_version: true margin: 3 }", {{4, 3}, {4, 3}, {4}}, kPairs},
     {"contrastive_loss_param { legacy_version: true }", {{6, 3}, {6, 3}, {6}}, kPairs},
     {"contrastive_loss_param { margin: 2 }", {{1, 1}, {1, 1}, {1}}, kPairs},
     {"contrastive_loss_param { margin: 2 }", {{5}, {5}, {5}}, kPairs},
     {"contrastive_loss_param { margin: 9 }", {{2, 3, 2, 2}, {2, 12}, {2, 1, 1, 1}}, kPairs},
     {"", {{0, 3}, {0, 3}, {0}}, kPairs},
     {"", {{3, 0}, {3, 0}, {3}}, kPairs},
     {"contrastive_loss_param { margin: 99 }", {{3, 9000}, {3, 9000}, {3}}, NoGradients(kPairs)}});

}  // namespace
}  // namespace moka
