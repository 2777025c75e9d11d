// Reorg: pixels to channels in darknet's order, and back.
#include <gtest/gtest.h>

#include "caught.h"
#include "layers/contract.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;

std::string Reorg(const std::string& params) {
  return "type: 'Reorg' reorg_param { " + params + " }";
}

std::string Refusal(const std::string& params, const Shape& shape) {
  const Values x(static_cast<size_t>(shape.count()));
  const Error error = Caught([&] { RunLayer(Reorg(params), std::vector<Shape>{shape}, {x}); });
  return error.message() + " @" + error.field();
}

Values Counted(size_t count) {
  Values x(count);
  for (size_t i = 0; i < count; ++i) x[i] = static_cast<float>(i);
  return x;
}

// The memory of four 2 x 2 channels is taken for one of 4 x 4, whose squares are dealt to the tops.
TEST(Reorg, HasDarknetsOrder) {
  const auto result = RunLayer(Reorg("stride: 2"), std::vector<Shape>{{1, 4, 2, 2}}, {Counted(16)});
  EXPECT_EQ(result.shapes[0], (Shape{1, 16, 1, 1}));
  EXPECT_EQ(result.tops[0], (Values{0, 2, 8, 10, 1, 3, 9, 11, 4, 6, 12, 14, 5, 7, 13, 15}));
}

TEST(Reorg, MakesPixelsOfChannelsInReverse) {
  const auto result =
      RunLayer(Reorg("stride: 2 reverse: true"), std::vector<Shape>{{1, 8, 1, 1}}, {Counted(8)});
  EXPECT_EQ(result.shapes[0], (Shape{1, 2, 2, 2}));
  EXPECT_EQ(result.tops[0], (Values{0, 2, 4, 6, 1, 3, 5, 7}));
}

// In Intel's fork the gradient is read from a blob that nobody writes.
TEST(Reorg, GivesTheGradientOfTheTop) {
  RunOptions options;
  options.top_diffs = {{0, 2, 8, 10, 1, 3, 9, 11, 4, 6, 12, 14, 5, 7, 13, 15}};
  LayerGradients gradients;
  RunLayer(Reorg("stride: 2"), {{1, 4, 2, 2}}, {Values(16)}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], Counted(16));
  options.top_diffs = {{0, 2, 4, 6, 1, 3, 5, 7}};
  RunLayer(Reorg("stride: 2 reverse: true"), {{1, 8, 1, 1}}, {Values(8)}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], Counted(8));
}

TEST(Reorg, ChangesNothingForStrideOne) {
  EXPECT_EQ(RunLayer(Reorg("stride: 1"), Shape{1, 2, 2, 2}, Counted(8)), Counted(8));
}

TEST(Reorg, RefusesStridesThatDoNotFit) {
  EXPECT_EQ(Refusal("", {1, 4, 2, 2}), "stride is missing @reorg_param");
  EXPECT_EQ(Refusal("stride: 0", {1, 4, 2, 2}),
            "stride is 0; it must be at least 1 @reorg_param.stride");
  EXPECT_EQ(Refusal("stride: 2", {1, 6, 2, 2}),
            "the 6 channels of 1x6x2x2 are no multiple of stride x stride, 2 x 2 "
            "@reorg_param.stride");
  EXPECT_EQ(Refusal("stride: 2", {1, 4, 2, 3}),
            "stride 2 does not divide height and width of 1x4x2x3 @reorg_param.stride");
  EXPECT_EQ(Refusal("stride: 4294967295", {1, 4, 2, 2}),
            "the 4 channels of 1x4x2x2 are no multiple of stride x stride, 4294967295 x "
            "4294967295 @reorg_param.stride");
  EXPECT_EQ(Refusal("stride: 4294967295", {1, 1, 0, 0}),
            "the 1 channels of 1x1x0x0 are no multiple of stride x stride, 4294967295 x "
            "4294967295 @reorg_param.stride");
  EXPECT_EQ(Refusal("stride: 4294967295 reverse: true", {1, 0, int64_t{1} << 40, 2}),
            "shape 1099511627776x4294967295 is too large: the product of its sizes exceeds "
            "2^63 - 1 @reorg_param.stride");
  EXPECT_EQ(Refusal("stride: 2", {4, 4}), "expects images N x C x H x W (4 axes), not 4x4 @");
}

CheckOptions NoGradients() {
  CheckOptions options;
  options.check_gradients = false;
  return options;
}

const ContractCases kCases(
    "Reorg", {{"reorg_param { stride: 2 }", {{2, 4, 2, 4}}},
              {"reorg_param { stride: 2 reverse: true }", {{2, 4, 2, 3}}},
              {"reorg_param { stride: 1 }", {{2, 3, 2, 2}}},
              {"reorg_param { stride: 1 reverse: true }", {{1, 1, 1, 1}}},
              {"reorg_param { stride: 2 }", {{1, 4, 2, 2}}},
              {"reorg_param { stride: 2 reverse: true }", {{1, 4, 1, 1}}},
              {"reorg_param { stride: 3 }", {{1, 9, 3, 3}}},
              {"reorg_param { stride: 3 reverse: true }", {{2, 9, 1, 2}}},
              {"reorg_param { stride: 2 }", {{0, 4, 2, 2}}},
              {"reorg_param { stride: 2 }", {{1, 4, 0, 2}}},
              {"reorg_param { stride: 2 reverse: true }", {{2, 0, 2, 2}}},
              {"reorg_param { stride: 2 }", {{1, 12, 4, 2}}},
              {"reorg_param { stride: 2 }", {{2, 8, 60, 60}}, NoGradients()},
              {"reorg_param { stride: 2 reverse: true }", {{2, 8, 60, 60}}, NoGradients()}});

}  // namespace
}  // namespace moka
