// Flatten: several axes made one.
#include <gtest/gtest.h>

#include "caught.h"
#include "layers/contract.h"
#include "layers/data_nets.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;

Shape FlatShape(const Shape& shape, const std::string& params) {
  const Values x(static_cast<size_t>(shape.count()));
  return RunLayer("type: 'Flatten' flatten_param { " + params + " }", std::vector<Shape>{shape},
                  {x})
      .shapes[0];
}

TEST(Flatten, MakesOneAxisOfAllButTheFirst) {
  EXPECT_EQ(FlatShape({2, 3, 4, 5}, ""), (Shape{2, 60}));
  EXPECT_EQ(FlatShape({2, 3}, ""), (Shape{2, 3}));
}

TEST(Flatten, TakesAnyRangeOfAxes) {
  EXPECT_EQ(FlatShape({2, 3, 4, 5}, "axis: 0"), Shape{120});
  EXPECT_EQ(FlatShape({2, 3, 4, 5}, "axis: 0 end_axis: 1"), (Shape{6, 4, 5}));
  EXPECT_EQ(FlatShape({2, 3, 4, 5}, "axis: 1 end_axis: -2"), (Shape{2, 12, 5}));
  EXPECT_EQ(FlatShape({2, 3, 4, 5}, "axis: -3 end_axis: 1"), (Shape{2, 3, 4, 5}));
}

TEST(Flatten, TakesNoItems) { EXPECT_EQ(FlatShape({0, 3, 4}, ""), (Shape{0, 12})); }

TEST(Flatten, KeepsTheValuesAndTheirOrder) {
  RunOptions options;
  options.top_diffs = {{1, 2, 3, 4}};
  LayerGradients gradients;
  const auto result = RunLayer("type: 'Flatten'", {{1, 2, 2}}, {{5, 6, 7, 8}}, options, &gradients);
  EXPECT_EQ(result.tops[0], (Values{5, 6, 7, 8}));
  EXPECT_EQ(gradients.bottoms[0], (Values{1, 2, 3, 4}));
}

TEST(Flatten, RefusesAxesThatAreNotThereOrOutOfOrder) {
  const Error order = Caught([] { FlatShape({2, 3, 4, 5}, "axis: 2 end_axis: 1"); });
  EXPECT_NE(order.message().find("axis 2 lies after end_axis 1 in a bottom of shape 2x3x4x5"),
            std::string::npos);
  EXPECT_EQ(order.field(), "flatten_param.axis");
  const Error axis = Caught([] { FlatShape({2, 3}, "axis: 3"); });
  EXPECT_NE(axis.message().find("axis 3 is out of range for shape 2x3"), std::string::npos);
  EXPECT_EQ(axis.field(), "flatten_param.axis");
  const Error end = Caught([] { FlatShape({2, 3}, "end_axis: -3"); });
  EXPECT_EQ(end.field(), "flatten_param.end_axis");
}

// Caffe refuses it. Here bottom and top share their memory anyway, and a name is only a name.
TEST(Flatten, MayWorkInPlace) {
  Context context({.threads = 1, .seed = 1});
  const auto net = MakeDataNet(
      "layer { name: 'w' type: 'Parameter' top: 'x'\n"
      "  parameter_param { shape { dim: 2 dim: 3 } filler { value: 2 } } }\n"
      "layer { name: 'f' type: 'Flatten' bottom: 'x' top: 'x' flatten_param { axis: 0 } }\n"
      "layer { name: 'sum' type: 'Reduction' bottom: 'x' top: 's' loss_weight: 1\n"
      "  reduction_param { operation: SUMSQ } }",
      context);
  EXPECT_EQ(net->Forward(), 24);
  EXPECT_EQ(net->layer(1).top_shapes[0], Shape{6});
  net->Backward();
  const auto dw = net->learned()[0].diff->values();
  EXPECT_EQ(Values(dw.begin(), dw.end()), Values(6, 4));
}

CheckOptions NoGradients() {
  CheckOptions options;
  options.check_gradients = false;
  return options;
}

const ContractCases kCases("Flatten", {{"", {{2, 3, 4}}},
                                       {"flatten_param { axis: 0 end_axis: 1 }", {{2, 3, 4}}},
                                       {"flatten_param { axis: -1 }", {{6}}},
                                       {"flatten_param { axis: 0 }", {{2, 3}}},
                                       {"flatten_param { axis: 1 end_axis: 1 }", {{2, 3, 4}}},
                                       {"flatten_param { axis: 1 end_axis: -2 }", {{2, 3, 2, 2}}},
                                       {"flatten_param { axis: -3 end_axis: -2 }", {{2, 3, 2, 2}}},
                                       {"", {{1, 1, 1, 1}}},
                                       {"", {{1, 7}}},
                                       {"", {{0, 3, 4}}},
                                       {"", {{2, 3, 0}}},
                                       {"flatten_param { axis: 2 }", {{1, 2, 1, 2, 1, 2, 1, 2}}},
                                       {"flatten_param { axis: 0 end_axis: 0 }", {{5}}},
                                       {"", {{3, 70, 300}}, NoGradients()}});

}  // namespace
}  // namespace moka
