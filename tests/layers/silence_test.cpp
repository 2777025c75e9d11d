// Silence: reads blobs, and nothing comes of it.
#include <gtest/gtest.h>

#include "layers/contract.h"
#include "layers/data_nets.h"

namespace moka {
namespace {

TEST(Silence, HasNoTopsAndKeepsABlobFromBeingAnOutput) {
  Context context({.threads = 1, .seed = 1});
  const auto net = MakeDataNet(
      "layer { name: 'in' type: 'Input' top: 'a' top: 'b' input_param { shape { dim: 2 } } }\n"
      "layer { name: 'relu' type: 'ReLU' bottom: 'a' top: 'y' }\n"
      "layer { name: 'hush' type: 'Silence' bottom: 'b' }\n",
      context);
  net->Forward();
  ASSERT_EQ(net->outputs().size(), 1U);
  EXPECT_EQ(net->outputs()[0].name, "y");
}

// What only Silence reads has the gradient 0.
TEST(Silence, GivesTheGradientZero) {
  Context context({.threads = 1, .seed = 1});
  const auto net = MakeDataNet(
      "layer { name: 'in' type: 'Input' top: 'x' input_param { shape { dim: 1 dim: 4 } } }\n"
      "layer { name: 'ip' type: 'InnerProduct' bottom: 'x' top: 'h' inner_product_param {\n"
      "  num_output: 4 bias_term: false weight_filler { type: 'constant' value: 1 } } }\n"
      "layer { name: 'cut' type: 'Slice' bottom: 'h' top: 'a' top: 'b' }\n"
      "layer { name: 'hush' type: 'Silence' bottom: 'b' }\n"
      "layer { name: 'sum' type: 'Reduction' bottom: 'a' top: 'sum' loss_weight: 1 }\n",
      context);
  net->input("x").Fill(3);
  EXPECT_EQ(net->Forward(), 24);
  net->Backward();
  const std::span<const float> dw = net->learned()[0].diff->values();
  for (size_t i = 0; i < dw.size(); ++i) EXPECT_EQ(dw[i], i < 8 ? 3 : 0) << i;
}

const ContractCases kCases("Silence", {{"", {{2, 3}}},
                                       {"", {{2, 3}, {4}}},
                                       {"", {{1}}},
                                       {"", {Shape()}},
                                       {"", {{0, 3}}},
                                       {"", {{2, 0}, {3}}},
                                       {"", {{1, 1, 1, 1}}},
                                       {"", {{2, 3}, {4, 5}, {6}}},
                                       {"", {{2, 3, 4, 5}}},
                                       {"", {{1, 2, 1, 2, 1, 2, 1, 2}}},
                                       {"", {{5}, {5}, {5}, {5}, {5}}},
                                       {"", {{3, 7000}}}});

}  // namespace
}  // namespace moka
