// Reshape: the same values in another shape.
#include <gtest/gtest.h>

#include "caught.h"
#include "layers/contract.h"
#include "layers/data_nets.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;
constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();

std::string Reshape(const std::string& params) {
  return "type: 'Reshape' reshape_param { " + params + " }";
}

Shape TopShape(const std::string& params, const Shape& shape) {
  const Values x(static_cast<size_t>(shape.count()));
  return RunLayer(Reshape(params), std::vector<Shape>{shape}, {x}).shapes[0];
}

std::string Refusal(const std::string& params, const Shape& shape = {2, 3, 4}) {
  const Error error = Caught([&] { TopShape(params, shape); });
  return error.message() + " @" + error.field();
}

TEST(Reshape, GivesTheSizesThatItIsTold) {
  EXPECT_EQ(TopShape("shape { dim: 4 dim: 6 }", {2, 3, 4}), (Shape{4, 6}));
  EXPECT_EQ(TopShape("shape { dim: 24 }", {2, 3, 4}), Shape{24});
  EXPECT_EQ(TopShape("shape { dim: 1 dim: 1 dim: 1 dim: 1 }", {1}), (Shape{1, 1, 1, 1}));
  EXPECT_EQ(TopShape("shape { }", {1, 1}), Shape());
}

TEST(Reshape, CopiesAndInfers) {
  EXPECT_EQ(TopShape("shape { dim: 0 dim: -1 }", {2, 3, 4}), (Shape{2, 12}));
  EXPECT_EQ(TopShape("shape { dim: 0 dim: 0 dim: 2 dim: -1 }", {2, 3, 4}), (Shape{2, 3, 2, 2}));
  EXPECT_EQ(TopShape("shape { dim: -1 dim: 8 }", {2, 3, 4}), (Shape{3, 8}));
  EXPECT_EQ(TopShape("shape { dim: 0 dim: 2 dim: -1 dim: 0 }", {1, 18, 5, 7}),
            (Shape{1, 2, 45, 7}));
}

TEST(Reshape, ReplacesSomeOfTheAxes) {
  EXPECT_EQ(TopShape("shape { dim: 3 dim: -1 } axis: 1", {2, 6, 4}), (Shape{2, 3, 8}));
  EXPECT_EQ(TopShape("shape { dim: 3 dim: -1 } axis: 1 num_axes: 1", {2, 6, 4}),
            (Shape{2, 3, 2, 4}));
  EXPECT_EQ(TopShape("shape { dim: -1 } axis: 0 num_axes: 2", {2, 6, 4}), (Shape{12, 4}));
  EXPECT_EQ(TopShape("shape { dim: 1 } axis: 0 num_axes: 0", {2, 3}), (Shape{1, 2, 3}));
  EXPECT_EQ(TopShape("shape { dim: 1 dim: 1 } axis: -1 num_axes: 0", {2, 3}), (Shape{2, 3, 1, 1}));
  EXPECT_EQ(TopShape("shape { dim: 2 dim: 2 } axis: -2", {2, 4}), (Shape{2, 2, 2}));
  // What is copied may lie behind the axes that are replaced.
  EXPECT_EQ(TopShape("shape { dim: -1 dim: 0 } axis: 0 num_axes: 1", {6, 3}), (Shape{2, 3, 3}));
}

// Caffe divides by 0 here.
TEST(Reshape, InfersBesideAnAxisWithoutItems) {
  EXPECT_EQ(TopShape("shape { dim: 0 dim: -1 }", {0, 3, 4}), (Shape{0, 12}));
  EXPECT_EQ(TopShape("shape { dim: -1 dim: 6 }", {0, 3, 4}), (Shape{0, 6}));
  EXPECT_EQ(Refusal("shape { dim: -1 dim: 0 } axis: 0 num_axes: 1", {4, 0}),
            "cannot infer the dim -1: the axes that are replaced in shape 4x0 (axis 0, num_axes 1) "
            "have 4 values "
            "for 0 in the other dims @reshape_param.shape.dim");
}

TEST(Reshape, KeepsTheValuesAndTheirOrder) {
  RunOptions options;
  options.top_diffs = {{1, 2, 3, 4}};
  LayerGradients gradients;
  const auto result =
      RunLayer(Reshape("shape { dim: 4 }"), {{1, 2, 2}}, {{5, 6, 7, 8}}, options, &gradients);
  EXPECT_EQ(result.tops[0], (Values{5, 6, 7, 8}));
  EXPECT_EQ(gradients.bottoms[0], (Values{1, 2, 3, 4}));
}

// Caffe refuses it. Here bottom and top share their memory anyway, and a name is only a name.
TEST(Reshape, MayWorkInPlace) {
  Context context({.threads = 1, .seed = 1});
  const auto net = MakeDataNet(
      "layer { name: 'w' type: 'Parameter' top: 'x'\n"
      "  parameter_param { shape { dim: 2 dim: 3 } filler { value: 2 } } }\n"
      "layer { name: 'r' type: 'Reshape' bottom: 'x' top: 'x' reshape_param { shape { dim: 6 } } "
      "}\n"
      "layer { name: 'sum' type: 'Reduction' bottom: 'x' top: 's' loss_weight: 1\n"
      "  reduction_param { operation: SUMSQ } }",
      context);
  EXPECT_EQ(net->Forward(), 24);
  EXPECT_EQ(net->layer(1).top_shapes[0], Shape{6});
  net->Backward();
  const auto dw = net->learned()[0].diff->values();
  EXPECT_EQ(Values(dw.begin(), dw.end()), Values(6, 4));
}

