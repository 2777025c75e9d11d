#include "caught.h"
#include "layers/contract.h"
#include "layers/data_nets.h"
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
  return "name: \"ip\" type: \"InnerProduct\" inner_product_param { " + fields + " }";
}
std::string Refusal(const std::string& fields, const Shape& shape = {2, 3}) {
  const Error error = Caught(
      [&] { Results(Layer(fields), {shape}, {Values(static_cast<size_t>(shape.count()))}); });
  return error.message() + " @" + error.field();
}

TEST(InnerProduct, WeighsAllInputs) {
  RunOptions options;
  options.params = {{1, 2, 3, 4, 5, 6}, {100, 200}};
  const LayerResult result =
      Results(Layer("num_output: 2"), {{2, 3}}, {{1, 1, 1, 1, 0, -1}}, options);
  EXPECT_EQ(result.shapes[0], (Shape{2, 2}));
  EXPECT_EQ(result.tops[0], (Values{106, 215, 98, 198}));
}

TEST(InnerProduct, StoresTheWeightsTransposedOnRequest) {
  RunOptions options;
  options.params = {{1, 4, 2, 5, 3, 6}};
  options.top_diffs = {{1, 10}};
  LayerGradients d;
  const LayerResult result = Results(Layer("num_output: 2 transpose: true bias_term: false"),
                                     {{1, 3}}, {{1, 0, -1}}, options, &d);
  EXPECT_EQ(result.tops[0], (Values{-2, -2}));
  EXPECT_EQ(d.bottoms[0], (Values{41, 52, 63}));
  EXPECT_EQ(d.params[0], (Values{1, 10, 0, 0, -1, -10}));
}

TEST(InnerProduct, GivesTheGradientsOfAllThatItReads) {
  RunOptions options;
  options.params = {{1, 2, 3, 4, 5, 6}, {0, 0}};
  options.top_diffs = {{1, 10, 0, 1}};
  LayerGradients d;
  Results(Layer("num_output: 2"), {{2, 3}}, {{1, 2, 3, 4, 5, 6}}, options, &d);
  EXPECT_EQ(d.bottoms[0], (Values{41, 52, 63, 4, 5, 6}));
  EXPECT_EQ(d.params[0], (Values{1, 2, 3, 14, 25, 36}));
  EXPECT_EQ(d.params[1], (Values{1, 11}));
}

TEST(InnerProduct, KeepsTheAxesBeforeTheGivenOne) {
  const auto shape = [](const std::string& fields) {
    return Results(Layer("num_output: 7 " + fields), {{2, 3, 4, 5}}, {Values(120)}).shapes[0];
  };
  EXPECT_EQ(shape(""), (Shape{2, 7}));
  EXPECT_EQ(shape("axis: 0"), (Shape{7}));
  EXPECT_EQ(shape("axis: 2"), (Shape{2, 3, 7}));
  EXPECT_EQ(shape("axis: -1"), (Shape{2, 3, 4, 7}));
}

TEST(InnerProduct, SaysWhatIsWrongWithTheNumbers) {
  EXPECT_EQ(Refusal(""), "num_output is missing @inner_product_param");
  EXPECT_EQ(Refusal("num_output: 0"),
            "num_output is 0; it must be at least 1 @inner_product_param.num_output");
  EXPECT_EQ(Refusal("num_output: 2 axis: 2").substr(0, 6), "axis 2");
  EXPECT_EQ(Refusal("num_output: 2 axis: -3").substr(0, 7), "axis -3");
  EXPECT_EQ(Refusal("num_output: 2", {2, 0}), "has no inputs: the bottom is 2x0 @");
}

TEST(InnerProduct, RefusesANewShapeThatItsWeightsAreNotFor) {
  Context context({.threads = 1, .seed = 1});
  const auto net = MakeDataNet(
      "layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 2 dim: 3 } } }\n"
      "layer { name: 'ip' type: 'InnerProduct' bottom: 'x' top: 'y' "
      "inner_product_param { num_output: 2 } }",
      context);
  net->ReshapeInput("x", {5, 3});
  EXPECT_STREQ(Caught([&] {
                 net->ReshapeInput("x", {2, 4});
               }).what(),
               "2:1: layer \"ip\" (InnerProduct): the weights are for 3 inputs, but the bottom, "
               "2x4, has 4 from axis 1 on");
}

ContractCase Case(const std::string& fields, const Shape& shape, bool gradients = true) {
  CheckOptions options;
  options.check_gradients = gradients;
  return {"inner_product_param { " + fields +
              " weight_filler { type: 'gaussian' std: 0.5 } bias_filler { type: 'gaussian' } }",
          {shape},
          options};
}

const ContractCases kCases(
    "InnerProduct",
    {Case("num_output: 5", {3, 2, 3}), Case("num_output: 5 transpose: true", {3, 2, 3, 2}),
     Case("num_output: 3 axis: 2", {3, 2, 3, 2}),
     Case("num_output: 3 axis: -1 bias_term: false", {3, 2, 3, 2}),
     Case("num_output: 2 axis: 0", {3, 2, 3, 2}), Case("num_output: 1", {1, 1}),
     Case("num_output: 4", {1, 3}), Case("num_output: 3 transpose: true axis: -2", {2, 3, 2}),
     Case("num_output: 1 bias_term: false", {5, 4}),
     Case("num_output: 1 transpose: true bias_term: false", {5, 1}), Case("num_output: 3", {0, 4}),
     Case("num_output: 3 axis: 2", {2, 0, 4}), Case("num_output: 70", {33, 65}),
     Case("num_output: 300", {70, 200}, false),
     Case("num_output: 300 transpose: true", {70, 200}, false)});

}  // namespace
}  // namespace moka
