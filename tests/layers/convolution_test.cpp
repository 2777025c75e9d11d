#include "caught.h"
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
  return "name: \"conv\" type: \"Convolution\" convolution_param { " + fields + " }";
}
// The message with which a layer refuses a bottom, and the field that it names.
std::string Refusal(const std::string& fields, const Shape& shape = {2, 4, 8, 8}) {
  const Error error = Caught(
      [&] { Results(Layer(fields), {shape}, {Values(static_cast<size_t>(shape.count()))}); });
  return error.message() + " @" + error.field();
}

TEST(Convolution, SlidesTheKernelOverTheImage) {
  RunOptions options;
  options.params = {{1, 0, 0, -1}, {0.5}};
  const LayerResult result = Results(Layer("num_output: 1 kernel_size: 2"), {{1, 1, 3, 3}},
                                     {{1, 2, 3, 4, 5, 6, 7, 8, 10}}, options);
  EXPECT_EQ(result.shapes[0], (Shape{1, 1, 2, 2}));
  EXPECT_EQ(result.tops[0], (Values{-3.5, -3.5, -3.5, -4.5}));
}

TEST(Convolution, AddsUpTheChannelsOfAGroup) {
  RunOptions options;
  options.params = {{1, 10, 100, 1000}};  // two outputs, each over two of the four channels
  const LayerResult result =
      Results(Layer("num_output: 2 kernel_size: 1 group: 2 bias_term: false"), {{1, 4, 1, 1}},
              {{1, 2, 3, 4}}, options);
  EXPECT_EQ(result.tops[0], (Values{21, 4300}));
}

TEST(Convolution, GivesTheGradientsOfAllThatItReads) {
  RunOptions options;
  options.params = {{2, 3}, {0}};
  options.top_diffs = {{1, 10}};
  LayerGradients d;
  Results(Layer("num_output: 1 kernel_h: 1 kernel_w: 2"), {{1, 1, 1, 3}}, {{5, 6, 7}}, options, &d);
  EXPECT_EQ(d.bottoms[0], (Values{2, 23, 30}));
  EXPECT_EQ(d.params[0], (Values{65, 76}));
  EXPECT_EQ(d.params[1], (Values{11}));
}

TEST(Convolution, ReadsSizesInEachForm) {
  const auto shape = [](const std::string& fields) {
    return Results(Layer("num_output: 3 " + fields), {{2, 1, 20, 30}}, {Values(1200)}).shapes[0];
  };
  EXPECT_EQ(shape("kernel_size: 3"), (Shape{2, 3, 18, 28}));
  EXPECT_EQ(shape("kernel_size: 3 kernel_size: 5"), (Shape{2, 3, 18, 26}));
  EXPECT_EQ(shape("kernel_h: 3 kernel_w: 5"), (Shape{2, 3, 18, 26}));
  EXPECT_EQ(shape("kernel_size: 3 stride: 2 pad: 1"), (Shape{2, 3, 10, 15}));
  EXPECT_EQ(shape("kernel_size: 3 stride_h: 2 stride_w: 1 pad_w: 1"), (Shape{2, 3, 9, 30}));
  EXPECT_EQ(shape("kernel_size: 3 pad: 1 pad: 0 stride: 1 stride: 4"), (Shape{2, 3, 20, 7}));
  EXPECT_EQ(shape("kernel_size: 3 dilation: 2"), (Shape{2, 3, 16, 26}));
  EXPECT_EQ(shape("kernel_size: 3 dilation: 1 dilation: 4 axis: -3"), (Shape{2, 3, 18, 22}));
  EXPECT_EQ(shape("kernel_size: 3 engine: CUDNN force_nd_im2col: true"), (Shape{2, 3, 18, 28}));
}

TEST(Convolution, RunsSeveralBottomsThroughTheSameWeights) {
  RunOptions options;
  options.params = {{2}, {1}};
  options.top_diffs = {{1, 1}, {10}};
  LayerGradients d;
  const LayerResult result = Results(Layer("num_output: 1 kernel_size: 1"),
                                     {{1, 1, 1, 2}, {1, 1, 1, 1}}, {{3, 4}, {5}}, options, &d);
  EXPECT_EQ(result.tops, (std::vector<Values>{{7, 9}, {11}}));
  EXPECT_EQ(d.params, (std::vector<Values>{{57}, {12}}));
  EXPECT_EQ(d.bottoms, (std::vector<Values>{{2, 2}, {20}}));
}

