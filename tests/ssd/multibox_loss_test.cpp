// MultiBoxLoss: matching with the ground truth, mining, and the losses.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ssd/ssd.h"

namespace moka {
namespace {

const float kInfinity = std::numeric_limits<float>::infinity();

std::string Param(const std::string& words, const std::string& classes = "num_classes: 3") {
  return "multibox_loss_param { " + classes + " " + words + " }";
}

// Six priors, two rows of three, and boxes that overlap some of them.
float Prior(int64_t element) {
  const int64_t i = element / 4 % 6;
  const float x = 0.05F + 0.3F * static_cast<float>(i % 3), y = i < 3 ? 0.1F : 0.55F;
  const float box[4] = {x, y, x + 0.28F, y + 0.35F};
  return element < 24 ? box[element % 4] : element % 4 < 2 ? 0.1F : 0.2F;
}
const Values kTruth = {0,  1,  0,  0.1F, 0.1F, 0.4F, 0.5F, 0,  //
                       0,  2,  1,  0.5F, 0.5F, 0.9F, 0.9F, 1,  //
                       1,  1,  0,  0.3F, 0.2F, 0.7F, 0.8F, 0,  //
                       -1, -1, -1, -1,   -1,   -1,   -1,   -1};
// Locations and scores that are far from kinks and ties.
CheckOptions Scene(bool gradients = true) {
  CheckOptions options;
  options.input = [](int bottom, int64_t element, float random) {
    if (bottom == 3) return kTruth[static_cast<size_t>(element) % kTruth.size()];
    if (bottom == 2) return Prior(element);
    return bottom == 1 ? 4 * random - 2 : 8 * random - 4;
  };
  options.check_gradients = gradients;
  return options;
}

const std::vector<Shape> kShapes = {{2, 24}, {2, 18}, {1, 2, 24}, {1, 1, 4, 8}};
const std::vector<Shape> kEach = {{2, 72}, {2, 18}, {1, 2, 24}, {1, 1, 4, 8}};

const ContractCases kCases(
    "MultiBoxLoss",
    {{Param("overlap_threshold: 0.3 neg_overlap: 0.4 neg_pos_ratio: 1 loc_weight: 2 sample_size: 3 "
            "background_label_id: 0"),
      kShapes, Scene()},
     {Param("code_type: CENTER_SIZE overlap_threshold: 0.2"), kShapes, Scene()},
     {Param("code_type: CORNER_SIZE loc_loss_type: L2 mining_type: NONE"), kShapes, Scene()},
     {Param("encode_variance_in_target: true mining_type: NONE"), kShapes, Scene()},
     {Param("conf_loss_type: LOGISTIC"), kShapes, Scene()},
     {Param("conf_loss_type: LOGISTIC mining_type: NONE"), kShapes, Scene()},
     {Param("share_location: false mining_type: NONE"), kEach, Scene()},
     {Param("share_location: false mining_type: NONE use_prior_for_matching: false code_type: "
            "CENTER_SIZE conf_loss_type: LOGISTIC"),
      kEach, Scene(false)},
     {Param("use_prior_for_matching: false code_type: CENTER_SIZE mining_type: NONE"), kShapes,
      Scene(false)},
     {Param("mining_type: HARD_EXAMPLE sample_size: 3"), kShapes, Scene()},
     {Param("mining_type: HARD_EXAMPLE nms_param { nms_threshold: 0.3 top_k: 4 } "
            "use_prior_for_nms: true"),
      kShapes, Scene()},
     {Param("nms_param { nms_threshold: 0.3 } code_type: CENTER_SIZE"), kShapes, Scene(false)},
     {Param("match_type: BIPARTITE use_difficult_gt: false"), kShapes, Scene()},
     {Param("map_object_to_agnostic: true", "num_classes: 2"),
      {{2, 24}, {2, 12}, {1, 2, 24}, {1, 1, 4, 8}},
      Scene()},
     {Param("bp_inside: true ignore_cross_boundary_bbox: true"), kShapes, Scene()},
     {Param("") + " loss_param { normalization: FULL }", kShapes, Scene()},
     {Param("") + " loss_param { normalization: NONE }", kShapes, Scene()},
     {Param("") + " loss_param { normalize: false }", kShapes, Scene()},
     {Param(""), {{2, 24}, {2, 18}, {1, 2, 24}, {1, 1, 0, 8}}, Scene()},
     {Param("background_label_id: 1", "num_classes: 4"),
      {{2, 0}, {2, 0}, {1, 2, 0}, {1, 1, 0, 8}},
      Scene()},
     {Param(""), {{0, 24}, {0, 18}, {1, 2, 24}, {0, 8}}, Scene()}},
    SsdRegistry);

// One sample, whose four priors are the quarters of the image; variances of 1; two classes.
const Values kQuarters = {0, 0,    0.5F, 0.5F, 0.5F, 0,    1, 0.5F,  //
                          0, 0.5F, 0.5F, 1,    0.5F, 0.5F, 1, 1,     //
                          1, 1,    1,    1,    1,    1,    1, 1,     //
                          1, 1,    1,    1,    1,    1,    1, 1};
struct Case {
  std::string words;
  Values truth;
  Values loc = Values(16), conf = Values(8), priors = kQuarters;
  std::string others;
};
double Loss(const Case& c, LayerGradients* gradients = nullptr) {
  RunOptions options;
  options.top_diffs = {{1}};
  const auto rows = static_cast<int64_t>(c.truth.size()) / 8;
  const auto result = RunSsd(
      "type: 'MultiBoxLoss' multibox_loss_param { num_classes: 2 " + c.words + " } " + c.others,
      {{1, 16}, {1, 8}, {1, 2, 16}, {1, 1, rows, 8}}, {c.loc, c.conf, c.priors, c.truth}, options,
      gradients);
  return result.tops[0][0];
}
const double kLn2 = std::log(2.0);

TEST(MultiBoxLoss, AMatchedPriorCostsItsDistanceAndAllMinedTheirScores) {
  // The first quarter is matched; three negatives of which the ratio allows 2.
  Case c{"neg_pos_ratio: 2", {0, 1, 0, 0, 0, 0.5F, 0.25F + 0.25F, 0}};
  c.loc[0] = 0.5F;
  c.loc[1] = -3;
  EXPECT_NEAR(Loss(c), 0.125 + 2.5 + 3 * kLn2, 1e-6);
}

TEST(MultiBoxLoss, OfTheNegativesThoseOfTheGreatestLossAreMined) {
  Case c{"neg_pos_ratio: 1", {0, 1, 0, 0, 0, 0.5F, 0.5F, 0}};
  c.conf = {0, 0, 0, 1, 0, 3, 0, 2};  // the third is the most wrong of the negatives
  LayerGradients gradients;
  EXPECT_NEAR(Loss(c, &gradients), kLn2 + std::log(1 + std::exp(3.0)), 1e-5);
  for (const size_t i : {2, 3, 6, 7}) EXPECT_EQ(gradients.bottoms[1][i], 0) << i;
  EXPECT_NEAR(gradients.bottoms[1][5], 1 / (1 + std::exp(-3.0)), 1e-6);
}

TEST(MultiBoxLoss, NegativesThatOverlapTooMuchAreNotMined) {
  // The second quarter overlaps the box by a quarter, below overlap_threshold.
  const Values truth = {0, 1, 0, 0, 0, 0.75F, 0.5F, 0};
  EXPECT_NEAR(Loss({"neg_overlap: 0.2 loc_weight: 0", truth}), 3 * kLn2, 1e-6);
  EXPECT_NEAR(Loss({"neg_overlap: 0.3 loc_weight: 0", truth}), 4 * kLn2, 1e-6);
}

TEST(MultiBoxLoss, EachBoxGetsAPriorAndOthersByTheThreshold) {
  const Values truth = {0, 1, 0, 0.1F, 0, 0.8F, 0.5F, 0};  // overlaps 4/8 and 3/9 of two quarters
  const auto positives = [&](const std::string& words) {
    return std::lround(Loss({words + " mining_type: NONE loc_weight: 0", truth, Values(16),
                             Values(8), kQuarters, "loss_param { normalization: VALID }"}) /
                       kLn2 * 1e3);
  };
  EXPECT_EQ(positives("overlap_threshold: 0.35"), 4000);  // one match
  EXPECT_EQ(positives("overlap_threshold: 0.3"), 2000);   // two
  EXPECT_EQ(positives("overlap_threshold: 0.3 match_type: BIPARTITE"), 4000);
}

TEST(MultiBoxLoss, TheBestPairIsMatchedFirstAndTheOtherBoxTakesWhatIsLeft) {
  // Both boxes overlap the first quarter most; the second of them by more.
  const Values truth = {0, 1, 0, 0.1F, 0, 0.6F, 0.5F, 0, 0, 1, 0, 0, 0, 0.5F, 0.45F, 0};
  LayerGradients gradients;
  Loss({"match_type: BIPARTITE loc_loss_type: L2", truth}, &gradients);
  // d loss / d loc = (loc - target) / matches
  EXPECT_NEAR(gradients.bottoms[0][3], 0.05 / 2, 1e-6);  // the first quarter: the second box
  EXPECT_NEAR(gradients.bottoms[0][4], 0.4 / 2, 1e-6);   // the second quarter: the first box
  EXPECT_NEAR(gradients.bottoms[0][6], 0.4 / 2, 1e-6);
}

TEST(MultiBoxLoss, ASampleWithoutBoxesHasNoNegatives) {
  EXPECT_EQ(Loss({"", {-1, -1, -1, -1, -1, -1, -1, -1}}), 0);
  EXPECT_NEAR(Loss({"mining_type: NONE", {-1, -1, -1, -1, -1, -1, -1, -1}}), 4 * kLn2, 1e-6);
}

TEST(MultiBoxLoss, DifficultBoxesMayBeLeftOut) {
  const Values truth = {0, 1, 0, 0, 0, 0.5F, 0.5F, 1};
  EXPECT_NEAR(Loss({"", truth}), 4 * kLn2, 1e-6);
  EXPECT_EQ(Loss({"use_difficult_gt: false", truth}), 0);
}

TEST(MultiBoxLoss, HardExamplesAreTheWorstOfAll) {
  // The matched prior's own loss is small, and of the others only one counts.
  Case c{"mining_type: HARD_EXAMPLE sample_size: 1", {0, 1, 0, 0, 0, 0.5F, 0.5F, 0}};
  c.conf = {0, 9, 0, 1, 0, 3, 0, 2};
  c.others = "loss_param { normalization: NONE }";
  EXPECT_NEAR(Loss(c), std::log(1 + std::exp(3.0)), 1e-5);
}

TEST(MultiBoxLoss, PropagateDownSaysWhichLossCounts) {
  Case c{"loc_loss_type: L2 neg_pos_ratio: 3", {0, 1, 0, 0, 0, 0.5F, 0.5F, 0}};
  c.loc[0] = 2;
  EXPECT_NEAR(Loss(c), 2 + 4 * kLn2, 1e-6);
  c.others = "propagate_down: [true, false, false, false]";
  EXPECT_NEAR(Loss(c), 2, 1e-6);
}

TEST(MultiBoxLoss, SidesOutOfTheImageCostNothingWithBpInside) {
  Case c{"loc_loss_type: L2 bp_inside: true mining_type: NONE", {0, 1, 0, 0, 0, 0.5F, 0.5F, 0}};
  c.priors[0] = -0.1F;
  c.loc = Values(16, 1);
  c.others = "propagate_down: [true, false, false, false]";
  EXPECT_NEAR(Loss(c), 1.5, 1e-6);
  c.words += " ignore_cross_boundary_bbox: true";
  EXPECT_EQ(Loss(c), 0);
}

// SSD's Caffe divides both by the variance and forgets it in the gradient.
TEST(MultiBoxLoss, GradientHasTheVarianceThatIsEncodedInTheTarget) {
  Case c{"loc_loss_type: L2 encode_variance_in_target: true", {0, 1, 0, 0, 0, 0.5F, 0.5F, 0}};
  for (size_t i = 16; i < 32; ++i) c.priors[i] = 0.5F;
  c.loc[2] = 3;
  c.others = "propagate_down: [true, false, false, false]";
  LayerGradients gradients;
  EXPECT_NEAR(Loss(c, &gradients), 18, 1e-5);
  EXPECT_NEAR(gradients.bottoms[0][2], 12, 1e-5);
}

// SSD's Caffe looks at no box at all then.
TEST(MultiBoxLoss, SuppressionWithoutTopKLooksAtAll) {
  Case c{"nms_param { nms_threshold: 0.5 }", {0, 1, 0, 0, 0, 0.5F, 0.5F, 0}};
  EXPECT_NEAR(Loss(c), 4 * kLn2, 1e-6);
  c.words = "nms_param { nms_threshold: 0.5 top_k: 1 }";
  EXPECT_NEAR(Loss(c), 2 * kLn2, 1e-6);
}

TEST(MultiBoxLoss, ShowsNanAndItsScoresAreMinedFirst) {
  Case c{"neg_pos_ratio: 1", {0, 1, 0, 0, 0, 0.5F, 0.5F, 0}};
  c.conf[4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(Loss(c)));
  c.conf[4] = 0;
  c.loc[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(Loss(c)));
  c.words += " use_prior_for_matching: false code_type: CENTER_SIZE";
  c.loc[3] = kInfinity;
  Loss(c);  // such boxes are not matched
}

Error TruthError(const Values& row, const std::string& words = "") {
  return Caught([&] { Loss({words, row}); });
}

TEST(MultiBoxLoss, ChecksTheGroundTruth) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto refusal = [](const Values& row) { return TruthError(row).message(); };
  EXPECT_EQ(refusal({1, 1, 0, 0, 0, 1, 1, 0}),
            "row 0 of the ground truth is of sample 1, which is not one of -1 (nothing) to 0");
  EXPECT_EQ(refusal({nan, 1, 0, 0, 0, 1, 1, 0}),
            "row 0 of the ground truth is of sample nan, which is not one of -1 (nothing) to 0");
  EXPECT_EQ(refusal({0, 2, 0, 0, 0, 1, 1, 0}),
            "row 0 of the ground truth has label 2, which is not one of 0..1");
  EXPECT_EQ(refusal({0, 0.5F, 0, 0, 0, 1, 1, 0}),
            "row 0 of the ground truth has label 0.5, which is not one of 0..1");
  EXPECT_EQ(refusal({0, -1, 0, 0, 0, 1, 1, 0}),
            "row 0 of the ground truth has label -1, which is not one of 0..1");
  EXPECT_EQ(refusal({0, 0, 0, 0, 0, 1, 1, 0}),
            "row 0 of the ground truth has label 0, which is background_label_id");
  EXPECT_EQ(refusal({0, 1, 0, 0, nan, 1, 1, 0}), "row 0 of the ground truth has nan at position 4");
  EXPECT_EQ(refusal({0, 1, 0, 0, 0, 1, kInfinity, 0}),
            "row 0 of the ground truth has inf at position 6");
  EXPECT_EQ(TruthError({0, 2, 0, 0, 0, 1, 1, 0}).sample(), 0);
  // Any class is the one, where all are.
  EXPECT_GT(Loss({"map_object_to_agnostic: true", {0, 77, 0, 0, 0, 1, 1, 0}}), 0);
}

TEST(MultiBoxLoss, BoxesOfNoSizeAreMatchedByNothing) {
  EXPECT_EQ(Loss({"", {0, 1, 0, 1, 1, 0, 0, 0}}), 0);
  EXPECT_EQ(Loss({"", {0, 1, 0, 0.5F, 0.5F, 0.5F, 0.5F, 0}}), 0);
}

TEST(MultiBoxLoss, RefusesVariancesThatAreNotPositive) {
  Case c{"", {0, 1, 0, 0, 0, 0.5F, 0.5F, 0}};
  c.priors[17] = 0;
  EXPECT_EQ(Caught([&] { Loss(c); }).message(), "variance 0 of prior 0 is not more than 0");
}

std::string Refusal(const std::string& words, const std::string& classes = "num_classes: 3") {
  return SsdRefusal("type: 'MultiBoxLoss' " + Param(words, classes), kShapes);
}

TEST(MultiBoxLoss, RefusesParametersThatMakeNoSense) {
  const std::string at = "multibox_loss_param.";
  EXPECT_EQ(Refusal("", ""),
            at + "num_classes: num_classes must be given, from 1 to 2147483647, but is 0");
  EXPECT_EQ(Refusal("background_label_id: 3"),
            at + "background_label_id: background_label_id must be below num_classes 3, but is 3");
  EXPECT_EQ(Refusal("map_object_to_agnostic: true"),
            at + "map_object_to_agnostic: map_object_to_agnostic needs num_classes 2 and "
                 "background_label_id 0, but they are 3 and 0");
  EXPECT_EQ(Refusal("loc_weight: inf"), at + "loc_weight: loc_weight must be finite, but is inf");
  EXPECT_EQ(Refusal("overlap_threshold: nan"),
            at + "overlap_threshold: overlap_threshold must be finite, but is nan");
  EXPECT_EQ(Refusal("neg_overlap: nan"),
            at + "neg_overlap: neg_overlap must be finite, but is nan");
  EXPECT_EQ(Refusal("neg_pos_ratio: 0"),
            at + "neg_pos_ratio: neg_pos_ratio must be more than 0, and finite, but is 0");
  EXPECT_EQ(Refusal("mining_type: HARD_EXAMPLE sample_size: -1"),
            at + "sample_size: sample_size must be more than 0, but is -1");
  EXPECT_EQ(Refusal("do_neg_mining: false"),
            at + "do_neg_mining: do_neg_mining is false, but mining_type is MAX_NEGATIVE");
  EXPECT_EQ(Refusal("share_location: false"),
            at + "mining_type: mining_type is MAX_NEGATIVE, which needs share_location");
  EXPECT_EQ(
      Refusal("nms_param { nms_threshold: nan }"),
      at + "nms_param.nms_threshold: nms_threshold must be 0 or more, and finite, but is nan");
}

TEST(MultiBoxLoss, RefusesBottomsThatDoNotFitTogether) {
  const std::string layer = "type: 'MultiBoxLoss' " + Param("");
  EXPECT_EQ(SsdRefusal(layer, {{2, 24}, {2, 18}, {1, 2, 24}, {1, 1, 4, 7}}),
            ": bottom 3 must be ground truth, rows of 8 values, but its shape is 1x1x4x7");
  EXPECT_EQ(SsdRefusal(layer, {{2, 24}, {2, 12}, {1, 2, 24}, {1, 1, 4, 8}}),
            ": bottom 1 is 2x12: 12 values for each sample, but 6 priors with 3 scores each");
}

}  // namespace
}  // namespace moka
