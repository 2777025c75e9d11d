// Upsample: pixels repeated, or put back where a pooling took them.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "caught.h"
#include "layers/contract.h"
#include "layers/data_nets.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::string Upsample(const std::string& params) {
  return "type: 'Upsample' upsample_param { " + params + " }";
}

LayerResult Results(const std::string& params, const std::vector<Shape>& shapes) {
  std::vector<Values> bottoms;
  for (const Shape& shape : shapes) bottoms.emplace_back(static_cast<size_t>(shape.count()));
  return RunLayer(Upsample(params), shapes, bottoms);
}

std::string Refusal(const std::string& params, const std::vector<Shape>& shapes) {
  const Error error = Caught([&] { Results(params, shapes); });
  return error.message() + " @" + error.field();
}

const std::vector<Shape> kOne = {{1, 1, 2, 2}}, kTwo = {{1, 1, 2, 2}, {1, 1, 2, 2}};

TEST(Upsample, RepeatsEachPixel) {
  const auto two = RunLayer(Upsample("scale: 2"), kOne, {{1, 2, 3, 4}});
  EXPECT_EQ(two.shapes[0], (Shape{1, 1, 4, 4}));
  EXPECT_EQ(two.tops[0], (Values{1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4}));
  EXPECT_EQ(RunLayer(Upsample("scale_h: 1 scale_w: 3"), kOne, {{1, 2, 3, 4}}).tops[0],
            (Values{1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4}));
  EXPECT_EQ(RunLayer(Upsample("scale: 1"), kOne, {{1, 2, 3, 4}}).tops[0], (Values{1, 2, 3, 4}));
}

TEST(Upsample, AddsTheGradientsOfTheRepetitionsInDouble) {
  RunOptions options;
  options.top_diffs = {{1e8F, 1, -1e8F, 1, 2, 3, 4, 5}};
  LayerGradients gradients;
  RunLayer(Upsample("scale_h: 1 scale_w: 4"), {{1, 1, 1, 2}}, {{0, 0}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{2, 14}));
}

TEST(Upsample, PutsValuesWhereTheMaskSays) {
  RunOptions options;
  options.top_diffs = {Values(16)};
  for (size_t i = 0; i < 16; ++i) options.top_diffs[0][i] = static_cast<float>(i);
  LayerGradients gradients;
  const auto result =
      RunLayer(Upsample(""), kTwo, {{1, 2, 3, 4}, {5, 2, 8, 15}}, options, &gradients);
  EXPECT_EQ(result.shapes[0], (Shape{1, 1, 4, 4}));
  EXPECT_EQ(result.tops[0], (Values{0, 0, 2, 0, 0, 1, 0, 0, 3, 0, 0, 0, 0, 0, 0, 4}));
  EXPECT_EQ(gradients.bottoms[0], (Values{5, 2, 8, 15}));
  EXPECT_EQ(gradients.bottoms[1], Values(4));
}

TEST(Upsample, HasTheSizesOfSegNet) {
  EXPECT_EQ(Results("scale: 2 upsample_w: 5 upsample_h: 3", kTwo).shapes[0], (Shape{1, 1, 3, 5}));
  EXPECT_EQ(Results("scale: 3", kTwo).shapes[0], (Shape{1, 1, 6, 6}));
  EXPECT_EQ(Results("pad_out_h: true", kTwo).shapes[0], (Shape{1, 1, 3, 4}));
  EXPECT_EQ(Results("scale_h: 3 scale_w: 2 pad_out_w: true", kTwo).shapes[0], (Shape{1, 1, 6, 3}));
}

// In Caffe's fork the last one wins, but all get its gradient.
TEST(Upsample, AddsValuesOfOnePlace) {
  RunOptions options;
  options.top_diffs = {Values(16)};
  options.top_diffs[0][3] = 7;
  LayerGradients gradients;
  const auto result =
      RunLayer(Upsample(""), kTwo, {{1, 2, 3, 4}, {3, 3, 0, 3}}, options, &gradients);
  EXPECT_EQ(result.tops[0][3], 7);
  EXPECT_EQ(gradients.bottoms[0], (Values{7, 7, 0, 7}));
}

