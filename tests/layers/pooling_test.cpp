#include "layers/pooling.h"

#include <cmath>
#include <limits>

#include "caught.h"
#include "layers/contract.h"
#include "layers/data_nets.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;

LayerResult Results(const std::string& layer, const std::vector<Shape>& shapes,
                    const std::vector<Values>& bottoms, const RunOptions& options = {},
                    LayerGradients* gradients = nullptr) {
  return RunLayer(layer, shapes, bottoms, options, gradients);
}

std::string Layer(const std::string& fields) {
  return "name: \"pool\" type: \"Pooling\" pooling_param { " + fields + " }";
}
std::string Refusal(const std::string& fields, const Shape& shape = {1, 1, 8, 8}) {
  const Error error = Caught(
      [&] { Results(Layer(fields), {shape}, {Values(static_cast<size_t>(shape.count()))}); });
  return error.message() + " @" + error.field();
}
Shape TopShape(const std::string& fields, const Shape& shape) {
  return Results(Layer(fields), {shape}, {Values(static_cast<size_t>(shape.count()))}).shapes[0];
}

Values Pool(const std::string& fields, const Shape& shape, const Values& x) {
  return RunLayer(Layer(fields), shape, x);
}

TEST(Pooling, TakesTheLargestOfEachWindow) {
  EXPECT_EQ(Pool("kernel_size: 2 stride: 2", {1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 8, 7}),
            (Values{6, 8}));
}

TEST(Pooling, GivesTheGradientToTheLargest) {
  RunOptions options;
  options.top_diffs = {{1, 10}};
  LayerGradients d;
  Results(Layer("kernel_h: 1 kernel_w: 2"), {{1, 1, 1, 3}}, {{1, 5, 2}}, options, &d);
  EXPECT_EQ(d.bottoms[0], (Values{0, 11, 0}));
}

TEST(Pooling, TakesTheMeanWherePadCountsAsZeros) {
  EXPECT_EQ(Pool("pool: AVE kernel_size: 2 stride: 2", {1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 8, 7}),
            (Values{3.5, 5.5}));
  EXPECT_EQ(Pool("pool: AVE kernel_size: 2 stride: 2 pad: 1", {1, 1, 2, 2}, {4, 8, 12, 16}),
            (Values{1, 2, 3, 4}));
}

TEST(Pooling, DoesNotCountWhatHangsOverThePad) {
  // The second window covers one column that is there and one beyond.
  EXPECT_EQ(Pool("pool: AVE kernel_h: 1 kernel_w: 2 stride: 2", {1, 1, 1, 3}, {2, 4, 5}),
            (Values{3, 5}));
}

TEST(Pooling, RoundsTheNumberOfWindowsUpOrDown) {
  EXPECT_EQ(TopShape("kernel_size: 3 stride: 2", {1, 2, 32, 32}), (Shape{1, 2, 16, 16}));
  EXPECT_EQ(TopShape("kernel_size: 3 stride: 2 round_mode: FLOOR", {1, 2, 32, 32}),
            (Shape{1, 2, 15, 15}));
  EXPECT_EQ(TopShape("kernel_size: 3 stride: 2 pad: 1", {1, 2, 8, 7}), (Shape{1, 2, 5, 4}));
  EXPECT_EQ(TopShape("kernel_h: 2 kernel_w: 3 stride_h: 1 stride_w: 3 pad_w: 1", {1, 2, 8, 8}),
            (Shape{1, 2, 7, 3}));
  EXPECT_EQ(TopShape("global_pooling: true", {3, 2, 8, 5}), (Shape{3, 2, 1, 1}));
  EXPECT_EQ(TopShape("kernel_size: 3 stride: 2", {1, 1, 2, 2}), (Shape{1, 1, 1, 1}));
}

TEST(Pooling, HasNoWindowThatBeginsBeyondTheImage) {
  // Rounding up gives a third window, of pixel 6 of 5: Caffe's mask is -1 there, and its mean a
  // division by nothing.
  EXPECT_EQ(Pool("kernel_h: 1 kernel_w: 1 stride: 3", {1, 1, 1, 5}, {1, 2, 3, 4, 5}),
            (Values{1, 4}));
  EXPECT_EQ(Pool("pool: AVE kernel_h: 1 kernel_w: 1 stride: 3", {1, 1, 1, 5}, {1, 2, 3, 4, 5}),
            (Values{1, 4}));
  // The window that would begin at 4, within the pad.
  EXPECT_EQ(TopShape("kernel_size: 2 stride: 5 pad: 1", {1, 1, 4, 4}), (Shape{1, 1, 1, 1}));
}

