// Embed: a learned row for each index.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "caught.h"
#include "layers/contract.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::string Embed(const std::string& params) {
  return "type: 'Embed' embed_param { " + params + " }";
}

std::string Refusal(const std::string& params) {
  const Error error = Caught([&] { RunLayer(Embed(params), Shape{1}, {0}); });
  return error.message() + " @" + error.field();
}

TEST(Embed, GivesARowForEachIndex) {
  RunOptions options;
  options.params = {{0, 1, 10, 11, 20, 21}, {0.5F, -0.5F}};
  const auto result = RunLayer(Embed("num_output: 2 input_dim: 3"), std::vector<Shape>{{2, 2}},
                               {{2, 0, 0, 1}}, options);
  EXPECT_EQ(result.shapes[0], (Shape{2, 2, 2}));
  EXPECT_EQ(result.tops[0], (Values{20.5, 20.5, 0.5, 0.5, 0.5, 0.5, 10.5, 10.5}));
}

TEST(Embed, DoesWithoutABias) {
  RunOptions options;
  options.params = {{0, 1, 10, 11, 20, 21}};
  EXPECT_EQ(RunLayer(Embed("num_output: 2 input_dim: 3 bias_term: false"), {2, 1}, options),
            (Values{20, 21, 10, 11}));
}

TEST(Embed, AddsTheGradientsOfEachIndexInDouble) {
  RunOptions options;
  options.top_diffs = {{1, 1e8F, 2, 3, 4, -1e8F}};
  LayerGradients gradients;
  RunLayer(Embed("num_output: 1 input_dim: 4"), {{6}}, {{3, 1, 3, 1, 0, 1}}, options, &gradients);
  EXPECT_EQ(gradients.params[0], (Values{4, 3, 0, 3}));
  EXPECT_EQ(gradients.params[1], Values{10});
}

// Caffe looks at an index in debug builds only: elsewhere it reads beyond the weights.
TEST(Embed, ChecksEachIndexAndNamesTheSample) {
  const auto refusal = [](float index) {
    return Caught([&] {
      RunLayer(Embed("num_output: 2 input_dim: 7"), Shape{3, 2}, {0, 1, 6, 5, 0, index});
    });
  };
  EXPECT_EQ(refusal(7).message(),
            "index 7 of sample 2 (position 1) is outside 0..6, as input_dim is 7");
  EXPECT_EQ(refusal(7).sample(), 2);
  EXPECT_EQ(refusal(-1).message(),
            "index -1 of sample 2 (position 1) is outside 0..6, as input_dim is 7");
  EXPECT_EQ(refusal(1e30F).message(),
            "index 1e+30 of sample 2 (position 1) is outside 0..6, as input_dim is 7");
  EXPECT_EQ(refusal(0.5F).message(),
            "index 0.5 of sample 2 (position 1) is not an integer in 0..6, as input_dim is 7");
  EXPECT_EQ(refusal(kNan).message(),
            "index nan of sample 2 (position 1) is not an integer in 0..6, as input_dim is 7");
}

TEST(Embed, RefusesSizesThatMakeNoSense) {
  EXPECT_EQ(Refusal("input_dim: 3"), "num_output is missing @embed_param");
  EXPECT_EQ(Refusal("num_output: 3"), "input_dim is missing @embed_param");
  EXPECT_EQ(Refusal("num_output: 0 input_dim: 3"),
            "num_output is 0; it must be at least 1 @embed_param.num_output");
  EXPECT_EQ(Refusal("num_output: 3 input_dim: 0"),
            "input_dim is 0; it must be at least 1 @embed_param.input_dim");
  EXPECT_EQ(Refusal("num_output: 3 input_dim: 16777217"),
            "input_dim 16777217 is more than the 16777216 indices that a float can count "
            "@embed_param.input_dim");
  EXPECT_EQ(Refusal("num_output: 3 input_dim: 3 weight_filler { type: 'xavir' }"),
            "unknown filler type \"xavir\"; did you mean \"xavier\"? "
            "@embed_param.weight_filler.type");
}

CheckOptions Indices(int64_t count, bool gradients = true) {
  CheckOptions options;
  options.input = [count](int, int64_t, float random) {
    return std::floor(random * static_cast<float>(count));
  };
  options.check_gradients = gradients;
  return options;
}

const ContractCases kCases(
    "Embed",
    {{"embed_param { num_output: 3 input_dim: 4 }", {{5}}, Indices(4)},
     {"embed_param { num_output: 3 input_dim: 4 bias_term: false }", {{2, 3}}, Indices(4)},
     {"embed_param { num_output: 1 input_dim: 1 }", {{1, 1}}, Indices(1)},
     {"embed_param { num_output: 1 input_dim: 6 }", {{4, 2, 3}}, Indices(6)},
     {"embed_param { num_output: 7 input_dim: 2 }", {{3, 1}}, Indices(2)},
     {"embed_param { num_output: 2 input_dim: 9 }", {{1}}, Indices(9)},
     {"embed_param { num_output: 2 input_dim: 3 }", {Shape()}, Indices(3)},
     {"embed_param { num_output: 2 input_dim: 3 }", {{0}}, Indices(3)},
     {"embed_param { num_output: 2 input_dim: 3 }", {{0, 4}}, Indices(3)},
     {"embed_param { num_output: 4 input_dim: 30 }", {{2, 3}}, Indices(2)},
     {"embed_param { num_output: 2 input_dim: 3 weight_filler { type: 'xavier' } bias_filler { "
      "value: 1 } }",
      {{6}},
      Indices(3)},
     {"embed_param { num_output: 2 input_dim: 3 }", {{2, 1, 1, 1, 1, 1, 2}}, Indices(3)},
     {"embed_param { num_output: 40 input_dim: 90 }", {{30, 40}}, Indices(90, false)},
     {"embed_param { num_output: 20000 input_dim: 3 }", {{4}}, Indices(3, false)}});

}  // namespace
}  // namespace moka
