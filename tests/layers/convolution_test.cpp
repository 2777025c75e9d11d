// Convolution: y = w * x + b over any number of axes of space.
#include "caught.h"
#include "layers/contract.h"

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

// Sums of small whole numbers are exact in float; Winograd's, which go through 24ths, are not.
TEST(Convolution, ComputesPlainSumsWhereTheEngineIsExact) {
  constexpr int64_t channels = 64, outputs = 64, size = 16, plane = size * size;
  Values x(channels * plane), w(outputs * channels * 9), expected(outputs * plane);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7 % 11) - 5;
  for (size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(i * 5 % 13) - 6;
  for (int64_t i = 0; i < outputs * plane; ++i) {
    const int64_t o = i / plane, row = i % plane / size, column = i % size;
    for (int64_t k = 0; k < channels * 9; ++k) {
      const int64_t h = row + k % 9 / 3 - 1, v = column + k % 3 - 1;
      if (h < 0 || h >= size || v < 0 || v >= size) continue;
      expected[static_cast<size_t>(i)] += w[static_cast<size_t>(o * channels * 9 + k)] *
                                          x[static_cast<size_t>(k / 9 * plane + h * size + v)];
    }
  }
  RunOptions options;
  options.params = {w};
  const std::string fields = "num_output: 64 kernel_size: 3 pad: 1 bias_term: false ";
  const Shape shape = {1, channels, size, size};
  EXPECT_EQ(Results(Layer(fields + "engine: EXACT"), {shape}, {x}, options).tops[0], expected);
  const Values fast = Results(Layer(fields), {shape}, {x}, options).tops[0];
  EXPECT_NE(fast, expected);
  for (size_t i = 0; i < fast.size(); ++i) ASSERT_NEAR(fast[i], expected[i], 0.05) << i;
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
            "kernel_size has 3 values; 2x4x8x8 has 2 axes of space after axis 1: give one for all, "
            "or one for each @convolution_param.kernel_size");
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
}

TEST(Convolution, RefusesBottomsThatDoNotFit) {
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 9"),
            "kernel_size 9 is larger than the padded input, 8 @convolution_param.kernel_size");
  EXPECT_EQ(Refusal("num_output: 2 kernel_h: 3 kernel_w: 11 pad: 1"),
            "kernel_w 11 is larger than the padded input, 10 @convolution_param.kernel_w");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 3 dilation: 5"),
            "kernel_size 3, over 11 pixels with dilation 5, is larger than the padded input, 8 "
            "@convolution_param.kernel_size");
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

TEST(Convolution, RunsOverAnyNumberOfAxesOfSpace) {
  const auto shape = [](const std::string& fields, const Shape& x) {
    return Results(Layer("num_output: 3 " + fields), {x}, {Values(static_cast<size_t>(x.count()))})
        .shapes[0];
  };
  EXPECT_EQ(shape("kernel_size: 3 stride: 2", {2, 4, 9}), (Shape{2, 3, 4}));
  EXPECT_EQ(shape("kernel_size: 3 pad: 1", {2, 4, 5, 6, 7}), (Shape{2, 3, 5, 6, 7}));
  EXPECT_EQ(shape("kernel_size: 1 kernel_size: 2 kernel_size: 3", {2, 4, 5, 6, 7}),
            (Shape{2, 3, 5, 5, 5}));
  EXPECT_EQ(shape("kernel_size: 2 pad: 0 pad: 1 pad: 2", {2, 4, 5, 6, 7}), (Shape{2, 3, 4, 7, 10}));
  EXPECT_EQ(shape("kernel_size: 2", {1, 1, 2, 3, 2, 3, 2, 3}), (Shape{1, 3, 1, 2, 1, 2, 1, 2}));
}

TEST(Convolution, CountsAllBeforeTheAxisOfTheChannelsAsBatch) {
  RunOptions options;
  options.params = {{1, 10}, {0}};
  const std::string fields = "num_output: 1 kernel_size: 1 axis: ";
  LayerResult result =
      Results(Layer(fields + "2"), {{2, 1, 2, 2}}, {{1, 2, 3, 4, 5, 6, 7, 8}}, options);
  EXPECT_EQ(result.shapes[0], (Shape{2, 1, 1, 2}));
  EXPECT_EQ(result.tops[0], (Values{31, 42, 75, 86}));
  result = Results(Layer(fields + "-2"), {{2, 2, 1}}, {{1, 2, 3, 4}}, options);
  EXPECT_EQ(result.tops[0], (Values{21, 43}));
  result = Results(Layer(fields + "0"), {{2, 3}}, {{1, 2, 3, 4, 5, 6}}, options);
  EXPECT_EQ(result.shapes[0], (Shape{1, 3}));
  EXPECT_EQ(result.tops[0], (Values{41, 52, 63}));
}