TEST(Pooling, WritesWhereTheLargestWas) {
  const LayerResult result = Results(
      "name: \"p\" type: \"Pooling\" top: \"y\" top: \"mask\" pooling_param { kernel_size: 2 "
      "stride: 2 }",
      {{1, 2, 2, 4}}, {{1, 2, 3, 4, 5, 6, 8, 7, 9, 0, 0, 0, 0, 0, 0, 1}});
  EXPECT_EQ(result.tops[0], (Values{6, 8, 9, 1}));
  EXPECT_EQ(result.tops[1], (Values{5, 6, 0, 7}));
}

TEST(Pooling, CarriesNanOnWithAValidIndex) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  RunOptions options;
  options.top_diffs = {{1, 2}};
  LayerGradients d;
  const LayerResult result = Results(Layer("kernel_size: 2 stride: 2"), {{1, 1, 2, 4}},
                                     {{1, nan, -1e38f, -1e38f, 2, 3, -1e38f, -1e38f}}, options, &d);
  EXPECT_TRUE(std::isnan(result.tops[0][0]));
  EXPECT_EQ(result.tops[0][1], -1e38f);
  EXPECT_EQ(d.bottoms[0], (Values{0, 1, 2, 0, 0, 0, 0, 0}));
}

TEST(Pooling, RemembersPlacesInLargeWindows) {
  Values x(20 * 20);
  x[399] = 1;
  RunOptions options;
  options.top_diffs = {{3}};
  LayerGradients d;
  Results(Layer("global_pooling: true"), {{1, 1, 20, 20}}, {x}, options, &d);
  EXPECT_EQ(d.bottoms[0][399], 3);
  EXPECT_EQ(d.bottoms[0][0], 0);
}

// Caffe, trap 2: its index stays -1, and Backward writes there.
TEST(Pooling, HasAnIndexWhereNothingIsAboveTheLowestFloat) {
  const float lowest = std::numeric_limits<float>::lowest();
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float value : {lowest, -infinity, nan}) {
    for (const Shape& shape : {Shape{1, 1, 4}, Shape{1, 1, 2, 2}, Shape{1, 1, 1, 2, 2}}) {
      RunOptions options;
      options.top_diffs = {{7}, {0}};
      LayerGradients d;
      const LayerResult result = Results(
          "name: \"p\" type: \"Pooling\" top: \"y\" top: \"mask\" pooling_param { global_pooling: "
          "true }",
          {shape}, {Values(4, value)}, options, &d);
      EXPECT_TRUE(result.tops[0][0] == value || std::isnan(value)) << shape;
      EXPECT_EQ(result.tops[1][0], std::isnan(value) ? 3 : 0) << shape;
      EXPECT_EQ(d.bottoms[0], (std::isnan(value) ? Values{0, 0, 0, 7} : Values{7, 0, 0, 0}))
          << shape;
    }
  }
}

// Caffe, trap 24: the last of 3 windows begins at pixel 6 of 5.
TEST(Pooling, DropsAWindowThatLiesOutsideAlongAnyAxis) {
  EXPECT_EQ(TopShape("kernel_size: 1 stride: 3", {1, 1, 5}), (Shape{1, 1, 2}));
  EXPECT_EQ(TopShape("kernel_size: 1 stride: 3", {1, 1, 5, 5}), (Shape{1, 1, 2, 2}));
  EXPECT_EQ(TopShape("kernel_size: 1 stride: 3", {1, 1, 5, 4, 5}), (Shape{1, 1, 2, 2, 2}));
  EXPECT_EQ(TopShape("pool: AVE kernel_size: 2 stride: 5 pad: 1", {1, 1, 4, 9, 4}),
            (Shape{1, 1, 1, 2, 1}));
  EXPECT_EQ(Pool("pool: AVE kernel_size: 1 stride: 3", {1, 1, 5}, {1, 2, 3, 4, 5}), (Values{1, 4}));
}

TEST(Pooling, TakesOneSpatialAxis) {
  EXPECT_EQ(Pool("kernel_size: 2 stride: 2", {1, 2, 4}, {1, 2, 4, 3, 8, 7, 5, 6}),
            (Values{2, 4, 8, 6}));
  EXPECT_EQ(Pool("pool: AVE kernel_size: 3 stride: 2 pad: 1", {1, 1, 4}, {6, 12, 18, 24}),
            (Values{6, 18, 12}));
  EXPECT_EQ(Pool("pool: AVE global_pooling: true", {2, 1, 3}, {1, 2, 3, 4, 5, 9}), (Values{2, 6}));
  EXPECT_EQ(TopShape("kernel_size: 3 stride: 2 round_mode: FLOOR", {1, 2, 8}), (Shape{1, 2, 3}));
}

