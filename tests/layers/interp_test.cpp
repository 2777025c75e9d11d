// Interp: images resized bilinearly, their corners kept.
#include <gtest/gtest.h>

#include <cmath>

#include "caught.h"
#include "layers/contract.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;

std::string Interp(const std::string& params) {
  return "type: 'Interp' interp_param { " + params + " }";
}

Shape TopShape(const std::string& params, const Shape& shape) {
  const Values x(static_cast<size_t>(shape.count()));
  return RunLayer(Interp(params), std::vector<Shape>{shape}, {x}).shapes[0];
}

std::string Refusal(const std::string& params, const Shape& shape = {1, 1, 3, 3}) {
  const Error error = Caught([&] { TopShape(params, shape); });
  return error.message() + " @" + error.field();
}

TEST(Interp, KeepsTheCornersAndDividesWhatLiesBetween) {
  EXPECT_EQ(RunLayer(Interp("height: 1 width: 5"), Shape{1, 1, 1, 3}, {0, 2, 10}),
            (Values{0, 1, 2, 6, 10}));
  EXPECT_EQ(RunLayer(Interp("height: 3 width: 3"), Shape{1, 1, 2, 2}, {0, 4, 8, 12}),
            (Values{0, 2, 4, 4, 6, 8, 8, 10, 12}));
}

TEST(Interp, TakesTheFirstPixelForASizeOfOne) {
  EXPECT_EQ(RunLayer(Interp("height: 1 width: 1"), Shape{1, 1, 2, 2}, {5, 6, 7, 8}), Values{5});
  EXPECT_EQ(RunLayer(Interp("height: 2 width: 2"), Shape{1, 1, 1, 1}, {5}), Values(4, 5));
}

TEST(Interp, HasThreeWaysToSayTheSize) {
  EXPECT_EQ(TopShape("height: 7 width: 2", {2, 3, 4, 5}), (Shape{2, 3, 7, 2}));
  EXPECT_EQ(TopShape("zoom_factor: 8", {1, 1, 60, 1}), (Shape{1, 1, 473, 1}));
  EXPECT_EQ(TopShape("shrink_factor: 2", {1, 1, 5, 6}), (Shape{1, 1, 3, 3}));
  EXPECT_EQ(TopShape("shrink_factor: 2 zoom_factor: 3", {1, 1, 5, 6}), (Shape{1, 1, 7, 7}));
  EXPECT_EQ(TopShape("shrink_factor: 2147483647", {1, 1, 5, 6}), (Shape{1, 1, 1, 1}));
}

TEST(Interp, CutsPixelsOffBefore) {
  const Values x = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  EXPECT_EQ(RunLayer(Interp("pad_beg: -1 pad_end: -2 zoom_factor: 2"), Shape{1, 1, 4, 4}, x),
            Values{5});
  EXPECT_EQ(RunLayer(Interp("pad_beg: -2 zoom_factor: 1"), Shape{1, 1, 4, 4}, x),
            (Values{10, 11, 14, 15}));
}

TEST(Interp, GivesEachPixelTheGradientOfItsShare) {
  RunOptions options;
  options.top_diffs = {{1, 10, 100, 1000, 10000}};
  LayerGradients gradients;
  RunLayer(Interp("height: 1 width: 5"), {{1, 1, 1, 3}}, {{0, 2, 10}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{6, 605, 10500}));
  options.top_diffs = {{7}};
  RunLayer(Interp("zoom_factor: 1 pad_beg: -1 pad_end: -1"), {{1, 1, 3, 3}}, {Values(9)}, options,
           &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{0, 0, 0, 0, 7, 0, 0, 0, 0}));
}

// Next to a pixel that counts with weight 0 there may be one that is infinite.
TEST(Interp, LooksAtNoPixelThatDoesNotCount) {
  EXPECT_EQ(RunLayer(Interp("height: 1 width: 3"), Shape{1, 1, 2, 3}, {1, 2, INFINITY, 4, 5, 6}),
            (Values{1, 2, INFINITY}));
}