TEST(Convolution, RefusesAxesThatDoNotFit) {
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 3 axis: 3"),
            "axis 3 of the channels is the last of 2x4x8x8; at least one axis of space must follow "
            "@convolution_param.axis");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 3", {2, 4}),
            "axis 1 of the channels is the last of 2x4; at least one axis of space must follow "
            "@convolution_param.axis");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 1 axis: 0", {1, 1, 1, 1, 1, 1, 1, 1}),
            "axis 0 of the channels leaves 7 axes of space of 1x1x1x1x1x1x1x1; at most 6 are "
            "possible @convolution_param.axis");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 3 axis: 4"),
            "axis 4 is out of range for shape 2x4x8x8, which has 4 axes @convolution_param.axis");
  EXPECT_EQ(Refusal("num_output: 2 kernel_h: 1 kernel_w: 3", {2, 4, 8}),
            "kernel_h and kernel_w are for 2 axes of space; 2x4x8 has 1 after axis 1 "
            "@convolution_param.kernel_h");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 3 stride_h: 1 stride_w: 3", {2, 4, 8, 8, 8}),
            "stride_h and stride_w are for 2 axes of space; 2x4x8x8x8 has 3 after axis 1 "
            "@convolution_param.stride_h");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 3 pad: 1 pad: 1", {2, 4, 8}),
            "pad has 2 values; 2x4x8 has 1 axis of space after axis 1: give one for all, or one "
            "for each @convolution_param.pad");
  EXPECT_EQ(Refusal("num_output: 2 kernel_size: 3 dilation: 1 dilation: 1", {2, 4, 8, 8, 8}),
            "dilation has 2 values; 2x4x8x8x8 has 3 axes of space after axis 1: give one for all, "
            "or one for each @convolution_param.dilation");
  const Error error = Caught([] {
    Results(Layer("num_output: 1 kernel_size: 1"), {{1, 2, 1, 1}, {1, 2, 1}}, {{1, 2}, {1, 2}});
  });
  EXPECT_EQ(error.message(), "bottom 1, 1x2x1, has 1 axis of space, but the weights are for 2");
}

// Trap: the division that Caffe computes the size of the output with truncates, so that a kernel of
// 3 with stride 2 over 2 pixels gave an output of size 1.
TEST(Convolution, RefusesAKernelBeyondTheInputWhateverTheStride) {
  EXPECT_EQ(Refusal("num_output: 1 kernel_size: 3 stride: 2", {1, 1, 2, 2}),
            "kernel_size 3 is larger than the padded input, 2 @convolution_param.kernel_size");
  EXPECT_EQ(Refusal("num_output: 1 kernel_size: 3 stride: 2", {1, 1, 2}),
            "kernel_size 3 is larger than the padded input, 2 @convolution_param.kernel_size");
  EXPECT_EQ(Refusal("num_output: 1 kernel_size: 3 stride: 2", {1, 1, 4, 4, 2}),
            "kernel_size 3 is larger than the padded input, 2 @convolution_param.kernel_size");
  EXPECT_EQ(Refusal("num_output: 1 kernel_h: 1 kernel_w: 3 stride: 9", {1, 1, 2, 2}),
            "kernel_w 3 is larger than the padded input, 2 @convolution_param.kernel_w");
}

// The gradient of weights that several bottoms share is the sum of what each gives alone.
TEST(Convolution, AddsUpTheGradientsOfSharedWeights) {
  const std::string layer = Layer("num_output: 2 kernel_size: 2 pad: 1");
  const std::vector<Shape> shapes = {{2, 1, 3, 3}, {1, 1, 2, 4}, {3, 1, 1, 1}};
  const std::vector<Shape> tops = {{2, 2, 4, 4}, {1, 2, 3, 5}, {3, 2, 2, 2}};
  const auto values = [](const Shape& shape, int step) {
    Values x(static_cast<size_t>(shape.count()));
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = static_cast<float>((static_cast<int>(i) * step) % 7 - 3);
    return x;
  };
  Values dw(8), db(2);
  std::vector<Values> bottoms;
  RunOptions all;
  all.params = {{1, -2, 3, 4, -5, 6, 7, -8}, {1, 2}};
  for (size_t count = 1; count <= shapes.size(); ++count) {
    const size_t i = count - 1;
    RunOptions one = all;
    one.top_diffs = {values(tops[i], 5)};
    LayerGradients alone, shared;
    Results(layer, {shapes[i]}, {values(shapes[i], 3)}, one, &alone);
    for (size_t k = 0; k < dw.size(); ++k) dw[k] += alone.params[0][k];
    for (size_t k = 0; k < db.size(); ++k) db[k] += alone.params[1][k];
    bottoms.push_back(values(shapes[i], 3));
    all.top_diffs.push_back(values(tops[i], 5));
    Results(layer, {shapes.begin(), shapes.begin() + static_cast<int>(count)}, bottoms, all,
            &shared);
    EXPECT_EQ(shared.params, (std::vector<Values>{dw, db})) << count << " bottoms";
    EXPECT_EQ(shared.bottoms[i], alone.bottoms[0]) << count << " bottoms";
  }
}