TEST(Pooling, TakesThreeSpatialAxes) {
  const Values x = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};  // 2 x 2 x 3
  RunOptions options;
  options.top_diffs = {{1, 10}, {0, 0}};
  LayerGradients d;
  const LayerResult result = Results(
      "name: \"p\" type: \"Pooling\" top: \"y\" top: \"mask\" pooling_param { kernel_size: 2 }",
      {{1, 1, 2, 2, 3}}, {x}, options, &d);
  EXPECT_EQ(result.shapes[0], (Shape{1, 1, 1, 1, 2}));
  EXPECT_EQ(result.tops[0], (Values{11, 12}));
  EXPECT_EQ(result.tops[1], (Values{10, 11}));
  EXPECT_EQ(d.bottoms[0], (Values{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 10}));
  EXPECT_EQ(Pool("pool: AVE kernel_size: 2", {1, 1, 2, 2, 3}, x), (Values{6, 7}));
  // 1 in the corner, and 7 of pad.
  EXPECT_EQ(
      Pool("pool: AVE kernel_size: 2 stride: 2 pad: 1 round_mode: FLOOR", {1, 1, 1, 1, 1}, {8}),
      Values{1});
  EXPECT_EQ(TopShape("global_pooling: true", {2, 3, 4, 5, 6}), (Shape{2, 3, 1, 1, 1}));
}

TEST(Pooling, TakesFourSpatialAxes) {
  EXPECT_EQ(Pool("kernel_size: 2 stride: 2", {1, 1, 2, 2, 2, 2},
                 {1, 2, 3, 4, 5, 6, 7, 16, 8, 9, 10, 11, 12, 13, 14, 15}),
            Values{16});
}

TEST(Pooling, HasSizesForEachAxis) {
  EXPECT_EQ(TopShape("kernel_sizes: [1, 2, 3] strides: [1, 2, 2] pads: [0, 0, 1]", {1, 1, 4, 6, 7}),
            (Shape{1, 1, 4, 3, 4}));
  EXPECT_EQ(Pool("kernel_sizes: [1, 2] strides: [1, 2]", {1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 8, 7}),
            (Values{2, 4, 6, 8}));
  EXPECT_EQ(Pool("kernel_sizes: 2 stride: 2", {1, 1, 4}, {1, 2, 4, 3}), (Values{2, 4}));
}

TEST(Pooling, SaysWhichSizesDoNotSuitTheAxes) {
  EXPECT_EQ(Refusal("kernel_h: 2 kernel_w: 2", {1, 2, 8}),
            "kernel_h is for 2 spatial axes, but 1x2x8 has 1; give kernel_size for all or "
            "kernel_sizes, one for each @pooling_param.kernel_h");
  EXPECT_EQ(Refusal("kernel_size: 2 stride_h: 2 stride_w: 2", {1, 2, 8, 8, 8}),
            "stride_h is for 2 spatial axes, but 1x2x8x8x8 has 3; give stride for all or strides, "
            "one for each @pooling_param.stride_h");
  EXPECT_EQ(Refusal("kernel_size: 2 pad_w: 1", {1, 2, 8, 8, 8}),
            "pad_w is for 2 spatial axes, but 1x2x8x8x8 has 3; give pad for all or pads, one for "
            "each @pooling_param.pad_w");
  EXPECT_EQ(Refusal("kernel_sizes: [2, 2, 2]"),
            "kernel_sizes [2, 2, 2]: 3 for the 2 spatial axes of 1x1x8x8 "
            "@pooling_param.kernel_sizes");
  EXPECT_EQ(Refusal("kernel_size: 2 pads: [0, 0]", {1, 1, 8}),
            "pads [0, 0]: 2 for the 1 spatial axis of 1x1x8 @pooling_param.pads");
  EXPECT_EQ(Refusal("kernel_size: 2 kernel_sizes: [2, 2]"),
            "kernel_sizes [2, 2] and kernel_size 2 are both given @pooling_param.kernel_sizes");
  EXPECT_EQ(Refusal("kernel_size: 2 stride_h: 1 stride_w: 1 strides: [2, 2]"),
            "strides [2, 2] and stride_h 1 are both given @pooling_param.strides");
  EXPECT_EQ(Refusal("kernel_sizes: [2, 0]"),
            "kernel_sizes is 0; it must be at least 1 @pooling_param.kernel_sizes");
  EXPECT_EQ(Refusal("kernel_sizes: [2, 4294967295]"),
            "kernel_sizes 4294967295 is too large @pooling_param.kernel_sizes");
  EXPECT_EQ(Refusal("kernel_size: 2 pads: [1, 2]"),
            "pad 2 must be less than the kernel, 2 @pooling_param.pads");
  EXPECT_EQ(Refusal("kernel_sizes: [2, 9]"),
            "kernel_sizes 9 is larger than the padded input, 8 @pooling_param.kernel_sizes");
  EXPECT_EQ(Refusal("global_pooling: true kernel_sizes: [8, 8]"),
            "kernel_sizes is given, but with global_pooling the window is the whole image "
            "@pooling_param.kernel_sizes");
  EXPECT_EQ(Refusal("pool: AVE kernel_size: 1073741824 pad: 1073741823 stride: 1073741824",
                    {1, 1, 8, 8, 8}),
            "kernel_size 1073741824 along 3 axes is too large @pooling_param.kernel_size");
}