TEST(Interp, RefusesSizesThatMakeNoSense) {
  EXPECT_EQ(Refusal(""),
            "the size is missing: give height and width, or zoom_factor, or shrink_factor "
            "@interp_param");
  EXPECT_EQ(Refusal("height: 3"), "width is 0; it must be at least 1 @interp_param.width");
  EXPECT_EQ(Refusal("height: 0 width: 3"),
            "height is 0; it must be at least 1 @interp_param.height");
  EXPECT_EQ(Refusal("zoom_factor: 0"),
            "zoom_factor is 0; it must be at least 1 @interp_param.zoom_factor");
  EXPECT_EQ(Refusal("shrink_factor: -2"),
            "shrink_factor is -2; it must be at least 1 @interp_param.shrink_factor");
  EXPECT_EQ(Refusal("zoom_factor: 2147483647"),
            "zoom_factor 2147483647 makes a height of 3 too large @interp_param.zoom_factor");
  EXPECT_EQ(Refusal("zoom_factor: 2", {1, 1, 4}),
            "expects images N x C x H x W (4 axes), not 1x1x4 @");
}

// DeepLab's layer takes the factor without a word.
TEST(Interp, RefusesTwoSizes) {
  EXPECT_EQ(Refusal("height: 3 width: 3 zoom_factor: 2"),
            "height 3 and width 3 are given, and zoom_factor 2 and shrink_factor 1: the size is "
            "one or the other @interp_param.zoom_factor");
}

TEST(Interp, RefusesPadsThatAddOrLeaveNothing) {
  EXPECT_EQ(Refusal("zoom_factor: 2 pad_beg: 1"),
            "pad_beg is 1; it cuts pixels off and must be 0 or less @interp_param.pad_beg");
  EXPECT_EQ(Refusal("zoom_factor: 2 pad_end: 2147483647"),
            "pad_end is 2147483647; it cuts pixels off and must be 0 or less "
            "@interp_param.pad_end");
  EXPECT_EQ(Refusal("zoom_factor: 2 pad_beg: -2 pad_end: -1"),
            "pad_beg -2 and pad_end -1 leave a height of 0 @interp_param");
  EXPECT_EQ(Refusal("zoom_factor: 2 pad_beg: -2147483648 pad_end: -2147483648"),
            "pad_beg -2147483648 and pad_end -2147483648 leave a height of -4294967293 "
            "@interp_param");
  EXPECT_EQ(Refusal("height: 2 width: 2", {1, 1, 3, 0}),
            "pad_beg 0 and pad_end 0 leave a width of 0 @interp_param");
}

CheckOptions NoGradients() {
  CheckOptions options;
  options.check_gradients = false;
  return options;
}

ContractCase Case(const std::string& params, const Shape& shape, const CheckOptions& options = {}) {
  return {"interp_param { " + params + " }", {shape}, options};
}

const ContractCases kCases(
    "Interp", {Case("zoom_factor: 2", {1, 2, 3, 4}), Case("height: 5 width: 7", {2, 1, 3, 4}),
               Case("height: 2 width: 2", {1, 2, 5, 4}), Case("height: 1 width: 1", {1, 2, 3, 3}),
               Case("height: 3 width: 4", {1, 1, 1, 1}), Case("height: 3 width: 4", {1, 1, 3, 4}),
               Case("shrink_factor: 2", {2, 1, 5, 6}), Case("shrink_factor: 9", {1, 1, 5, 6}),
               Case("shrink_factor: 2 zoom_factor: 3", {1, 2, 4, 5}),
               Case("zoom_factor: 2 pad_beg: -1 pad_end: -1", {1, 1, 4, 5}),
               Case("height: 4 width: 4 pad_beg: -2", {1, 2, 3, 3}),
               Case("zoom_factor: 3", {0, 2, 3, 3}), Case("zoom_factor: 3", {2, 0, 3, 3}),
               Case("zoom_factor: 1", {1, 1, 2, 2}), Case("height: 1 width: 9", {1, 3, 2, 3}),
               Case("zoom_factor: 4", {2, 3, 20, 30}, NoGradients())});

}  // namespace
}  // namespace moka
