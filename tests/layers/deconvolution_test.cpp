// Deconvolution: y = the sum of the kernels, each times an element of x, laid down `stride` apart.
#include "caught.h"
#include "layers/contract.h"

namespace moka {
namespace {

using Values = std::vector<float>;

std::string Layer(const std::string& fields) {
  return "name: \"up\" type: \"Deconvolution\" convolution_param { " + fields + " }";
}

LayerResult Results(const std::string& fields, const std::vector<Shape>& shapes,
                    const std::vector<Values>& bottoms, const RunOptions& options = {},
                    LayerGradients* gradients = nullptr) {
  return RunLayer(Layer(fields), shapes, bottoms, options, gradients);
}

Shape TopShape(const std::string& fields, const Shape& x) {
  return Results(fields, {x}, {Values(static_cast<size_t>(x.count()))}).shapes[0];
}

std::string Refusal(const std::string& fields, const Shape& shape = {2, 4, 3, 3}) {
  const Error error = Caught([&] { TopShape(fields, shape); });
  return error.message() + " @" + error.field();
}

TEST(Deconvolution, LaysDownTheKernelTimesEachElement) {
  RunOptions options;
  options.params = {{1, 2, 3}, {0.5}};
  LayerResult result =
      Results("num_output: 1 kernel_size: 3 stride: 2", {{1, 1, 2}}, {{1, 10}}, options);
  EXPECT_EQ(result.shapes[0], (Shape{1, 1, 5}));
  EXPECT_EQ(result.tops[0], (Values{1.5, 2.5, 13.5, 20.5, 30.5}));
  result =
      Results("num_output: 1 kernel_size: 3 stride: 2 pad: 1", {{1, 1, 2}}, {{1, 10}}, options);
  EXPECT_EQ(result.tops[0], (Values{2.5, 13.5, 20.5}));
  result = Results("num_output: 1 kernel_size: 3 dilation: 2", {{1, 1, 2}}, {{1, 10}}, options);
  EXPECT_EQ(result.tops[0], (Values{1.5, 10.5, 2.5, 20.5, 3.5, 30.5}));
}

TEST(Deconvolution, HasWeightsOfInputChannelsTimesOutputsOfAGroup) {
  RunOptions options;
  options.params = {{1, 2, 3, 10, 20, 30}};  // two inputs, each in its group, with three outputs
  const LayerResult result = Results("num_output: 6 kernel_size: 1 group: 2 bias_term: false",
                                     {{1, 2, 1, 1}}, {{1, 2}}, options);
  EXPECT_EQ(result.tops[0], (Values{1, 2, 3, 20, 40, 60}));
}

TEST(Deconvolution, GivesTheGradientsOfAllThatItReads) {
  RunOptions options;
  options.params = {{2, 3}, {0}};
  options.top_diffs = {{1, 10, 100, 1000}};
  LayerGradients d;
  Results("num_output: 1 kernel_size: 2 stride: 2", {{1, 1, 2}}, {{5, 6}}, options, &d);
  EXPECT_EQ(d.bottoms[0], (Values{32, 3200}));
  EXPECT_EQ(d.params[0], (Values{605, 6050}));
  EXPECT_EQ(d.params[1], (Values{1111}));
}

TEST(Deconvolution, UndoesTheSizesOfAConvolution) {
  EXPECT_EQ(TopShape("num_output: 3 kernel_size: 4 stride: 2 pad: 1", {2, 1, 5, 7}),
            (Shape{2, 3, 10, 14}));
  EXPECT_EQ(TopShape("num_output: 3 kernel_h: 3 kernel_w: 5 stride_h: 2 stride_w: 1", {2, 1, 5, 7}),
            (Shape{2, 3, 11, 11}));
  EXPECT_EQ(TopShape("num_output: 3 kernel_size: 3 dilation: 2 pad: 2", {2, 1, 5}),
            (Shape{2, 3, 5}));
  EXPECT_EQ(TopShape("num_output: 3 kernel_size: 2 stride: 1 stride: 2 stride: 3", {2, 1, 2, 2, 2}),
            (Shape{2, 3, 3, 4, 5}));
  EXPECT_EQ(TopShape("num_output: 3 kernel_size: 2 axis: -2", {2, 5, 1, 4}), (Shape{2, 5, 3, 5}));
}

// An image enlarged f times by the filler "bilinear": a ramp stays one, away from the borders.
TEST(Deconvolution, EnlargesImagesExactlyWithBilinearWeights) {
  for (const int f : {2, 3, 4}) {
    const int64_t n = 5;
    const Shape x{1, 2, n, n};
    Values ramp;
    for (int64_t i = 0; i < x.count(); ++i) {
      ramp.push_back(static_cast<float>(i % n + 10 * (i / n % n) + 100 * (i / n / n)));
    }
    const std::string fields =
        "num_output: 2 group: 2 bias_term: false weight_filler { type: \"bilinear\" } "
        "kernel_size: " +
        std::to_string(2 * f - f % 2) + " stride: " + std::to_string(f) +
        " pad: " + std::to_string(f / 2);
    const LayerResult result = Results(fields, {x}, {ramp});
    ASSERT_EQ(result.shapes[0], (Shape{1, 2, f * n, f * n}));
    const double tolerance = f == 3 ? 5e-5 : 0;  // a third is no float
    // Pixel p of the enlarged image lies at (p + 0.5) / f - 0.5 of the image.
    for (int64_t c = 0; c < 2; ++c) {
      for (int64_t h = f; h < f * (n - 1); ++h) {
        for (int64_t w = f; w < f * (n - 1); ++w) {
          const double y = (static_cast<double>(h) + 0.5) / f - 0.5,
                       along = (static_cast<double>(w) + 0.5) / f - 0.5;
          const size_t at = static_cast<size_t>((c * f * n + h) * f * n + w);
          EXPECT_NEAR(result.tops[0][at], along + 10 * y + 100 * static_cast<double>(c), tolerance)
              << f << " times, channel " << c << ", row " << h << ", column " << w;
        }
      }
    }
  }
}

TEST(Deconvolution, AddsUpTheGradientsOfSharedWeights) {
  RunOptions options;
  options.params = {{2, 3}, {1}};
  options.top_diffs = {{1, 1, 1}, {10, 20}, {100, 100, 200, 300}};
  LayerGradients d;
  const LayerResult result =
      Results("num_output: 1 kernel_size: 2", {{1, 1, 2}, {1, 1, 1}, {2, 1, 1}},
              {{1, 2}, {3}, {4, 5}}, options, &d);
  EXPECT_EQ(result.tops, (std::vector<Values>{{3, 8, 7}, {7, 10}, {9, 13, 11, 16}}));
  EXPECT_EQ(d.params, (std::vector<Values>{{3 + 30 + 1400, 3 + 60 + 1900}, {733}}));
  EXPECT_EQ(d.bottoms, (std::vector<Values>{{5, 5}, {80}, {500, 1300}}));
}

TEST(Deconvolution, SaysWhatIsWrongWithTheNumbers) {
  EXPECT_EQ(Refusal("kernel_size: 3"), "num_output is missing @convolution_param");
  EXPECT_EQ(Refusal("num_output: 2"),
            "kernel_size is missing (or kernel_h and kernel_w) @convolution_param");
  EXPECT_EQ(Refusal("num_output: 3 kernel_size: 3 group: 2"),
            "num_output 3 is not divisible by group 2 @convolution_param.group");
  EXPECT_EQ(Refusal("num_output: 3 kernel_size: 3 group: 3"),
            "the input's 4 channels are not divisible by group 3 @convolution_param.group");
  EXPECT_EQ(
      Refusal("num_output: 3 kernel_size: 3 axis: -1"),
      "axis -1 of the channels is the last of 2x4x3x3; at least one axis of space must follow "
      "@convolution_param.axis");
  EXPECT_EQ(Refusal("num_output: 3 kernel_size: 3", {2, 4, 0, 3}),
            "the input, 2x4x0x3, has no pixels @");
  const Error error = Caught([] {
    Results("num_output: 1 kernel_size: 1", {{1, 2, 1}, {1, 3, 1}}, {{1, 2}, {1, 2, 3}});
  });
  EXPECT_EQ(error.message(), "bottom 1 has 3 channels, but the weights are for 2");
}

// Trap: what the formula says of an output without pixels is refused by its field.
TEST(Deconvolution, RefusesAnOutputWithoutPixels) {
  EXPECT_EQ(Refusal("num_output: 1 kernel_size: 2 pad: 1", {1, 1, 1, 1}),
            "pad 1 leaves nothing of the output, 2 - 2 * 1 = 0 @convolution_param.pad");
  EXPECT_EQ(Refusal("num_output: 1 kernel_size: 3 stride: 2 pad_h: 0 pad_w: 4", {1, 1, 2, 2}),
            "pad 4 leaves nothing of the output, 5 - 2 * 4 = -3 @convolution_param.pad_w");
  EXPECT_EQ(Refusal("num_output: 1 kernel_size: 3 pad_h: 1 pad_w: 2", {1, 1, 1, 1}),
            "pad 2 leaves nothing of the output, 3 - 2 * 2 = -1 @convolution_param.pad_w");
  EXPECT_EQ(Refusal("num_output: 1 kernel_size: 1 pad: 1073741824", {1, 1, 2}),
            "pad 1073741824 leaves nothing of the output, 2 - 2 * 1073741824 = -2147483646 "
            "@convolution_param.pad");
}

TEST(Deconvolution, RefusesSizesBeyondAllMemory) {
  EXPECT_EQ(Refusal("num_output: 1 kernel_size: 1 stride: 1073741824", {1, 1, 1025, 1025}),
            "the output of 1x1x1025x1025 with stride 1073741824, kernel 1 and dilation 1 is too "
            "large: more than 2^40 numbers @convolution_param");
  EXPECT_NE(Refusal("num_output: 4294967295 kernel_size: 1000").find("too large"),
            std::string::npos);
}

std::string Filled(const std::string& fields) {
  return "convolution_param { weight_filler { type: \"gaussian\" std: 0.5 } "
         "bias_filler { type: \"gaussian\" } " +
         fields + " }";
}

const ContractCases kCases(
    "Deconvolution",
    {
        {Filled("num_output: 2 kernel_size: 2"), {{2, 2, 3, 3}}},
        {Filled("num_output: 3 kernel_size: 4 stride: 2 pad: 1"), {{2, 2, 3, 4}}},
        {Filled("num_output: 6 kernel_size: 3 group: 2 pad: 2 dilation: 2"), {{2, 4, 3, 2}}},
        {Filled("num_output: 4 kernel_size: 1"), {{2, 3, 4, 3}}},
        {Filled("num_output: 2 kernel_size: 1 stride: 3"), {{2, 3, 2, 3}}},
        {Filled("num_output: 2 kernel_h: 1 kernel_w: 3 pad_w: 1 bias_term: false"), {{2, 2, 3, 4}}},
        {Filled("num_output: 2 kernel_size: 3"), {{2, 2, 3, 2}, {1, 2, 1, 4}}},
        {Filled("num_output: 2 kernel_size: 2 stride: 2"), {{1, 2, 1}, {2, 2, 3}, {1, 2, 2}}},
        {Filled("num_output: 1 kernel_size: 1"), {{1, 1, 1, 1}}},
        {Filled("num_output: 2 kernel_size: 3"), {{0, 2, 3, 3}}},
        {Filled("num_output: 4 kernel_size: 4 stride: 2 pad: 1 group: 4"), {{2, 4, 3, 3}}},
        {Filled("num_output: 2 kernel_size: 2 pad: 2 stride: 3"), {{2, 2, 3, 2}}},
        {Filled("num_output: 3 kernel_size: 3 stride: 2 pad: 1"), {{2, 2, 4}}},
        {Filled("num_output: 2 kernel_size: 3 stride: 2 pad: 1"), {{2, 2, 2, 3, 2}}},
        {Filled("num_output: 4 kernel_size: 2 kernel_size: 1 kernel_size: 3 group: 2 stride: 2 "
                "stride: 1 stride: 1 pad: 1 pad: 0 pad: 2 dilation: 2"),
         {{2, 4, 2, 3, 2}}},
        {Filled("num_output: 2 kernel_size: 2"), {{0, 2, 2, 2, 2}}},
        {Filled("num_output: 2 kernel_size: 2 axis: -3"), {{2, 3, 2, 2, 3}}},
    });

}  // namespace
}  // namespace moka