TEST(Pooling, SaysWhatIsWrongWithTheNumbers) {
  EXPECT_EQ(Refusal(""),
            "kernel_size is missing (or kernel_h and kernel_w, or global_pooling) @pooling_param");
  EXPECT_EQ(Refusal("kernel_size: 0"),
            "kernel_size is 0; it must be at least 1 @pooling_param.kernel_size");
  EXPECT_EQ(Refusal("kernel_size: 2 stride: 0"),
            "stride is 0; it must be at least 1 @pooling_param.stride");
  EXPECT_EQ(Refusal("kernel_size: 2 stride_h: 2"),
            "stride_w is missing, as stride_h is given @pooling_param.stride_h");
  EXPECT_EQ(Refusal("kernel_size: 2 kernel_h: 2"),
            "kernel_size 2 and kernel_h 2 are both given @pooling_param.kernel_h");
  EXPECT_EQ(Refusal("kernel_w: 2"),
            "kernel_h is missing, as kernel_w is given @pooling_param.kernel_w");
  EXPECT_EQ(Refusal("kernel_size: 2 pad: 2"),
            "pad 2 must be less than the kernel, 2 @pooling_param.pad");
  EXPECT_EQ(Refusal("kernel_h: 3 kernel_w: 2 pad_w: 3"),
            "pad 3 must be less than the kernel, 2 @pooling_param.pad_w");
  EXPECT_EQ(Refusal("kernel_size: 2 pad_h: 2"),
            "pad 2 must be less than the kernel, 2 @pooling_param.pad_h");
  EXPECT_EQ(Refusal("kernel_size: 2000000000"),
            "kernel_size 2000000000 is too large @pooling_param.kernel_size");
  EXPECT_EQ(Refusal("global_pooling: true kernel_size: 8"),
            "kernel_size is given, but with global_pooling the window is the whole image "
            "@pooling_param.kernel_size");
  EXPECT_EQ(Refusal("global_pooling: true pad: 1"),
            "pad must be 0 with global_pooling @pooling_param.pad");
  EXPECT_EQ(Refusal("global_pooling: true stride: 2"),
            "stride must be 1 with global_pooling @pooling_param.stride");
  EXPECT_EQ(Refusal("kernel_size: 9"),
            "kernel_size 9 is larger than the padded input, 8 @pooling_param.kernel_size");
  EXPECT_EQ(Refusal("kernel_h: 2 kernel_w: 12 pad_w: 1"),
            "kernel_w 12 is larger than the padded input, 10 @pooling_param.kernel_w");
  EXPECT_EQ(Refusal("kernel_size: 2", {8, 8}),
            "expects N x C and at least one spatial axis, as N x C x H x W, not 8x8 @");
  EXPECT_EQ(Refusal("global_pooling: true", {2, 3, 0, 8}),
            "cannot pool images without pixels: the bottom is 2x3x0x8 @");
}

// A net is refused before it takes memory for images of this size.
std::string LargeImageRefusal(const std::string& size, const std::string& pooling) {
  return WhyRefused("layer { name: 'in' type: 'Input' top: 'x' input_param { shape { " + size +
                    " } } }\nlayer { name: 'pool' type: 'Pooling' bottom: 'x' top: 'y' " + pooling +
                    " }");
}

TEST(Pooling, SaysWhichImagesAreTooLarge) {
  EXPECT_EQ(LargeImageRefusal("dim: 1 dim: 1 dim: 4096 dim: 4097",
                              "top: 'mask' pooling_param { kernel_size: 2 stride: 2 }"),
            "2:1: layer \"pool\" (Pooling): a mask top cannot count the 16781312 pixels of a "
            "channel");
  EXPECT_EQ(LargeImageRefusal("dim: 1 dim: 1 dim: 50000 dim: 50001",
                              "pooling_param { global_pooling: true }"),
            "2:1: layer \"pool\" (Pooling): the kernel is too large: 50000 x 50001");
}

