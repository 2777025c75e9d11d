// Split: each top is the bottom, the gradients add up.
#include <gtest/gtest.h>

#include "layers/contract.h"
#include "layers/data_nets.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;

TEST(Split, GivesEachTopTheValuesOfTheBottom) {
  const auto result = RunLayer("type: 'Split' top: 'a' top: 'b' top: 'c'",
                               std::vector<Shape>{{2, 2}}, {{1, 2, 3, 4}});
  ASSERT_EQ(result.tops.size(), 3U);
  for (const Values& top : result.tops) EXPECT_EQ(top, (Values{1, 2, 3, 4}));
  EXPECT_EQ(result.shapes[2], (Shape{2, 2}));
}

TEST(Split, SumsTheGradientsInTheOrderOfTheTops) {
  RunOptions options;
  // 1 is lost in 1e8; added last it would not be.
  options.top_diffs = {{1, 1}, {1e8F, 2}, {-1e8F, 3}};
  LayerGradients gradients;
  RunLayer("type: 'Split' top: 'a' top: 'b' top: 'c'", {{2}}, {{7, 7}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{0, 6}));
}

TEST(Split, PassesTheGradientOfASingleTopOn) {
  RunOptions options;
  options.top_diffs = {{1, 2}};
  LayerGradients gradients;
  RunLayer("type: 'Split' top: 'a'", {{2}}, {{7, 7}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{1, 2}));
}

// Caffe refuses it; nobody else may write x then, and nobody does.
TEST(Split, MayNameOneOfItsTopsLikeTheBottom) {
  Context context({.threads = 1, .seed = 1});
  const auto net = MakeDataNet(
      "layer { name: 'w' type: 'Parameter' top: 'x'\n"
      "  parameter_param { shape { dim: 3 } filler { value: 2 } } }\n"
      "layer { name: 's' type: 'Split' bottom: 'x' top: 'x' top: 'y' }\n"
      "layer { name: 'relu' type: 'ReLU' bottom: 'x' top: 'x' }\n"
      "layer { name: 'mul' type: 'Eltwise' bottom: 'x' bottom: 'y' top: 'z'\n"
      "  eltwise_param { operation: PROD } }\n"
      "layer { name: 'sum' type: 'Reduction' bottom: 'z' top: 's' loss_weight: 1 }",
      context);
  EXPECT_EQ(net->Forward(), 12);
  net->Backward();
  const auto dw = net->learned()[0].diff->values();
  EXPECT_EQ(Values(dw.begin(), dw.end()), (Values{4, 4, 4}));
}

CheckOptions Tops(int tops, bool gradients = true) {
  CheckOptions options;
  options.tops = tops;
  options.check_gradients = gradients;
  return options;
}

const ContractCases kCases("Split", {{"", {{2, 3, 4}}, Tops(2)},
                                     {"", {{2, 3, 4}}, Tops(1)},
                                     {"", {{2, 3, 4}}, Tops(3)},
                                     {"", {{2, 3, 4}}, Tops(7)},
                                     {"", {Shape()}, Tops(2)},
                                     {"", {{1}}, Tops(2)},
                                     {"", {{1, 1, 1, 1}}, Tops(3)},
                                     {"", {{0, 3}}, Tops(2)},
                                     {"", {{2, 0}}, Tops(1)},
                                     {"", {{1, 2, 1, 2, 1, 2, 1, 2}}, Tops(2)},
                                     {"", {{600}}, Tops(2)},
                                     {"", {{3, 7000}}, Tops(1, false)},
                                     {"", {{3, 7000}}, Tops(2, false)},
                                     {"", {{3, 7000}}, Tops(3, false)}});

}  // namespace
}  // namespace moka