TEST(Convolution, SaysWhatIsWrongWithTheNumbers) {
  EXPECT_EQ(Refusal("kernel_size: 3"), "num_output is missing @convolution_param");
  EXPECT_EQ(Refusal("num_output: 0 kernel_size: 3"),
            "num_output is 0; it must be at least 1 @convolution_param.num_output");
  EXPECT_EQ(Refusal("num_output: 2"),
            "kernel_size is missing (or kernel_h and kernel_w) @convolution_param");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 0"),
            "kernel_size is 0; it must be at least 1 @convolution_param.kernel_size");
  EXPECT_EQ(Refusal("num_output: 2 kernel_h: 3"),
            "kernel_w is missing, as kernel_h is given @convolution_param.kernel_h");
  EXPECT_EQ(Refusal("num_output: 2 kernel_h: 3 kernel_w: 0"),
            "kernel_w is 0; it must be at least 1 @convolution_param.kernel_w");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 3 kernel_w: 3"),
            "kernel_size and kernel_w are both given @convolution_param.kernel_w");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 3 pad: 1 pad_h: 1"),
            "pad and pad_h are both given @convolution_param.pad_h");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 3 kernel_size: 3 kernel_size: 3"),
            "kernel_size has 3 values; height and width make 2 @convolution_param.kernel_size");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 3 stride: 0"),
            "stride is 0; it must be at least 1 @convolution_param.stride");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 3 stride_w: 2"),
            "stride_h is missing, as stride_w is given @convolution_param.stride_w");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 3 dilation: 0"),
            "dilation is 0; it must be at least 1 @convolution_param.dilation");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 3 pad: 4000000000"),
            "pad 4000000000 is too large @convolution_param.pad");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 3 group: 0"),
            "group is 0; it must be at least 1 @convolution_param.group");
  EXPECT_EQ(Refusal("num_output: 3 kernel_size: 3 group: 2"),
            "num_output 3 is not divisible by group 2 @convolution_param.group");
  EXPECT_EQ(Refusal("num_output: 3 kernel_size: 3 group: 3"),
            "the input's 4 channels are not divisible by group 3 @convolution_param.group");
  EXPECT_EQ(Refusal("num_output: 3 kernel_size: 3 axis: 2"),
            "axis 2 is not supported; the channels must lie on axis 1 of N x C x H x W "
            "@convolution_param.axis");
}

TEST(Convolution, RefusesBottomsThatDoNotFit) {
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 9"),
            "kernel_size 9 is larger than the padded input, 8 @convolution_param.kernel_size");
  EXPECT_EQ(Refusal("num_output: 2 kernel_h: 3 kernel_w: 11 pad: 1"),
            "kernel_w 11 is larger than the padded input, 10 @convolution_param.kernel_w");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 3 dilation: 5"),
            "kernel_size 3, over 11 pixels with dilation 5, is larger than the padded input, 8 "
            "@convolution_param.kernel_size");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 3", {2, 4, 8}),
            "expects images N x C x H x W (4 axes), not 2x4x8; convolution over 1 or 3 axes of "
            "space is still to come @");
  const Error error = Caught([] {
    Results(Layer("num_output: 1 kernel_size: 1"), {{1, 2, 1, 1}, {1, 3, 1, 1}},
            {{1, 2}, {1, 2, 3}});
  });
  EXPECT_EQ(error.message(), "bottom 1 has 3 channels, but the weights are for 2");
}

TEST(Convolution, RefusesSizesBeyondAllMemory) {
  EXPECT_NE(Refusal("num_output: 2 kernel_size: 1000000000 pad: 1000000000").find("too large"),
            std::string::npos);
  EXPECT_EQ(
      Refusal("num_output: 2 kernel_size: 2 dilation: 1073741823 pad: 536870911", {1, 16, 2, 2}),
      "pad 536870911x536870911 around 16x2x2 is too large: more than 2^40 numbers "
      "@convolution_param.pad");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 1 pad_w: 1073741824", {1, 512, 2, 2}),
            "pad 0x1073741824 around 512x2x2 is too large: more than 2^40 numbers "
            "@convolution_param.pad_w");
}

TEST(Convolution, NamesTheFillerAtFault) {
  const Error error = Caught([] {
    Results(Layer("num_output: 1 kernel_size: 1 weight_filler { type: \"xaver\" }"), {{1, 1, 1, 1}},
            {{1}});
  });
  EXPECT_EQ(error.field().substr(0, 31), "convolution_param.weight_filler");
}

TEST(Convolution, KeepsTheLayerContract) {
  const std::string filled =
      "weight_filler { type: \"gaussian\" std: 0.5 } bias_filler { type: \"gaussian\" } ";
  for (const char* fields :
       {"num_output: 4 kernel_size: 3", "num_output: 4 kernel_size: 3 pad: 1 stride: 2",
        "num_output: 6 kernel_size: 3 group: 2 pad: 2 dilation: 2", "num_output: 4 kernel_size: 1",
        "num_output: 4 kernel_h: 1 kernel_w: 3 pad_w: 1 bias_term: false"}) {
    EXPECT_TRUE(CheckLayer(Layer(filled + fields), {{2, 4, 6, 7}})) << fields;
  }
  EXPECT_TRUE(
      CheckLayer(Layer(filled + "num_output: 2 kernel_size: 3"), {{2, 2, 5, 5}, {1, 2, 4, 6}}));
}

}  // namespace
}  // namespace moka
