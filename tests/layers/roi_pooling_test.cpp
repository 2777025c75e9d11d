// ROIPooling: the largest of each part of each region.
#include <cmath>
#include <limits>

#include "caught.h"
#include "layers/regions.h"

namespace moka {
namespace {

const ContractCases kCases(
    "ROIPooling",
    RegionCases({
        {"roi_pooling_param { pooled_h: 2 pooled_w: 2 }", {2, 2, 6, 7}, 3},
        {"roi_pooling_param { pooled_h: 1 pooled_w: 1 }", {1, 1, 1, 1}, 1},
        {"roi_pooling_param { pooled_h: 1 pooled_w: 1 }", {1, 2, 5, 5}, 4},
        {"roi_pooling_param { pooled_h: 3 pooled_w: 2 spatial_scale: 0.5 }", {2, 1, 5, 4}, 3},
        {"roi_pooling_param { pooled_h: 2 pooled_w: 3 spatial_scale: 0.0625 }", {1, 2, 4, 4}, 2},
        {"roi_pooling_param { pooled_h: 2 pooled_w: 2 spatial_scale: 3 }", {1, 2, 9, 9}, 2},
        {"roi_pooling_param { pooled_h: 7 pooled_w: 7 }",
         {1, 1, 3, 3},
         2},  // more parts than pixels
        {"roi_pooling_param { pooled_h: 1 pooled_w: 4 }", {3, 2, 1, 8}, 5},
        {"roi_pooling_param { pooled_h: 4 pooled_w: 1 }", {1, 3, 8, 1}, 2},
        {"roi_pooling_param { pooled_h: 2 pooled_w: 2 }", {1, 2, 4, 4}, 0},  // no regions
        {"roi_pooling_param { pooled_h: 2 pooled_w: 2 }", {2, 0, 4, 4}, 2},
        {"roi_pooling_param { pooled_h: 2 pooled_w: 2 }", {2, 2, 0, 4}, 2},
        {"roi_pooling_param { pooled_h: 6 pooled_w: 6 }", {2, 32, 20, 20}, 8, false},
    }));

std::string Layer(const std::string& fields) {
  return "type: 'ROIPooling' roi_pooling_param { " + fields + " }";
}
// One channel of 4 x 4 pixels, 0 to 15 times `sign`, and one region of it.
Values Pool(const std::string& fields, const Values& roi, float sign = 1) {
  Values x(16);
  for (size_t i = 0; i < 16; ++i) x[i] = sign * static_cast<float>(i);
  return RunLayer(Layer(fields), {{1, 1, 4, 4}, {1, 5}}, {x, roi}).tops[0];
}

TEST(ROIPooling, TakesTheLargestOfEachPart) {
  EXPECT_EQ(Pool("pooled_h: 2 pooled_w: 2", {0, 0, 0, 3, 3}), (Values{5, 7, 13, 15}));
  EXPECT_EQ(Pool("pooled_h: 1 pooled_w: 1", {0, 1, 1, 2, 1}), (Values{6}));
}

TEST(ROIPooling, RoundsCornersAfterScaling) {
  // (0.75, 1.25) and (1.5, 2.5): pixels 1 to 2 and 1 to 3.
  const std::string fields = "pooled_h: 1 pooled_w: 1 spatial_scale: 0.25";
  EXPECT_EQ(Pool(fields, {0, 3, 5, 6, 10}), (Values{14}));
  EXPECT_EQ(Pool(fields, {0, 3, 5, 6, 10}, -1), (Values{-5}));
}

TEST(ROIPooling, LetsPartsOverlap) {
  // Three pixels in two parts: 0 to 1 and 1 to 2.
  EXPECT_EQ(Pool("pooled_h: 1 pooled_w: 2", {0, 0, 0, 2, 0}), (Values{1, 2}));
}

TEST(ROIPooling, IsZeroWhereAPartHasNoPixels) {
  EXPECT_EQ(Pool("pooled_h: 1 pooled_w: 2", {0, 2, 0, 5, 0}), (Values{3, 0}));
  EXPECT_EQ(Pool("pooled_h: 1 pooled_w: 1", {0, 9, 9, 12, 12}), (Values{0}));
}

TEST(ROIPooling, TakesARegionThatIsInsideOutAsOnePixel) {
  EXPECT_EQ(Pool("pooled_h: 1 pooled_w: 1", {0, 2, 3, 0, 1}), (Values{14}));
}

TEST(ROIPooling, CutsRegionsOfAnySizeWithoutOverflow) {
  EXPECT_EQ(Pool("pooled_h: 1 pooled_w: 1", {0, -3e38f, -3e38f, 3e38f, 3e38f}), (Values{15}));
  EXPECT_EQ(Pool("pooled_h: 1 pooled_w: 1 spatial_scale: 1e30", {0, -3e38f, -3e38f, 3e38f, 3e38f}),
            (Values{15}));
  EXPECT_EQ(Pool("pooled_h: 1 pooled_w: 1", {0, 3e38f, 3e38f, 3e38f, 3e38f}), (Values{0}));
}

TEST(ROIPooling, GivesTheGradientToTheLargest) {
  RunOptions options;
  options.top_diffs = {{1, 10, 100}};
  LayerGradients d;
  RunLayer(Layer("pooled_h: 1 pooled_w: 1"), {{1, 1, 1, 4}, {3, 5}},
           {{1, 4, 2, 3}, {0, 0, 0, 3, 0, 0, 2, 0, 3, 0, 0, 0, 0, 1, 0}}, options, &d);
  EXPECT_EQ(d.bottoms[0], (Values{0, 101, 0, 10}));
}

// 13 parts of 7 pixels end, as Caffe rounds, at 13 * 0.5384616 = 7.0000005: the last has pixel 7,
// too. Caffe's Backward looks only within the region.
TEST(ROIPooling, KeepsTheGradientOfAPartThatReachesBeyondItsRegion) {
  RunOptions options;
  options.top_diffs = {Values(13, 1)};
  LayerGradients d;
  const Values y = RunLayer(Layer("pooled_h: 1 pooled_w: 13"), {{1, 1, 1, 8}, {1, 5}},
                            {{1, 1, 1, 1, 1, 1, 1, 9}, {0, 0, 0, 6, 0}}, options, &d)
                       .tops[0];
  EXPECT_EQ(y[12], 9);
  EXPECT_EQ(d.bottoms[0][7], 1);
}

TEST(ROIPooling, CarriesNanAndMinusInfinityOnWithAValidIndex) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  RunOptions options;
  options.top_diffs = {{1, 10}};
  LayerGradients d;
  const Values y = RunLayer(Layer("pooled_h: 1 pooled_w: 1"), {{1, 1, 1, 4}, {2, 5}},
                            {{1, nan, -inf, -inf}, {0, 0, 0, 1, 0, 0, 2, 0, 3, 0}}, options, &d)
                       .tops[0];
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_EQ(y[1], -inf);
  EXPECT_EQ(d.bottoms[0], (Values{0, 1, 10, 0}));
}

std::string Refusal(const std::string& fields, const Shape& x = {2, 1, 2, 2},
                    const Shape& rois = {1, 5}, Values roi = {}) {
  const Error error = Caught([&] {
    roi.resize(static_cast<size_t>(rois.count()));
    RunLayer(Layer(fields), {x, rois}, {Values(static_cast<size_t>(x.count())), roi});
  });
  return error.message() + " @" + error.field();
}

TEST(ROIPooling, SaysWhatIsWrongWithTheNumbers) {
  EXPECT_EQ(Refusal(""), "pooled_h is missing @roi_pooling_param");
  EXPECT_EQ(Refusal("pooled_h: 1"), "pooled_w is missing @roi_pooling_param");
  EXPECT_EQ(Refusal("pooled_h: 0 pooled_w: 1"),
            "pooled_h is 0; it must be at least 1 @roi_pooling_param.pooled_h");
  EXPECT_EQ(Refusal("pooled_h: 1 pooled_w: 4294967295"),
            "pooled_w 4294967295 is too large @roi_pooling_param.pooled_w");
  const std::string good = "pooled_h: 1 pooled_w: 1 ";
  for (const char* scale : {"0", "-1", "nan", "inf"}) {
    EXPECT_EQ(Refusal(good + "spatial_scale: " + scale),
              std::string("spatial_scale must be positive and finite, but is ") + scale +
                  " @roi_pooling_param.spatial_scale");
  }
  EXPECT_EQ(Refusal(good, {2, 2}), "expects images N x C x H x W (4 axes), not 2x2 @");
  EXPECT_EQ(Refusal(good, {1, 1, 2, 2}, {3, 4}),
            "bottom 1 must hold regions R x 5 (image, x1, y1, x2, y2), not 3x4 @");
}

TEST(ROIPooling, ChecksTheRegions) {
  const std::string good = "pooled_h: 1 pooled_w: 1";
  EXPECT_EQ(Refusal(good, {2, 1, 2, 2}, {2, 5}, {0, 0, 0, 1, 1, 2}),
            "region 1 is of image 2, but the batch has 2 images @");
  EXPECT_EQ(Refusal(good, {1, 1, 2, 2}, {1, 5}, {-1}),
            "region 0 is of image -1, but the batch has 1 image @");
  EXPECT_EQ(Refusal(good, {2, 1, 2, 2}, {1, 5}, {0.5}),
            "region 0 is of image 0.5, but the batch has 2 images @");
  EXPECT_EQ(Refusal(good, {2, 1, 2, 2}, {1, 5}, {NAN}),
            "region 0 is of image nan, but the batch has 2 images @");
  EXPECT_EQ(Refusal(good, {2, 1, 2, 2}, {1, 5}, {1, 0, NAN, INFINITY, 2}),
            "region 0 has corners (0, nan) and (inf, 2); they must be finite @");
}

}  // namespace
}  // namespace moka
