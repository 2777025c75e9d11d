// DetectionOutput: the boxes that are predicted, without those that overlap better ones.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ssd/ssd.h"

namespace moka {
namespace {

const float kNan = std::numeric_limits<float>::quiet_NaN();

std::string Param(const std::string& words) {
  return "detection_output_param { num_classes: 3 " + words + " }";
}
std::string Layer(const std::string& words) { return "type: 'DetectionOutput' " + Param(words); }

// Boxes and variances for bottom 2, scores for bottom 1.
CheckOptions Boxes() {
  CheckOptions options;
  options.input = [](int bottom, int64_t element, float random) {
    if (bottom == 2) return (element % 4 < 2 ? 0.1F : 0.5F) + random / 4;
    return bottom == 1 ? random : random - 0.5F;
  };
  return options;
}

const std::vector<Shape> kShapes = {{2, 24}, {2, 18}, {1, 2, 24}};  // 6 priors
const std::vector<Shape> kEach = {{2, 72}, {2, 18}, {1, 2, 24}};

const ContractCases kCases(
    "DetectionOutput",
    {{Param("nms_param { nms_threshold: 0.4 top_k: 4 } keep_top_k: 5 confidence_threshold: 0.1"),
      kShapes, Boxes()},
     {Param(""), kShapes, Boxes()},
     {Param("code_type: CENTER_SIZE"), kShapes, Boxes()},
     {Param("code_type: CORNER_SIZE variance_encoded_in_target: true"), kShapes, Boxes()},
     {Param("share_location: false"), kEach, Boxes()},
     {Param("background_label_id: -1 keep_top_k: 3"), kShapes, Boxes()},
     {Param("background_label_id: 2"), kShapes, Boxes()},
     {Param("confidence_threshold: 2"), kShapes, Boxes()},
     {Param("nms_param { nms_threshold: 0.9 eta: 0.5 }"), kShapes, Boxes()},
     {Param("keep_top_k: 0"), kShapes, Boxes()},
     {Param("nms_param { top_k: 0 }"), kShapes, Boxes()},
     {Param(""), {{0, 24}, {0, 18}, {1, 2, 24}}, Boxes()},
     {Param(""), {{2, 0}, {2, 0}, {1, 2, 0}}, Boxes()},
     {Param(""), {{1, 4, 1, 1}, {1, 3, 1}, {1, 2, 4, 1}, {1, 3, 8, 8}}, Boxes()},
     {Param("keep_top_k: 50 nms_param { top_k: 60 }"), {{7, 800}, {7, 600}, {1, 2, 800}}, Boxes()}},
    SsdRegistry);

// Three priors that do not touch, and one that lies nearly on the first; variances of 1.
const Values kPriors = {0,    0, 0.4F, 0.4F, 0.5F, 0.5F, 0.9F,  0.9F,  //
                        0.5F, 0, 0.9F, 0.4F, 0,    0,    0.42F, 0.4F,  //
                        1,    1, 1,    1,    1,    1,    1,     1,     //
                        1,    1, 1,    1,    1,    1,    1,     1};

// What is detected where nothing is moved, with these scores of background, class 1 and class 2 for
// each of the four priors.
LayerResult Detect(const std::string& words, const Values& scores) {
  const auto samples = static_cast<int64_t>(scores.size()) / 12;
  return RunSsd(Layer(words), {{samples, 16}, {samples, 12}, {1, 2, 16}},
                {Values(static_cast<size_t>(16 * samples)), scores, kPriors});
}
// (class, score) of each row.
Values Found(const std::string& words, const Values& scores) {
  const Values rows = Detect(words, scores).tops[0];
  Values found;
  for (size_t i = 0; i < rows.size(); i += 7) found.insert(found.end(), {rows[i + 1], rows[i + 2]});
  return found;
}

const Values kScores = {0, 0.9F, 0.1F, 0, 0.2F, 0.7F, 0, 0.6F, 0.3F, 0, 0.8F, 0.4F};

TEST(DetectionOutput, HasARowForEachBoxByClassAndScore) {
  const auto result = Detect("confidence_threshold: 0.25", kScores);
  EXPECT_EQ(result.shapes[0], (Shape{1, 1, 5, 7}));
  // Class 1: the last prior overlaps the first by more than 0.3, and goes.
  EXPECT_EQ(result.tops[0], (Values{0, 1, 0.9F, 0,    0,    0.4F,  0.4F,  //
                                    0, 1, 0.6F, 0.5F, 0,    0.9F,  0.4F,  //
                                    0, 2, 0.7F, 0.5F, 0.5F, 0.9F,  0.9F,  //
                                    0, 2, 0.4F, 0,    0,    0.42F, 0.4F,  //
                                    0, 2, 0.3F, 0.5F, 0,    0.9F,  0.4F}));
}

TEST(DetectionOutput, KeepsTheBestOfAllClassesAndLooksAtTheBestOfEach) {
  EXPECT_EQ(Found("keep_top_k: 3", kScores), (Values{1, 0.9F, 1, 0.6F, 2, 0.7F}));
  // The two best of class 1 are the first and the last prior.
  EXPECT_EQ(Found("nms_param { top_k: 2 }", kScores), (Values{1, 0.9F, 2, 0.7F, 2, 0.4F}));
  EXPECT_EQ(Found("nms_param { top_k: -1 } keep_top_k: -1 confidence_threshold: 0.5", kScores),
            (Values{1, 0.9F, 1, 0.6F, 2, 0.7F}));
}

TEST(DetectionOutput, BackgroundIsNoDetection) {
  EXPECT_EQ(Found("confidence_threshold: 0.5 background_label_id: 1", kScores), (Values{2, 0.7F}));
  EXPECT_EQ(Found("confidence_threshold: 0.5 background_label_id: -1", kScores),
            (Values{1, 0.9F, 1, 0.6F, 2, 0.7F}));
}

TEST(DetectionOutput, EqualScoresAreInTheOrderOfThePriors) {
  const auto result =
      Detect("confidence_threshold: 0.5", {0, 0, 0, 0, 0.6F, 0, 0, 0.6F, 0, 0, 0, 0});
  EXPECT_EQ(result.tops[0], (Values{0, 1, 0.6F, 0.5F, 0.5F, 0.9F, 0.9F,  //
                                    0, 1, 0.6F, 0.5F, 0, 0.9F, 0.4F}));
}

TEST(DetectionOutput, EtaMakesTheThresholdSmallerWithEachBox) {
  // Two boxes that overlap by 0.952; the threshold 0.96 becomes 0.48 with the first.
  EXPECT_EQ(Found("confidence_threshold: 0.7 nms_param { nms_threshold: 0.96 }", kScores),
            (Values{1, 0.9F, 1, 0.8F}));
  EXPECT_EQ(Found("confidence_threshold: 0.7 nms_param { nms_threshold: 0.96 eta: 0.5 }", kScores),
            (Values{1, 0.9F}));
}

TEST(DetectionOutput, NothingInTheWholeBatchIsARowOfMinus1ForEachSample) {
  Values scores = kScores;
  scores.insert(scores.end(), kScores.begin(), kScores.end());
  const auto result = Detect("confidence_threshold: 0.95", scores);
  EXPECT_EQ(result.shapes[0], (Shape{1, 1, 2, 7}));
  EXPECT_EQ(result.tops[0], (Values{0, -1, -1, -1, -1, -1, -1, 1, -1, -1, -1, -1, -1, -1}));
}

TEST(DetectionOutput, ASampleWithoutDetectionsBesideOneWithSomeHasNoRow) {
  Values scores(12);
  scores.insert(scores.end(), kScores.begin(), kScores.end());
  const auto result = Detect("confidence_threshold: 0.85", scores);
  EXPECT_EQ(result.tops[0], (Values{1, 1, 0.9F, 0, 0, 0.4F, 0.4F}));
}

TEST(DetectionOutput, NanIsNoDetectionAndNoIndex) {
  EXPECT_EQ(Found("", Values(12, kNan)), (Values{-1, -1}));
  Values scores = kScores;
  scores[1] = kNan;
  EXPECT_EQ(Found("confidence_threshold: 0.5", scores), (Values{1, 0.8F, 1, 0.6F, 2, 0.7F}));
  // A box of NaN overlaps nothing.
  Values loc(16);
  loc[0] = kNan;
  const auto result = RunSsd(Layer("confidence_threshold: 0.5"), {{1, 16}, {1, 12}, {1, 2, 16}},
                             {loc, kScores, kPriors});
  EXPECT_EQ(result.shapes[0], (Shape{1, 1, 4, 7}));
}

Values Decoded(const std::string& words, const Values& code) {
  const Values priors = {0.2F, 0.2F, 0.6F, 0.4F, 0.1F, 0.2F, 0.5F, 1};
  const Values rows =
      RunSsd(Layer(words), {{1, 4}, {1, 3}, {1, 2, 4}}, {code, {0, 1, 0}, priors}).tops[0];
  return {rows.begin() + 3, rows.begin() + 7};
}
void ExpectBox(const Values& got, const Values& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-6) << i;
}

TEST(DetectionOutput, DecodesAllThreeCodes) {
  const Values code = {1, 2, 0.5F, 0.25F};
  ExpectBox(Decoded("code_type: CORNER", code), {0.3F, 0.6F, 0.85F, 0.65F});
  ExpectBox(Decoded("code_type: CORNER_SIZE", code), {0.24F, 0.28F, 0.7F, 0.45F});
  const float x = 0.44F, y = 0.38F, w = 0.2F * std::exp(0.25F), h = 0.1F * std::exp(0.25F);
  ExpectBox(Decoded("code_type: CENTER_SIZE", code), {x - w, y - h, x + w, y + h});
}

TEST(DetectionOutput, VariancesMayBeEncodedInTheTarget) {
  const std::string encoded = "variance_encoded_in_target: true code_type: ";
  const Values code = {0.1F, 0.4F, 0.25F, 0.25F};
  ExpectBox(Decoded(encoded + "CORNER", code), {0.3F, 0.6F, 0.85F, 0.65F});
  ExpectBox(Decoded(encoded + "CORNER_SIZE", code), {0.24F, 0.28F, 0.7F, 0.45F});
  const float x = 0.44F, y = 0.38F, w = 0.2F * std::exp(0.25F), h = 0.1F * std::exp(0.25F);
  ExpectBox(Decoded(encoded + "CENTER_SIZE", code), {x - w, y - h, x + w, y + h});
}

TEST(DetectionOutput, EachClassMayHaveItsOwnLocations) {
  Values loc(12);
  loc[4] = 0.5F;   // class 1, x0
  loc[10] = 0.5F;  // class 2, x1
  const Values priors = {0.2F, 0.2F, 0.6F, 0.4F, 1, 1, 1, 1};
  const auto result = RunSsd(Layer("share_location: false"), {{1, 12}, {1, 3}, {1, 2, 4}},
                             {loc, {0, 1, 2}, priors});
  EXPECT_EQ(result.tops[0], (Values{0, 1, 1, 0.7F, 0.2F, 0.6F, 0.4F,  //
                                    0, 2, 2, 0.2F, 0.2F, 1.1F, 0.4F}));
}

std::string Refusal(const std::string& words, const std::vector<Shape>& shapes = kShapes) {
  return SsdRefusal("type: 'DetectionOutput' detection_output_param { " + words + " }", shapes);
}

TEST(DetectionOutput, RefusesParametersThatMakeNoSense) {
  EXPECT_EQ(Refusal(""),
            "detection_output_param.num_classes: num_classes must be given, from 1 to 2147483647, "
            "but is 0");
  EXPECT_EQ(Refusal("num_classes: 3 confidence_threshold: nan"),
            "detection_output_param.confidence_threshold: confidence_threshold must be a number, "
            "but is nan");
  EXPECT_EQ(Refusal("num_classes: 3 nms_param { nms_threshold: -1 }"),
            "detection_output_param.nms_param.nms_threshold: nms_threshold must be 0 or more, and "
            "finite, but is -1");
  EXPECT_EQ(Refusal("num_classes: 3 nms_param { eta: 0 }"),
            "detection_output_param.nms_param.eta: eta must be more than 0, and at most 1, but is "
            "0");
}

TEST(DetectionOutput, RefusesToSaveAndToVisualizeButNotToBeToldHow) {
  EXPECT_EQ(Refusal("num_classes: 3 visualize: true"),
            "detection_output_param.visualize: visualize is not done: read the top of this layer "
            "instead");
  const std::string save = "num_classes: 3 save_output_param { label_map_file: 'map' ";
  EXPECT_EQ(
      Refusal(save + "output_directory: 'out' name_size_file: 'sizes' }"),
      "detection_output_param.save_output_param.output_directory: detections are not saved to "
      "files (output_directory \"out\"): read the top of this layer instead");
  // So in SSD's own deploy nets: nothing is saved without a folder.
  RunSsd("type: 'DetectionOutput' detection_output_param { " + save +
             "output_format: 'VOC' resize_param { resize_mode: WARP } } visualize_threshold: 0.6 }",
         kShapes, {Values(48), Values(36), Values(48)});
}

TEST(DetectionOutput, RefusesBottomsThatDoNotFitTogether) {
  EXPECT_EQ(Refusal("num_classes: 3", {{2, 24}, {2, 18}, {2, 2, 24}}),
            ": bottom 2 must be priors, of shape 1 x 2 x 4 times their number, but is 2x2x24");
  EXPECT_EQ(Refusal("num_classes: 3", {{2, 24}, {3, 18}, {1, 2, 24}}),
            ": bottom 0 is 2x24, of 2 samples, and bottom 1 is 3x18, of 3");
  EXPECT_EQ(
      Refusal("num_classes: 3", {{2, 20}, {2, 18}, {1, 2, 24}}),
      ": bottom 0 is 2x20: 20 values for each sample, but 6 priors with 4 values of locations "
      "each");
  EXPECT_EQ(Refusal("num_classes: 4294967295", {{2, 24}, {2, 18}, {1, 2, 24}}),
            "detection_output_param.num_classes: num_classes must be given, from 1 to 2147483647, "
            "but is 4294967295");
  EXPECT_EQ(Refusal("num_classes: 2147483647", {{2, 24}, {2, 18}, {1, 2, 24}}),
            ": bottom 1 is 2x18: 18 values for each sample, but 6 priors with 2147483647 scores "
            "each");
}

}  // namespace
}  // namespace moka
