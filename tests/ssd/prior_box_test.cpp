// PriorBox: boxes of several sizes and shapes around each place of a feature map.
#include <gtest/gtest.h>

#include <cmath>

#include "ssd/ssd.h"

namespace moka {
namespace {

std::string Param(const std::string& words) { return "prior_box_param { " + words + " }"; }
std::string Layer(const std::string& words) { return "type: 'PriorBox' " + Param(words); }

const std::vector<Shape> kMaps = {{1, 2, 3, 4}, {1, 3, 24, 32}};

const ContractCases kCases(
    "PriorBox",
    {{Param("min_size: 4 max_size: 8 aspect_ratio: 2 variance: [0.1, 0.1, 0.2, 0.2]"), kMaps},
     {Param("min_size: 4"), kMaps},
     {Param("min_size: 4 min_size: 8 aspect_ratio: [2, 3] flip: false"), kMaps},
     {Param("min_size: 4 clip: true variance: 0.2"), kMaps},
     {Param("min_size: 4 img_size: 64"), kMaps},
     {Param("min_size: 4 img_h: 30 img_w: 50"), kMaps},
     {Param("min_size: 4 step: 8"), kMaps},
     {Param("min_size: 4 step_h: 8 step_w: 10 offset: 0"), kMaps},
     {Param("min_size: 4 offset: -1"), kMaps},
     {Param("min_size: 1"), {{1, 1, 1, 1}, {1, 1, 1, 1}}},
     {Param("min_size: 4"), {{0, 3, 2, 2}, {0, 3, 8, 8}}},
     {Param("min_size: 4"), {{2, 3}, {2, 3}}},
     {Param("min_size: 4 max_size: 9 aspect_ratio: [2, 3]"), {{1, 1, 60, 50}, {1, 3, 300, 250}}}},
    SsdRegistry);

LayerResult Boxes(const std::string& words, const std::vector<Shape>& shapes = kMaps) {
  std::vector<Values> bottoms;
  for (const Shape& shape : shapes) bottoms.emplace_back(static_cast<size_t>(shape.count()));
  return RunSsd(Layer(words), shapes, bottoms);
}

TEST(PriorBox, StandsInTheMiddleOfItsPlace) {
  const auto result = Boxes("min_size: 4", {{1, 1, 1, 2}, {1, 3, 8, 16}});
  EXPECT_EQ(result.shapes[0], (Shape{1, 2, 8}));
  EXPECT_EQ(result.tops[0], (Values{0.125, 0.25, 0.375, 0.75, 0.625, 0.25, 0.875, 0.75,  //
                                    0.1F, 0.1F, 0.1F, 0.1F, 0.1F, 0.1F, 0.1F, 0.1F}));
}

TEST(PriorBox, OrderIsSizeThenMaximumThenRatiosForEachMinimum) {
  const auto boxes = Boxes("min_size: [4, 8] max_size: [16, 32] aspect_ratio: 4 img_size: 64",
                           {{1, 1, 1, 1}, {1, 1, 1, 1}});
  EXPECT_EQ(boxes.shapes[0], (Shape{1, 2, 32}));
  const Values widths = {4, 8, 8, 2, 8, 16, 16, 4}, heights = {4, 8, 2, 8, 8, 16, 4, 16};
  for (size_t i = 0; i < 8; ++i) {
    const float* box = boxes.tops[0].data() + 4 * i;
    EXPECT_EQ(box[2] - box[0], widths[i] / 64) << i;
    EXPECT_EQ(box[3] - box[1], heights[i] / 64) << i;
    EXPECT_EQ(box[0] + box[2], 1) << i;
  }
}

TEST(PriorBox, RatiosThatAreThereAlreadyAddNothing) {
  const auto count = [](const std::string& words) {
    return Boxes("min_size: 4 " + words, {{1, 1, 1, 1}, {1, 1, 8, 8}}).shapes[0][2] / 4;
  };
  EXPECT_EQ(count("aspect_ratio: 1"), 1);
  EXPECT_EQ(count("aspect_ratio: [2, 0.5, 3]"), 5);
  EXPECT_EQ(count("aspect_ratio: [2, 0.5, 2.0000001] flip: false"), 3);
}

// SSD's Caffe reads them into integers, and models are trained so.
TEST(PriorBox, FractionsOfSizesAreCutOff) {
  EXPECT_EQ(Boxes("min_size: 4.9 max_size: 9.9").tops[0], Boxes("min_size: 4 max_size: 9").tops[0]);
}

// The first box: its centre and size in pixels of an image of `height` x `width`.
void ExpectFirst(const std::string& words, float height, float width, const Values& expected) {
  SCOPED_TRACE(words);
  const Values box = Boxes("min_size: 4 " + words).tops[0];
  EXPECT_NEAR((box[0] + box[2]) / 2 * width, expected[0], 1e-5);
  EXPECT_NEAR((box[1] + box[3]) / 2 * height, expected[1], 1e-5);
  EXPECT_NEAR((box[2] - box[0]) * width, 4, 1e-5);
  EXPECT_NEAR((box[3] - box[1]) * height, 4, 1e-5);
}

TEST(PriorBox, StepOffsetAndSizeOfTheImageCanBeGiven) {
  ExpectFirst("", 24, 32, {4, 4});
  ExpectFirst("step: 4", 24, 32, {2, 2});
  ExpectFirst("step_h: 4 step_w: 16 offset: 0.25", 24, 32, {4, 1});
  ExpectFirst("img_size: 12", 12, 12, {1.5, 2});
  ExpectFirst("img_h: 12 img_w: 16", 12, 16, {2, 2});
}

TEST(PriorBox, ClipsToTheImageAndGivesFourVariances) {
  const auto y = Boxes("min_size: 80 clip: true variance: [1, 2, 3, 4]").tops[0];
  for (size_t i = 0; i < y.size() / 2; ++i) EXPECT_EQ(y[i], i % 4 < 2 ? 0 : 1);
  for (size_t i = 0; i < y.size() / 2; ++i)
    EXPECT_EQ(y[y.size() / 2 + i], static_cast<float>(i % 4 + 1));
}

std::string Refusal(const std::string& words) { return SsdRefusal(Layer(words), kMaps); }

TEST(PriorBox, RefusesSizesThatMakeNoSense) {
  EXPECT_EQ(Refusal(""), "prior_box_param.min_size: min_size must be given");
  for (const char* size : {"0", "-1", "0.5", "nan", "inf"}) {
    EXPECT_EQ(Refusal(std::string("min_size: ") + size),
              std::string("prior_box_param.min_size: min_size must be at least 1, and finite, but "
                          "is ") +
                  size);
  }
  EXPECT_EQ(Refusal("min_size: 4 max_size: 4"),
            "prior_box_param.max_size: max_size must be more than its min_size 4, and finite, but "
            "is 4");
  EXPECT_EQ(Refusal("min_size: 4 max_size: 8 max_size: 9"),
            "prior_box_param.max_size: there must be one max_size for each min_size, or none, but "
            "there are 2 for 1");
  EXPECT_EQ(Refusal("min_size: 4 aspect_ratio: 0"),
            "prior_box_param.aspect_ratio: aspect_ratio must be more than 0, and finite, but is 0");
}

TEST(PriorBox, RefusesVariancesImagesAndStepsThatMakeNoSense) {
  EXPECT_EQ(Refusal("min_size: 4 variance: [1, 2]"),
            "prior_box_param.variance: there must be one variance or four, but there are 2");
  EXPECT_EQ(Refusal("min_size: 4 variance: -0.1"),
            "prior_box_param.variance: variance must be more than 0, and finite, but is -0.1");
  EXPECT_EQ(Refusal("min_size: 4 img_size: 0"),
            "prior_box_param.img_size: img_size must be more than 0, but is 0");
  EXPECT_EQ(Refusal("min_size: 4 img_h: 5"),
            "prior_box_param.img_h: img_h and img_w must be given together, but there is no img_w");
  EXPECT_EQ(Refusal("min_size: 4 img_h: 5 img_w: 0"),
            "prior_box_param.img_w: img_w must be more than 0, but is 0");
  EXPECT_EQ(Refusal("min_size: 4 step_h: -5 step_w: 1"),
            "prior_box_param.step_h: step_h must be more than 0, and finite, but is -5");
  EXPECT_EQ(Refusal("min_size: 4 img_h: 5 img_size: 7"),
            "prior_box_param.img_size: img_size 7 is given, and img_h or img_w as well");
  EXPECT_EQ(Refusal("min_size: 4 step: 0"),
            "prior_box_param.step: step must be more than 0, and finite, but is 0");
  EXPECT_EQ(
      Refusal("min_size: 4 step_h: 2"),
      "prior_box_param.step_h: step_h and step_w must be given together, but there is no step_w");
  EXPECT_EQ(Refusal("min_size: 4 step: 2 step_w: 2"),
            "prior_box_param.step: step 2 is given, and step_h or step_w as well");
  EXPECT_EQ(Refusal("min_size: 4 offset: inf"),
            "prior_box_param.offset: offset must be finite, but is inf");
}

TEST(PriorBox, RefusesMapsWithoutAHeightOrAWidth) {
  EXPECT_EQ(SsdRefusal(Layer("min_size: 4"), {{1, 2, 0, 4}, {1, 3, 8, 8}}),
            ": bottom 0 must have a height and a width, axes 2 and 3, but its shape is 1x2x0x4");
  EXPECT_EQ(SsdRefusal(Layer("min_size: 4"), {{1, 2, 2, 4}, {1, 1, 3, 8, 8}}),
            ": bottom 1 must have a height and a width, axes 2 and 3, but its shape is 1x1x3x8x8");
}

}  // namespace
}  // namespace moka