TEST(Reshape, RefusesSizesThatMakeNoSense) {
  EXPECT_EQ(Refusal(""), "reshape_param needs a shape @reshape_param");
  EXPECT_EQ(Refusal("shape { dim: 6 dim: -2 }"),
            "dim -2 is no size: it must be at least 1, or 0 to copy, or -1 to infer "
            "@reshape_param.shape.dim");
  EXPECT_EQ(Refusal("shape { dim: -1 dim: -1 }"),
            "there are 2 dims of -1; one can be inferred @reshape_param.shape.dim");
  EXPECT_EQ(Refusal("shape { dim: 5 dim: 5 }"),
            "the dims 5, 5 make a top of 5x5, which has 25 values, but the bottom, 2x3x4, has 24 "
            "@reshape_param.shape.dim");
  EXPECT_EQ(Refusal("shape { dim: -1 dim: 5 }"),
            "cannot infer the dim -1: the axes that are replaced in shape 2x3x4 have 24 values for "
            "5 in the other dims @reshape_param.shape.dim");
  EXPECT_EQ(Refusal("shape { dim: 2 dim: 3 dim: 4 dim: 0 }"),
            "dim 3 is 0, but shape 2x3x4 has no axis 3 to copy @reshape_param.shape.dim");
}

TEST(Reshape, RefusesAxesThatAreNotThere) {
  EXPECT_EQ(Refusal("shape { dim: -1 } axis: 4"),
            "axis 4 is out of range for shape 2x3x4: it must be in -4..3 @reshape_param.axis");
  EXPECT_EQ(Refusal("shape { dim: -1 } axis: -2147483648"),
            "axis -2147483648 is out of range for shape 2x3x4: it must be in -4..3 "
            "@reshape_param.axis");
  EXPECT_EQ(Refusal("shape { dim: -1 } axis: 1 num_axes: 3"),
            "there are no 3 axes from axis 1 on in shape 2x3x4 @reshape_param.num_axes");
  EXPECT_EQ(Refusal("shape { dim: -1 } num_axes: -2"),
            "num_axes -2 must be at least 0, or -1 for all to the end @reshape_param.num_axes");
}

TEST(Reshape, RefusesProductsThatOverflow) {
  const std::string large = std::to_string(kLargest);
  EXPECT_EQ(Refusal("shape { dim: " + large + " dim: 2 }"),
            "shape " + large +
                "x2 is too large: the product of its sizes exceeds 2^63 - 1 "
                "@reshape_param.shape.dim");
  EXPECT_EQ(Refusal("shape { dim: -1 dim: 4294967296 dim: 4294967296 }"),
            "shape 4294967296x4294967296 is too large: the product of its sizes exceeds 2^63 - 1 "
            "@reshape_param.shape.dim");
  // 2^64 + 24 would be 24.
  EXPECT_EQ(Refusal("shape { dim: 8 dim: 2305843009213693955 }"),
            "shape 8x2305843009213693955 is too large: the product of its sizes exceeds 2^63 - 1 "
            "@reshape_param.shape.dim");
  EXPECT_EQ(Refusal("shape { dim: 1 dim: 1 dim: 1 dim: 1 dim: 1 dim: 1 dim: 1 dim: 1 dim: 24 }"),
            "shape 1x1x1x1x1x1x1x1x24 has 9 axes; at most 8 are possible @reshape_param.shape.dim");
}

ContractCase Case(const std::string& params, const Shape& shape) {
  return {"reshape_param { " + params + " }", {shape}};
}

const ContractCases kCases("Reshape",
                           {Case("shape { dim: 0 dim: -1 } axis: 0 num_axes: -1", {2, 3, 4}),
                            Case("shape { dim: -1 }", {2, 3}), Case("shape { dim: 2 dim: 2 }", {4}),
                            Case("shape { }", {1, 1}), Case("shape { dim: 1 dim: 1 }", Shape()),
                            Case("shape { dim: 0 dim: 0 }", {2, 3}),
                            Case("shape { dim: 0 dim: -1 }", {0, 3, 4}),
                            Case("shape { dim: 2 dim: -1 } axis: 1 num_axes: 1", {2, 4, 3}),
                            Case("shape { dim: 1 } axis: 0 num_axes: 0", {2, 3}),
                            Case("shape { dim: 1 } axis: -1 num_axes: 0", {2, 3}),
                            Case("shape { dim: -1 } axis: -3", {2, 3, 2}),
                            Case("shape { dim: 1 dim: 1 dim: -1 dim: 1 dim: 1 }", {1, 1}),
                            Case("shape { dim: -1 dim: 100 }", {3, 7000}),
                            Case("shape { dim: -1 }", {40000})});

}  // namespace
}  // namespace moka