TEST(Upsample, ChecksEachPlaceOfTheMask) {
  const auto refusal = [](float mask) {
    Values places(16);
    places[14] = mask;
    return Caught([&] {
      RunLayer(Upsample(""), {{2, 2, 2, 2}, {2, 2, 2, 2}}, {Values(16), places});
    });
  };
  const std::string where =
      " of sample 1, channel 1 (position 2) is no place in 0..15: was the "
      "mask made from images of another size than 4 x 4 (scale 2)?";
  EXPECT_EQ(refusal(16).message(), "mask 16" + where);
  EXPECT_EQ(refusal(16).sample(), 1);
  EXPECT_EQ(refusal(-1).message(), "mask -1" + where);
  EXPECT_EQ(refusal(0.5F).message(), "mask 0.5" + where);
  EXPECT_EQ(refusal(1e30F).message(), "mask 1e+30" + where);
  EXPECT_EQ(refusal(kNan).message(), "mask nan" + where);
}

// SegNet: the mask comes from layers that are learned, so its gradient is asked for.
TEST(Upsample, UndoesAPoolingInANetThatLearns) {
  Context context({.threads = 1, .seed = 1});
  const auto net = MakeDataNet(
      "layer { name: 'w' type: 'Parameter' top: 'w' parameter_param {\n"
      "  shape { dim: 1 dim: 1 dim: 3 dim: 5 } filler { type: 'uniform' min: 1 max: 2 } } }\n"
      "layer { name: 'pool' type: 'Pooling' bottom: 'w' top: 'p' top: 'mask'\n"
      "  pooling_param { kernel_size: 2 stride: 2 } }\n"
      "layer { name: 'up' type: 'Upsample' bottom: 'p' bottom: 'mask' top: 'u'\n"
      "  upsample_param { scale: 2 upsample_h: 3 upsample_w: 5 } }\n"
      "layer { name: 'sum' type: 'Reduction' bottom: 'u' top: 's' loss_weight: 1 }",
      context);
  const double sum = net->Forward();
  net->Backward();
  const Learned& learned = net->learned()[0];
  const std::span<const float> w = learned.param->values().values();
  const std::span<const float> dw = std::as_const(*learned.diff).values();
  double largest = 0;
  for (size_t i = 0; i < 15; ++i) largest += w[i] * dw[i];
  EXPECT_NEAR(sum, largest, 1e-5);
  EXPECT_EQ(std::count(dw.begin(), dw.end(), 1.0F), 6);
}

TEST(Upsample, RefusesScalesThatMakeNoSense) {
  EXPECT_EQ(Refusal("", kOne), "scale is missing @upsample_param");
  EXPECT_EQ(Refusal("scale: 0", kOne), "scale is 0; it must be at least 1 @upsample_param.scale");
  EXPECT_EQ(Refusal("scale_h: 2 scale_w: 0", kOne),
            "scale_w is 0; it must be at least 1 @upsample_param.scale_w");
  EXPECT_EQ(Refusal("scale_h: 2", kOne),
            "scale_h is 2, but scale_w is missing @upsample_param.scale_h");
  EXPECT_EQ(Refusal("scale: 2 scale_h: 2 scale_w: 3", kOne),
            "scale 2 and scale_h 2 are both given @upsample_param.scale_h");
  EXPECT_EQ(Refusal("scale: 4294967295", {{0, 1, int64_t{1} << 40, 2}}),
            "shape 1099511627776x4294967295 is too large: the product of its sizes exceeds "
            "2^63 - 1 @upsample_param.scale");
  EXPECT_EQ(Refusal("scale: 2", {{2, 2}}), "expects images N x C x H x W (4 axes), not 2x2 @");
}

