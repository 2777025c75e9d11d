// PSROIPooling: the mean of each part of each region, each part from channels of its own.
#include <cmath>

#include "caught.h"
#include "layers/regions.h"

namespace moka {
namespace {

std::string Fields(const std::string& scale, int outputs, int group) {
  return "psroi_pooling_param { spatial_scale: " + scale +
         " output_dim: " + std::to_string(outputs) + " group_size: " + std::to_string(group) + " }";
}

const ContractCases kCases("PSROIPooling", RegionCases({
                                               {Fields("1", 2, 2), {2, 8, 4, 5}, 3},
                                               {Fields("1", 1, 1), {1, 1, 1, 1}, 1},
                                               {Fields("1", 3, 1), {1, 3, 5, 5}, 4},
                                               {Fields("0.5", 1, 2), {2, 4, 5, 4}, 3},
                                               {Fields("0.0625", 2, 1), {1, 2, 4, 4}, 2},
                                               {Fields("3", 1, 3), {1, 9, 9, 9}, 2},
                                               {Fields("1", 1, 5), {1, 25, 3, 3}, 2},
                                               {Fields("1", 2, 1), {3, 2, 1, 8}, 5},
                                               {Fields("1", 1, 2), {1, 4, 8, 1}, 2},
                                               {Fields("1", 1, 2), {1, 4, 4, 4}, 0},  // no regions
                                               {Fields("1", 1, 2), {2, 4, 0, 4}, 2},
                                               {Fields("0.3", 1, 2), {2, 4, 3, 4}, 3},
                                               {Fields("1", 6, 4), {2, 96, 9, 9}, 8, false},
                                           }));

Values Pool(const std::string& scale, int outputs, int group, const Shape& x, const Values& values,
            const Values& roi) {
  return RunLayer("type: 'PSROIPooling' " + Fields(scale, outputs, group), {x, {1, 5}},
                  {values, roi})
      .tops[0];
}

TEST(PSROIPooling, TakesEachPartFromItsOwnChannel) {
  Values x;
  for (int c = 0; c < 8; ++c) x.insert(x.end(), 4, static_cast<float>(c));  // 2 x 2 pixels each
  EXPECT_EQ(Pool("1", 2, 2, {1, 8, 2, 2}, x, {0, 0, 0, 1, 1}), (Values{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST(PSROIPooling, TakesTheMean) {
  EXPECT_EQ(Pool("1", 1, 1, {1, 1, 2, 3}, {1, 2, 3, 4, 5, 6}, {0, 1, 0, 2, 1}), (Values{4}));
}

TEST(PSROIPooling, RoundsCornersBeforeScaling) {
  // x from round(1.4) / 2 = 0.5 to (round(3.4) + 1) / 2 = 2: pixels 0 and 1.
  EXPECT_EQ(Pool("0.5", 1, 1, {1, 1, 1, 4}, {1, 3, 5, 7}, {0, 1.4f, 0, 3.4f, 1}), (Values{2}));
}

TEST(PSROIPooling, IsZeroWhereAPartHasNoPixels) {
  EXPECT_EQ(Pool("1", 1, 1, {1, 1, 1, 4}, {1, 3, 5, 7}, {0, 4, 0, 6, 0}), (Values{0}));
}

TEST(PSROIPooling, TakesARegionThatIsInsideOutAsATenthOfAPixel) {
  EXPECT_EQ(Pool("1", 1, 1, {1, 1, 1, 4}, {1, 3, 5, 7}, {0, 2, 0, -5, 0}), (Values{5}));
}

TEST(PSROIPooling, CutsRegionsOfAnySizeWithoutOverflow) {
  const Values huge = {0, -3e38f, -3e38f, 3e38f, 3e38f};
  EXPECT_EQ(Pool("1", 1, 1, {1, 1, 1, 4}, {1, 3, 5, 7}, huge), (Values{4}));
  EXPECT_EQ(Pool("1e30", 1, 1, {1, 1, 1, 4}, {1, 3, 5, 7}, huge), (Values{4}));
}

TEST(PSROIPooling, SharesTheGradientOutOverThePixels) {
  RunOptions options;
  options.top_diffs = {{4, 3}};
  LayerGradients d;
  RunLayer("type: 'PSROIPooling' " + Fields("1", 1, 1), {{1, 1, 1, 4}, {2, 5}},
           {{1, 3, 5, 7}, {0, 0, 0, 1, 0, 0, 1, 0, 3, 0}}, options, &d);
  EXPECT_EQ(d.bottoms[0], (Values{2, 3, 1, 1}));
}

std::string Refusal(const std::string& fields, const Shape& x = {1, 4, 2, 2},
                    const Shape& rois = {1, 5}, Values roi = {}) {
  const Error error = Caught([&] {
    roi.resize(static_cast<size_t>(rois.count()));
    RunLayer("type: 'PSROIPooling' psroi_pooling_param { " + fields + " }", {x, rois},
             {Values(static_cast<size_t>(x.count())), roi});
  });
  return error.message() + " @" + error.field();
}

TEST(PSROIPooling, SaysWhatIsWrongWithTheNumbers) {
  EXPECT_EQ(Refusal("output_dim: 1 group_size: 2"),
            "spatial_scale is missing @psroi_pooling_param");
  EXPECT_EQ(Refusal("spatial_scale: 1 group_size: 2"),
            "output_dim is missing @psroi_pooling_param");
  EXPECT_EQ(Refusal("spatial_scale: 1 output_dim: 2"),
            "group_size is missing @psroi_pooling_param");
  EXPECT_EQ(Refusal("spatial_scale: 1 output_dim: 0 group_size: 2"),
            "output_dim is 0; it must be at least 1 @psroi_pooling_param.output_dim");
  EXPECT_EQ(Refusal("spatial_scale: 1 output_dim: 1 group_size: -1"),
            "group_size is -1; it must be at least 1 @psroi_pooling_param.group_size");
  EXPECT_EQ(Refusal("spatial_scale: nan output_dim: 1 group_size: 2"),
            "spatial_scale must be positive and finite, but is nan "
            "@psroi_pooling_param.spatial_scale");
  EXPECT_EQ(Refusal("spatial_scale: 1 output_dim: 2 group_size: 2"),
            "output_dim 2 and group_size 2 need 2 x 2 x 2 channels, but the bottom, 1x4x2x2, has 4 "
            "@psroi_pooling_param.output_dim");
  EXPECT_EQ(Refusal("spatial_scale: 1 output_dim: 2147483647 group_size: 2147483647"),
            "output_dim 2147483647 and group_size 2147483647 need 2147483647 x 2147483647 x "
            "2147483647 channels, but the bottom, 1x4x2x2, has 4 @psroi_pooling_param.output_dim");
}

// In Caffe such a region reads beyond the batch.
TEST(PSROIPooling, ChecksTheRegions) {
  const std::string good = "spatial_scale: 1 output_dim: 1 group_size: 2";
  EXPECT_EQ(Refusal(good, {1, 4, 2, 2}, {2, 5}, {0, 0, 0, 1, 1, 1}),
            "region 1 is of image 1, but the batch has 1 image @");
  EXPECT_EQ(Refusal(good, {1, 4, 2, 2}, {1, 5}, {0, 0, 0, 1, INFINITY}),
            "region 0 has corners (0, 0) and (1, inf); they must be finite @");
}

}  // namespace
}  // namespace moka
