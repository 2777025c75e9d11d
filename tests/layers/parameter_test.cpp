// Parameter: a learned param as a blob.
#include <gtest/gtest.h>

#include "caught.h"
#include "layers/contract.h"
#include "layers/data_nets.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;

std::string Parameter(const std::string& params) {
  return "type: 'Parameter' parameter_param { " + params + " }";
}

TEST(Parameter, GivesWhatIsLearned) {
  RunOptions options;
  options.params = {{1, 2, 3, 4, 5, 6}};
  options.top_diffs = {{6, 5, 4, 3, 2, 1}};
  LayerGradients gradients;
  const auto result =
      RunLayer(Parameter("shape { dim: 2 dim: 3 }"), std::vector<Shape>(), {}, options, &gradients);
  EXPECT_EQ(result.shapes[0], (Shape{2, 3}));
  EXPECT_EQ(result.tops[0], (Values{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(gradients.params[0], (Values{6, 5, 4, 3, 2, 1}));
}

TEST(Parameter, IsZeroUnlessAFillerSaysOtherwise) {
  const auto run = [](const std::string& params) {
    return RunLayer(Parameter(params), std::vector<Shape>(), {}).tops[0];
  };
  EXPECT_EQ(run("shape { dim: 3 }"), (Values{0, 0, 0}));
  EXPECT_EQ(run("shape { dim: 2 } filler { value: 4 }"), (Values{4, 4}));
  EXPECT_EQ(run("shape { } filler { value: 5 }"), Values{5});
}

TEST(Parameter, LearnsInANetWithoutInputs) {
  Context context({.threads = 1, .seed = 1});
  const auto net = MakeDataNet(
      "layer { name: 'w' type: 'Parameter' top: 'w' parameter_param { shape { dim: 3 }\n"
      "  filler { value: 2 } } }\n"
      "layer { name: 'sum' type: 'Reduction' bottom: 'w' top: 's' loss_weight: 1\n"
      "  reduction_param { operation: SUMSQ } }\n",
      context);
  EXPECT_EQ(net->Forward(), 12);
  net->Backward();
  const std::span<const float> dw = net->learned()[0].diff->values();
  EXPECT_EQ(Values(dw.begin(), dw.end()), (Values{4, 4, 4}));
}

TEST(Parameter, RefusesWhatIsNoShape) {
  const auto refusal = [](const std::string& params) {
    const Error error = Caught([&] { RunLayer(Parameter(params), std::vector<Shape>(), {}); });
    return error.message() + " @" + error.field();
  };
  EXPECT_EQ(refusal(""), "parameter_param needs a shape @parameter_param");
  EXPECT_EQ(refusal("shape { dim: 2 dim: -1 }"),
            "shape 2x-1 has a negative size, -1 @parameter_param.shape.dim");
  EXPECT_EQ(refusal("shape { dim: 4294967296 dim: 4294967296 }"),
            "shape 4294967296x4294967296 is too large: the product of its sizes exceeds 2^63 - 1 "
            "@parameter_param.shape.dim");
  EXPECT_EQ(refusal("shape { dim: 2 } filler { type: 'gausian' }"),
            "unknown filler type \"gausian\"; did you mean \"gaussian\"? "
            "@parameter_param.filler.type");
}

ContractCase Case(const std::string& params) { return {"parameter_param { " + params + " }", {}}; }

const ContractCases kCases(
    "Parameter", {Case("shape { dim: 2 dim: 3 }"),
                  Case("shape { }"),
                  Case("shape { dim: 1 }"),
                  Case("shape { dim: 1 dim: 1 dim: 1 dim: 1 }"),
                  Case("shape { dim: 0 }"),
                  Case("shape { dim: 2 dim: 0 dim: 3 }"),
                  Case("shape { dim: 7 } filler { value: 3 }"),
                  Case("shape { dim: 4 dim: 2 } filler { type: 'xavier' }"),
                  Case("shape { dim: 5 } filler { type: 'gaussian' std: 2 }"),
                  Case("shape { dim: 5 dim: 2 dim: 3 } filler { type: 'uniform' min: -1 }"),
                  Case("shape { dim: 2 dim: 1 dim: 2 dim: 1 dim: 2 dim: 1 dim: 2 dim: 1 }"),
                  {"parameter_param { shape { dim: 40000 } }", {}, [] {
                     CheckOptions options;
                     options.check_gradients = false;
                     return options;
                   }()}});

}  // namespace
}  // namespace moka
