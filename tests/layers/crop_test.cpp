// Crop: the part of a bottom that has another one's size.
#include <gtest/gtest.h>

#include "caught.h"
#include "layers/contract.h"
#include "layers/data_nets.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;

std::string Crop(const std::string& params) { return "type: 'Crop' crop_param { " + params + " }"; }

Values Counted(const Shape& shape) {
  Values x(static_cast<size_t>(shape.count()));
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  return x;
}

LayerResult Results(const std::string& params, const Shape& x, const Shape& size) {
  return RunLayer(Crop(params), {x, size}, {Counted(x), Counted(size)});
}

std::string Refusal(const std::string& params, const Shape& x, const Shape& size) {
  const Error error = Caught([&] { Results(params, x, size); });
  return error.message() + " @" + error.field();
}

TEST(Crop, CutsHeightAndWidthUnlessToldOtherwise) {
  const auto result = Results("", {1, 2, 3, 3}, {9, 9, 2, 2});
  EXPECT_EQ(result.shapes[0], (Shape{1, 2, 2, 2}));
  EXPECT_EQ(result.tops[0], (Values{0, 1, 3, 4, 9, 10, 12, 13}));
}

TEST(Crop, HasOneOffsetForAllAxesOrOneForEach) {
  EXPECT_EQ(Results("offset: 1", {1, 1, 3, 3}, {1, 1, 2, 2}).tops[0], (Values{4, 5, 7, 8}));
  EXPECT_EQ(Results("offset: 1 offset: 0", {1, 1, 3, 3}, {1, 1, 2, 2}).tops[0],
            (Values{3, 4, 6, 7}));
  EXPECT_EQ(Results("offset: 3", {1, 1, 3, 3}, {1, 1, 0, 0}).shapes[0], (Shape{1, 1, 0, 0}));
}

TEST(Crop, CutsFromAnyAxisOn) {
  EXPECT_EQ(Results("axis: 3 offset: 2", {1, 1, 2, 3}, {1, 1, 1, 1}).tops[0], (Values{2, 5}));
  EXPECT_EQ(Results("axis: -1 offset: 2", {1, 1, 2, 3}, {1, 1, 1, 1}).tops[0], (Values{2, 5}));
  EXPECT_EQ(Results("axis: 0 offset: 1 offset: 0 offset: 1", {2, 2, 2}, {1, 2, 1}).tops[0],
            (Values{5, 7}));
  EXPECT_EQ(Results("axis: 0 offset: 1", {4}, {2}).tops[0], (Values{1, 2}));
}

TEST(Crop, GivesTheRestTheGradientZero) {
  RunOptions options;
  options.top_diffs = {{1, 2, 3, 4}};
  LayerGradients gradients;
  const std::vector<Shape> shapes = {{1, 1, 3, 3}, {1, 1, 2, 2}};
  RunLayer(Crop("offset: 1 offset: 0"), shapes, {Values(9), Values(4)}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{0, 0, 0, 1, 2, 0, 3, 4, 0}));
}

// Caffe leaves what was in the memory of the second bottom's gradient.
TEST(Crop, GivesTheBottomThatSaysTheSizeTheGradientZero) {
  RunOptions options;
  options.top_diffs = {{1, 2, 3, 4}};
  LayerGradients gradients;
  const std::vector<Shape> shapes = {{1, 1, 3, 3}, {1, 1, 2, 2}};
  RunLayer(Crop(""), shapes, {Values(9), Values(4)}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[1], Values(4));
}

TEST(Crop, TakesASizeThatDependsOnLearnedParams) {
  EXPECT_EQ(
      WhyRefused("layer { name: 'a' type: 'Parameter' top: 'a'\n"
                 "  parameter_param { shape { dim: 3 } } }\n"
                 "layer { name: 'b' type: 'Parameter' top: 'b'\n"
                 "  parameter_param { shape { dim: 2 } } }\n"
                 "layer { name: 'c' type: 'Crop' bottom: 'a' bottom: 'b' top: 'c'\n"
                 "  crop_param { axis: 0 } }\n"
                 "layer { name: 'sum' type: 'Reduction' bottom: 'c' top: 's' loss_weight: 1 }"),
      "nothing was refused");
}

TEST(Crop, RefusesPartsThatAreNotThere) {
  EXPECT_EQ(Refusal("", {1, 1, 2, 3}, {1, 1, 2, 4}),
            "offset 0 and size 4 along axis 3 go beyond bottom 0, which is 1x1x2x3; bottom 1 is "
            "1x1x2x4 @crop_param");
  EXPECT_EQ(Refusal("offset: 1 offset: 2", {1, 1, 3, 3}, {1, 1, 2, 2}),
            "offset 2 and size 2 along axis 3 go beyond bottom 0, which is 1x1x3x3; bottom 1 is "
            "1x1x2x2 @crop_param.offset");
  EXPECT_EQ(Refusal("offset: 4294967295", {1, 1, 3, 3}, {1, 1, 2, 2}),
            "offset 4294967295 and size 2 along axis 2 go beyond bottom 0, which is 1x1x3x3; "
            "bottom 1 is 1x1x2x2 @crop_param.offset");
  EXPECT_EQ(Refusal("offset: 1 offset: 2 offset: 3", {1, 1, 3, 3}, {1, 1, 2, 2}),
            "there are 3 offsets for 2 axes of 1x1x3x3 from axis 2 on; give one for all, or one "
            "for each @crop_param.offset");
  EXPECT_EQ(Refusal("axis: 4", {1, 1, 3, 3}, {1, 1, 2, 2}),
            "axis 4 is out of range for shape 1x1x3x3, which has 4 axes @crop_param.axis");
  EXPECT_EQ(Refusal("", {1, 1, 3, 3}, {2, 2}),
            "bottom 0 is 1x1x3x3, bottom 1 is 2x2: they must have as many axes @");
}

CheckOptions NoGradients() {
  CheckOptions options;
  options.check_gradients = false;
  return options;
}

const ContractCases kCases(
    "Crop", {{"crop_param { axis: 2 offset: 1 }", {{2, 2, 4, 5}, {1, 1, 2, 3}}},
             {"", {{2, 3, 4, 5}, {2, 3, 2, 4}}},
             {"crop_param { offset: 2 offset: 0 }", {{1, 2, 4, 3}, {1, 1, 2, 3}}},
             {"crop_param { axis: 1 offset: 1 }", {{2, 3, 4}, {1, 2, 1}}},
             {"crop_param { axis: -1 offset: 1 }", {{2, 3, 4}, {1, 1, 3}}},
             {"crop_param { axis: 0 }", {{3}, {2}}},
             {"", {{1, 1, 1, 1}, {1, 1, 1, 1}}},
             {"", {{2, 3, 4, 5}, {2, 3, 4, 5}}},
             {"crop_param { axis: 2 offset: 1 }", {{2, 1, 3, 3}, {1, 1, 0, 2}}},
             {"crop_param { axis: 2 offset: 3 }", {{2, 1, 3, 3}, {1, 1, 0, 0}}},
             {"", {{0, 2, 3, 3}, {0, 2, 2, 2}}},
             {"crop_param { axis: 1 offset: 1 }", {{1, 2, 3, 2, 3}, {1, 1, 1, 1, 2}}},
             {"crop_param { offset: 3 }", {{2, 2, 100, 100}, {1, 1, 90, 80}}, NoGradients()},
             {"crop_param { axis: 1 offset: 500 }", {{2, 40000}, {1, 35000}}, NoGradients()}});

}  // namespace
}  // namespace moka