TEST(Pooling, TakesOneTopOnlyUnlessItIsMax) {
  const Error error = Caught([] {
    Results(
        "name: \"p\" type: \"Pooling\" top: \"y\" top: \"mask\" pooling_param { pool: AVE "
        "kernel_size: 2 }",
        {{1, 1, 2, 2}}, {{1, 2, 3, 4}});
  });
  EXPECT_NE(error.message().find("top"), std::string::npos);
}

CheckOptions WithMask() {
  CheckOptions options = Spread();
  options.tops = 2;
  return options;
}
CheckOptions WithoutDifferences() {
  CheckOptions options;
  options.check_gradients = false;
  return options;
}

const ContractCases kCases(
    "Pooling",
    {{"pooling_param { kernel_size: 2 stride: 2 }", {{1, 2, 5, 6}}, Spread()},
     {"pooling_param { kernel_size: 3 stride: 2 pad: 1 }", {{1, 2, 5, 6}}, Spread()},
     {"pooling_param { kernel_size: 1 }", {{1, 1, 1, 1}}, Spread()},
     {"pooling_param { kernel_size: 2 stride: 2 }", {{0, 2, 4, 4}}, Spread()},
     {"pooling_param { global_pooling: true }",
      {{2, 1, 17, 16}},
      Spread()},  // places beyond a byte
     {"pooling_param { kernel_h: 2 kernel_w: 3 stride: 2 }", {{1, 2, 5, 6}}, Spread()},
     {"pooling_param { kernel_size: 3 stride: 2 round_mode: FLOOR }", {{1, 2, 5, 6}}, Spread()},
     {"pooling_param { kernel_size: 3 stride: 2 }", {{2, 3, 11}}, Spread()},
     {"pooling_param { kernel_size: 2 pad: 1 }", {{1, 2, 3, 4, 5}}, Spread()},
     {"pooling_param { kernel_sizes: [7, 7, 7] strides: [1, 2, 3] pads: [3, 2, 1] }",
      {{1, 1, 6, 7, 8}},
      Spread()},
     {"pooling_param { kernel_size: 2 stride: 2 }", {{1, 1, 2, 3, 2, 3}}, Spread()},
     {"pooling_param { kernel_size: 2 stride: 2 }", {{1, 2, 5, 6}}, WithMask()},
     {"pooling_param { kernel_size: 2 stride: 2 }", {{1, 2, 4, 3, 2}}, WithMask()},
     {"pooling_param { kernel_size: 3 pad: 1 }", {{2, 2, 40, 50}}, WithoutDifferences()},
     {"pooling_param { kernel_size: 2 stride: 2 }", {{3, 4, 97, 101}}, WithoutDifferences()},
     {"pooling_param { kernel_size: 3 stride: 2 }", {{3, 2, 20, 30, 20}}, WithoutDifferences()},
     {"pooling_param { pool: AVE kernel_size: 2 stride: 2 }", {{2, 2, 7, 10}}},
     {"pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }", {{2, 2, 7, 10}}},
     {"pooling_param { pool: AVE kernel_size: 4 stride: 5 }", {{1, 2, 9, 11}}},
     {"pooling_param { pool: AVE global_pooling: true }", {{2, 2, 7, 10}}},
     {"pooling_param { pool: AVE kernel_size: 3 pad: 2 }", {{2, 3, 11}}},
     {"pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }", {{1, 2, 4, 5, 6}}},
     {"pooling_param { pool: AVE global_pooling: true }", {{0, 2, 4, 5, 6}}},
     {"pooling_param { pool: AVE kernel_size: 3 }", {{3, 4, 97, 101}}, WithoutDifferences()},
     {"pooling_param { pool: STOCHASTIC kernel_size: 3 stride: 2 }",
      {{2, 2, 7, 8}},
      Positive(true)},
     {"pooling_param { pool: STOCHASTIC kernel_size: 3 stride: 2 }",
      {{2, 2, 7, 8}},
      Positive(false)},
     {"pooling_param { pool: STOCHASTIC kernel_size: 2 pad: 1 }", {{2, 3, 9}}, Positive(false)},
     {"pooling_param { pool: STOCHASTIC kernel_size: 2 }", {{1, 2, 3, 3, 4}}, Positive(true)}});

}  // namespace
}  // namespace moka
