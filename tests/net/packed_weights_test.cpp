// A net that does not train keeps its weights as the kernels read them: packed once, and again only
// when they have changed.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "moka/net.h"
#include "naive/compare.h"
#include "net/net_text.h"

namespace moka {
namespace {

using testing::Layers;
using testing::Parse;
using Values = std::vector<float>;

class PackedWeights : public ::testing::TestWithParam<const char*> {
 protected:
  PackedWeights()
      : net_(Parse(std::string("layer { name: 'in' type: 'Input' top: 'x' input_param { shape { "
                               "dim: 60 dim: 8 dim: 5 dim: 5 } } }\n") +
                   GetParam()),
             Layers(), context_, Options()) {
    const Values x = naive::Random(60 * 8 * 25, "x");
    std::copy(x.begin(), x.end(), net_.input("x").data());
  }
  static NetOptions Options() {
    NetOptions options;
    options.phase = TEST;
    options.backward = false;
    return options;
  }
  Values Run() {
    net_.Forward();
    const auto y = net_.blob("y").values();
    return {y.begin(), y.end()};
  }
  Param& weight() { return *net_.weights().Find("y", 0); }

  Context context_{{.threads = 2, .seed = 5}};
  Net net_;
};

TEST_P(PackedWeights, AreMadeAnewWhenTheyHaveChanged) {
  const Values before = Run();
  for (float& w : weight().Change().values()) w *= 2;
  const Values after = Run();
  for (size_t i = 0; i < before.size(); ++i) ASSERT_EQ(after[i], 2 * before[i]) << i;
}

TEST_P(PackedWeights, AreNotMadeAnewWhenNobodySaysThatTheyHaveChanged) {
  const Values before = Run();
  for (const float& w : weight().values().values()) const_cast<float&>(w) = 0;
  EXPECT_EQ(Run(), before);
}

TEST_P(PackedWeights, AreThoseOfTheShapeOfNow) {
  Run();
  Tensor& input = net_.input("x");
  const Values x(input.values().begin(), input.values().end());
  const Values all = Run();
  for (const int64_t batch : {3, 60, 50}) {
    net_.ReshapeInput("x", {batch, 8, 5, 5});
    std::copy_n(x.begin(), batch * 8 * 25, net_.input("x").data());
    const Values some = Run();
    for (size_t i = 0; i < some.size(); ++i) ASSERT_NEAR(some[i], all[i], 1e-4) << batch;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Layers, PackedWeights,
    ::testing::Values("layer { name: 'y' type: 'InnerProduct' bottom: 'x' top: 'y' "
                      "inner_product_param { num_output: 40 bias_term: false "
                      "weight_filler { type: 'xavier' } } }",
                      "layer { name: 'y' type: 'InnerProduct' bottom: 'x' top: 'y' "
                      "inner_product_param { num_output: 40 bias_term: false transpose: true "
                      "weight_filler { type: 'xavier' } } }",
                      "layer { name: 'y' type: 'Convolution' bottom: 'x' top: 'y' "
                      "convolution_param { num_output: 16 kernel_size: 3 pad: 1 bias_term: false "
                      "weight_filler { type: 'xavier' } } }",
                      "layer { name: 'y' type: 'Convolution' bottom: 'x' top: 'y' "
                      "convolution_param { num_output: 16 kernel_size: 1 bias_term: false "
                      "weight_filler { type: 'xavier' } } }"));

}  // namespace
}  // namespace moka