TEST(Convolution, GivesTheBiasWhereThereIsOnlyPad) {
  RunOptions options;
  options.params = {{5}, {2}};
  const LayerResult result =
      Results(Layer("num_output: 1 kernel_size: 1 pad: 1 stride: 2"), {{1, 1, 1}}, {{3}}, options);
  EXPECT_EQ(result.tops[0], (Values{2, 2}));
}

std::string Filled(const std::string& fields) {
  return "convolution_param { weight_filler { type: \"gaussian\" std: 0.5 } "
         "bias_filler { type: \"gaussian\" } " +
         fields + " }";
}

const ContractCases kCases(
    "Convolution",
    {
        {Filled("num_output: 2 kernel_size: 2"), {{2, 2, 3, 3}}},
        {Filled("num_output: 4 kernel_size: 3"), {{2, 4, 6, 7}}},
        {Filled("num_output: 4 kernel_size: 3 pad: 1 stride: 2"), {{2, 4, 6, 7}}},
        {Filled("num_output: 6 kernel_size: 3 group: 2 pad: 2 dilation: 2"), {{2, 4, 6, 7}}},
        {Filled("num_output: 4 kernel_size: 1"), {{2, 4, 6, 7}}},
        {Filled("num_output: 4 kernel_h: 1 kernel_w: 3 pad_w: 1 bias_term: false"), {{2, 4, 6, 7}}},
        {Filled("num_output: 2 kernel_size: 3"), {{2, 2, 5, 5}, {1, 2, 4, 6}}},
        {Filled("num_output: 2 kernel_size: 3 pad: 1"), {{1, 2, 1, 2}, {2, 2, 3, 1}, {1, 2, 4, 4}}},
        {Filled("num_output: 1 kernel_size: 1"), {{1, 1, 1, 1}}},
        {Filled("num_output: 3 kernel_size: 2"), {{0, 2, 3, 3}}},
        {Filled("num_output: 4 kernel_size: 3 group: 4 pad: 1"), {{2, 4, 5, 5}}},
        {Filled("num_output: 2 kernel_size: 2 pad: 3 stride: 2"), {{2, 2, 3, 2}}},
        {Filled("num_output: 3 kernel_size: 3 stride: 2 pad: 1"), {{2, 2, 7}}},
        {Filled("num_output: 2 kernel_size: 2 dilation: 3 pad: 2"), {{3, 1, 5}}},
        {Filled("num_output: 2 kernel_size: 3 pad: 1"), {{2, 2, 3, 4, 3}}},
        {Filled("num_output: 4 kernel_size: 2 kernel_size: 1 kernel_size: 3 group: 2 stride: 2 "
                "pad: 1 pad: 0 pad: 2 dilation: 2"),
         {{2, 4, 4, 3, 4}}},
        {Filled("num_output: 2 kernel_size: 2 pad: 1"), {{1, 2, 2, 2, 2}, {2, 2, 1, 3, 2}}},
        {Filled("num_output: 2 kernel_size: 2"), {{0, 2, 3, 3, 3}}},
        {Filled("num_output: 3 group: 3 kernel_size: 2 bias_term: false"), {{1, 3, 3, 2, 3}}},
        {Filled("num_output: 2 kernel_size: 2"), {{1, 2, 2, 3, 2, 3}}},
        {Filled("num_output: 2 kernel_size: 2 axis: -3"), {{2, 3, 2, 3, 3}}},
        {Filled("num_output: 2 kernel_size: 2 axis: -2"), {{2, 2, 4}}},
        {Filled("num_output: 2 kernel_size: 2 axis: 2"), {{2, 1, 2, 4}}},
    });

}  // namespace
}  // namespace moka