TEST(Upsample, RefusesWhatIsForAMask) {
  EXPECT_EQ(Refusal("upsample_h: 4 upsample_w: 5", kOne),
            "upsample_h 4 and upsample_w 5 are for a second bottom, the mask; give scale "
            "@upsample_param.upsample_h");
  EXPECT_EQ(Refusal("scale: 2 pad_out_h: true", kOne),
            "pad_out_h is for a second bottom, the mask @upsample_param.pad_out_h");
  EXPECT_EQ(Refusal("scale: 2 pad_out_w: true", kOne),
            "pad_out_w is for a second bottom, the mask @upsample_param.pad_out_w");
}

TEST(Upsample, RefusesMasksAndTheirSizesThatDoNotFit) {
  EXPECT_EQ(Refusal("upsample_h: 4", kTwo),
            "upsample_h is 4, but upsample_w is missing @upsample_param.upsample_h");
  EXPECT_EQ(Refusal("upsample_h: 4 upsample_w: 0", kTwo),
            "upsample_w is 0; it must be at least 1 @upsample_param.upsample_w");
  EXPECT_EQ(Refusal("scale: 3 pad_out_h: true", kTwo),
            "pad_out_h is for a scale of 2, but scale is 3 @upsample_param.pad_out_h");
  EXPECT_EQ(Refusal("scale_h: 2 scale_w: 3 pad_out_w: true", kTwo),
            "pad_out_w is for a scale of 2, but scale_w is 3 @upsample_param.pad_out_w");
  EXPECT_EQ(Refusal("", {{1, 1, 2, 2}, {1, 1, 2, 3}}),
            "the mask, bottom 1, is 1x1x2x3, but bottom 0 is 1x1x2x2 @");
  EXPECT_EQ(Refusal("upsample_h: 4096 upsample_w: 4097", {{0, 1, 2, 2}, {0, 1, 2, 2}}),
            "a mask cannot count the 4096 x 4097 pixels of a channel (upsample_h and upsample_w) "
            "@upsample_param");
}

// Places of the mask below `places`. Differences of Forward would move it off its integers: that
// the gradient is right is for the numbers of PyTorch.
CheckOptions Mask(int64_t places) {
  CheckOptions options;
  options.input = [places](int bottom, int64_t, float random) {
    return bottom == 0 ? 2 * random - 1 : std::floor(random * static_cast<float>(places));
  };
  options.check_gradients = false;
  return options;
}

CheckOptions NoGradients() {
  CheckOptions options;
  options.check_gradients = false;
  return options;
}

ContractCase Case(const std::string& params, const Shape& shape, const CheckOptions& options = {}) {
  return {"upsample_param { " + params + " }", {shape}, options};
}
ContractCase MaskCase(const std::string& params, const Shape& shape, int64_t places) {
  return {"upsample_param { " + params + " }", {shape, shape}, Mask(places)};
}

const ContractCases kCases(
    "Upsample",
    {MaskCase("scale: 2", {2, 2, 2, 3}, 24), Case("scale: 2", {1, 2, 2, 3}),
     Case("scale: 1", {1, 2, 2, 3}), Case("scale: 3", {2, 1, 1, 2}),
     Case("scale_h: 1 scale_w: 4", {1, 2, 2, 3}), Case("scale_h: 3 scale_w: 2", {1, 1, 2, 2}),
     Case("scale: 2", {1, 1, 1, 1}), Case("scale: 2", {0, 2, 2, 2}), Case("scale: 2", {1, 2, 0, 2}),
     Case("scale: 3", {2, 3, 40, 50}, NoGradients()),
     MaskCase("upsample_h: 5 upsample_w: 3", {1, 2, 2, 2}, 15),
     MaskCase("pad_out_h: true pad_out_w: true", {1, 1, 2, 2}, 9),
     MaskCase("scale_h: 3 scale_w: 1", {2, 1, 2, 2}, 12),
     MaskCase("upsample_h: 1 upsample_w: 1", {1, 1, 1, 1}, 1),
     MaskCase("scale: 2", {0, 2, 2, 2}, 16), MaskCase("scale: 2", {2, 4, 30, 40}, 4800)});

}  // namespace
}  // namespace moka
