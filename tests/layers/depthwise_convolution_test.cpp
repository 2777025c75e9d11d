// DepthwiseConvolution, or ConvolutionDepthwise: a Convolution with a group for each channel.
#include "caught.h"
#include "layers/contract.h"

namespace moka {
namespace {

using Values = std::vector<float>;

std::string Layer(const std::string& fields, const std::string& type = "DepthwiseConvolution") {
  return "name: \"dw\" type: \"" + type + "\" convolution_param { " + fields + " }";
}

std::string Refusal(const std::string& fields, const Shape& shape = {1, 2, 3, 3},
                    const std::string& type = "DepthwiseConvolution") {
  const Error error = Caught([&] {
    RunLayer(Layer(fields, type), {shape}, {Values(static_cast<size_t>(shape.count()))});
  });
  return error.message() + " @" + error.field();
}

TEST(DepthwiseConvolution, HasAKernelForEachChannel) {
  for (const char* type : {"DepthwiseConvolution", "ConvolutionDepthwise"}) {
    RunOptions options;
    options.params = {{1, 2, 10, 20}, {0.5, 0.25}};
    const LayerResult result =
        RunLayer(Layer("kernel_size: 2", type), std::vector<Shape>{{1, 2, 3}}, {{1, 2, 3, 4, 5, 6}},
                 options);
    EXPECT_EQ(result.shapes[0], (Shape{1, 2, 2})) << type;
    EXPECT_EQ(result.tops[0], (Values{5.5, 8.5, 140.25, 170.25})) << type;
  }
}

TEST(DepthwiseConvolution, MayHaveSeveralKernelsForEachChannel) {
  RunOptions options;
  options.params = {{1, 2, 10, 20}};
  const LayerResult result = RunLayer(Layer("num_output: 4 kernel_size: 1 bias_term: false"),
                                      std::vector<Shape>{{1, 2, 1}}, {{3, 5}}, options);
  EXPECT_EQ(result.tops[0], (Values{3, 6, 50, 100}));
}

TEST(DepthwiseConvolution, IsTheConvolutionOfThatManyGroups) {
  const std::string filled = "kernel_size: 3 pad: 1 weight_filler { type: \"gaussian\" } ";
  const Shape shape{2, 3, 4, 5};
  Values x(static_cast<size_t>(shape.count()));
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 7) - 3;
  const Values expected =
      RunLayer(Layer(filled + "num_output: 3 group: 3", "Convolution"), shape, x);
  EXPECT_EQ(RunLayer(Layer(filled), shape, x), expected);
  EXPECT_EQ(RunLayer(Layer(filled + "num_output: 3 group: 3"), shape, x), expected);
}

TEST(DepthwiseConvolution, RefusesGroupsAndOutputsThatDoNotFitTheChannels) {
  EXPECT_EQ(Refusal("kernel_size: 1 group: 1"),
            "group 1 is not the number of input channels, 2; DepthwiseConvolution has a group for "
            "each (it may be left out) @convolution_param.group");
  EXPECT_EQ(Refusal("kernel_size: 1 group: 3", {1, 2, 3}, "ConvolutionDepthwise"),
            "group 3 is not the number of input channels, 2; ConvolutionDepthwise has a group for "
            "each (it may be left out) @convolution_param.group");
  EXPECT_EQ(Refusal("kernel_size: 1 group: 0"),
            "group is 0; it must be at least 1 @convolution_param.group");
  EXPECT_EQ(Refusal("kernel_size: 1 num_output: 3"),
            "num_output 3 is not a multiple of the input's 2 channels "
            "@convolution_param.num_output");
  EXPECT_EQ(Refusal("kernel_size: 1 num_output: 0"),
            "num_output is 0; it must be at least 1 @convolution_param.num_output");
  EXPECT_EQ(Refusal("num_output: 2"),
            "kernel_size is missing (or kernel_h and kernel_w) @convolution_param");
  EXPECT_EQ(Refusal("kernel_size: 1", {1, 0, 3}), "the input, 1x0x3, has no channels @");
  EXPECT_EQ(Refusal("kernel_size: 3 stride: 2", {1, 2, 2, 2}),
            "kernel_size 3 is larger than the padded input, 2 @convolution_param.kernel_size");
}

std::string Filled(const std::string& fields) {
  return "convolution_param { weight_filler { type: \"gaussian\" std: 0.5 } "
         "bias_filler { type: \"gaussian\" } " +
         fields + " }";
}

std::vector<ContractCase> Cases() {
  return {
      {Filled("kernel_size: 2"), {{2, 2, 3, 3}}},
      {Filled("kernel_size: 3 pad: 1"), {{2, 4, 5, 6}}},
      {Filled("num_output: 6 kernel_size: 3 stride: 2 pad: 1"), {{2, 3, 5, 4}}},
      {Filled("num_output: 3 group: 3 kernel_size: 2 dilation: 2"), {{2, 3, 4, 5}}},
      {Filled("kernel_size: 1 bias_term: false"), {{2, 3, 4, 3}}},
      {Filled("kernel_size: 1"), {{1, 1, 1, 1}}},
      {Filled("kernel_size: 2"), {{0, 3, 3, 3}}},
      {Filled("kernel_size: 2 pad: 3 stride: 2"), {{2, 2, 2, 3}}},
      {Filled("kernel_h: 1 kernel_w: 3"), {{2, 2, 3, 4}, {1, 2, 2, 3}}},
      {Filled("kernel_size: 3 pad: 1"), {{2, 3, 6}}},
      {Filled("kernel_size: 3 pad: 1"), {{1, 2, 3, 3, 4}}},
      {Filled("num_output: 4 kernel_size: 2 stride: 2 pad: 1"), {{2, 2, 3, 2, 3}}},
      {Filled("kernel_size: 2 axis: -3"), {{2, 3, 2, 3, 3}}},
  };
}
const ContractCases kCases("DepthwiseConvolution", Cases());
const ContractCases kAliasCases("ConvolutionDepthwise", Cases());

}  // namespace
}  // namespace moka
