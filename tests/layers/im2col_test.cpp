// Im2col: what lies under each place of a kernel, for each place that it is moved to.
#include "caught.h"
#include "layers/contract.h"

namespace moka {
namespace {

using Values = std::vector<float>;

std::string Layer(const std::string& fields) {
  return "name: \"im2col\" type: \"Im2col\" convolution_param { " + fields + " }";
}

LayerResult Result(const std::string& fields, const Shape& shape, const Values& x) {
  return RunLayer(Layer(fields), std::vector<Shape>{shape}, {x});
}
Shape TopShape(const std::string& fields, const Shape& shape) {
  return Result(fields, shape, Values(static_cast<size_t>(shape.count()))).shapes[0];
}
std::string Refusal(const std::string& fields, const Shape& shape) {
  const Error error = Caught([&] { TopShape(fields, shape); });
  return error.message() + " @" + error.field();
}

TEST(Im2col, LaysOutWhatIsUnderTheKernel) {
  const LayerResult result = Result("kernel_size: 2", {1, 1, 2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(result.shapes[0], (Shape{1, 4, 1, 2}));
  EXPECT_EQ(result.tops[0], (Values{1, 2, 2, 3, 4, 5, 5, 6}));
}

TEST(Im2col, PutsZerosInThePad) {
  const LayerResult result =
      Result("kernel_size: 3 pad: 1 stride: 2", {1, 2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(result.shapes[0], (Shape{1, 6, 2}));
  EXPECT_EQ(result.tops[0], (Values{0, 2, 1, 3, 2, 0, 0, 5, 4, 6, 5, 0}));
}

TEST(Im2col, AddsUpTheGradientsOfWhatWentToSeveralPlaces) {
  RunOptions options;
  options.top_diffs = {{1, 2, 10, 20}};
  LayerGradients d;
  RunLayer(Layer("kernel_size: 2"), std::vector<Shape>{{1, 1, 3}}, {{5, 6, 7}}, options, &d);
  EXPECT_EQ(d.bottoms[0], (Values{1, 12, 20}));
}

TEST(Im2col, RunsOverAnyNumberOfAxesOfSpace) {
  EXPECT_EQ(TopShape("kernel_size: 3", {2, 3, 8}), (Shape{2, 9, 6}));
  EXPECT_EQ(TopShape("kernel_h: 3 kernel_w: 2 stride: 2 pad: 1", {2, 3, 8, 9}),
            (Shape{2, 18, 4, 5}));
  EXPECT_EQ(TopShape("kernel_size: 1 kernel_size: 2 kernel_size: 3", {2, 3, 4, 4, 4}),
            (Shape{2, 18, 4, 3, 2}));
  EXPECT_EQ(TopShape("kernel_size: 2 axis: -2", {2, 3, 4, 5}), (Shape{2, 3, 8, 4}));
  EXPECT_EQ(TopShape("kernel_size: 2 axis: 0", {2, 3}), (Shape{4, 2}));
}

TEST(Im2col, DoesNotMindWhatIsForWeights) {
  EXPECT_EQ(TopShape("kernel_size: 3 num_output: 5 group: 7 engine: CUDNN", {2, 3, 8}),
            (Shape{2, 9, 6}));
}

TEST(Im2col, SaysWhatIsWrongWithTheNumbers) {
  EXPECT_EQ(Refusal("pad: 1", {1, 1, 2}),
            "kernel_size is missing (or kernel_h and kernel_w) @convolution_param");
  EXPECT_EQ(Refusal("kernel_size: 2 stride: 0", {1, 1, 2}),
            "stride is 0; it must be at least 1 @convolution_param.stride");
  EXPECT_EQ(Refusal("kernel_size: 2", {1, 2}),
            "axis 1 of the channels is the last of 1x2; at least one axis of space must follow "
            "@convolution_param.axis");
  EXPECT_EQ(
      Refusal("kernel_size: 2 kernel_size: 2", {1, 1, 2}),
      "kernel_size has 2 values; 1x1x2 has 1 axis of space after axis 1: give one for all, or "
      "one for each @convolution_param.kernel_size");
  EXPECT_NE(Refusal("kernel_size: 1048576 pad: 524288", {1, 1, 1, 1}).find("too large"),
            std::string::npos);
}

// Trap: the division that Caffe computes the size of the output with truncates, so that a kernel of
// 3 with stride 2 over 2 pixels gave an output of size 1.
TEST(Im2col, RefusesAKernelBeyondTheInputWhateverTheStride) {
  EXPECT_EQ(Refusal("kernel_size: 3 stride: 2", {1, 1, 2, 2}),
            "kernel_size 3 is larger than the padded input, 2 @convolution_param.kernel_size");
  EXPECT_EQ(Refusal("kernel_size: 3 stride: 2 dilation: 2", {1, 1, 2}),
            "kernel_size 3, over 5 pixels with dilation 2, is larger than the padded input, 2 "
            "@convolution_param.kernel_size");
}

std::string Params(const std::string& fields) { return "convolution_param { " + fields + " }"; }

const ContractCases kCases("Im2col",
                           {
                               {Params("kernel_size: 2"), {{2, 2, 3, 3}}},
                               {Params("kernel_size: 3 pad: 1"), {{2, 2, 4, 5}}},
                               {Params("kernel_size: 3 stride: 2 pad: 2"), {{2, 2, 5, 4}}},
                               {Params("kernel_size: 1"), {{1, 1, 1, 1}}},
                               {Params("kernel_size: 1 stride: 3"), {{2, 1, 4, 5}}},
                               {Params("kernel_size: 2 pad: 3 dilation: 2"), {{2, 1, 2, 3}}},
                               {Params("kernel_h: 1 kernel_w: 3"), {{1, 2, 2, 4}}},
                               {Params("kernel_size: 2"), {{0, 2, 3, 3}}},
                               {Params("kernel_size: 3 pad: 1"), {{2, 3, 5}}},
                               {Params("kernel_size: 2 stride: 2"), {{2, 2, 3, 4, 2}}},
                               {Params("kernel_size: 2 pad: 0 pad: 1 pad: 2"), {{1, 2, 2, 2, 3}}},
                               {Params("kernel_size: 2"), {{1, 1, 2, 3, 2, 3}}},
                               {Params("kernel_size: 2 axis: -3"), {{2, 3, 2, 3, 3}}},
                           });

}  // namespace
}  // namespace moka
