// Printing nets: ParseNet reads it back to the same description.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "moka/schema.h"

namespace moka {
namespace {

const NetSchema& BuiltinSchema() {
  static const NetSchema schema(BuiltinLayers());
  return schema;
}

// The descriptions say the same, places aside.
void ExpectEqual(const NetDescription& a, const NetDescription& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.state.SerializeAsString(), b.state.SerializeAsString());
  EXPECT_EQ(a.force_backward, b.force_backward);
  EXPECT_EQ(a.requires_plugins, b.requires_plugins);
  ASSERT_EQ(a.layers.size(), b.layers.size());
  for (size_t i = 0; i < a.layers.size(); ++i) {
    const LayerDescription &x = a.layers[i], &y = b.layers[i];
    EXPECT_EQ(x.common.SerializeAsString(), y.common.SerializeAsString()) << x.Label();
    ASSERT_EQ(x.params.size(), y.params.size()) << x.Label();
    for (size_t k = 0; k < x.params.size(); ++k) {
      EXPECT_EQ(x.params[k].field, y.params[k].field);
      EXPECT_EQ(x.params[k].number, y.params[k].number);
      EXPECT_EQ(x.params[k].bytes, y.params[k].bytes) << x.Label() << ' ' << x.params[k].field;
    }
  }
}

TEST(PrintNet, ReadsBackToTheSame) {
  const NetDescription net = BuiltinSchema().ParseNet(R"(
name: "all \"kinds\" \n \303\251" force_backward: true requires_plugin: "snake"
state { phase: TRAIN stage: "a" }
layer {
  name: "a" type: "ReLU" bottom: "x" top: "x" loss_weight: [0.1, inf, -inf, 1e-45] phase: TEST
  param { name: "w" lr_mult: 0.333333343 } propagate_down: false include { not_stage: "b" }
  relu_param { negative_slope: 0.1 }
  dropout_param { }
  convolution_param { kernel_size: 3 kernel_size: 5 engine: CUDNN weight_filler { std: 1e-3 } }
}
layer { })");
  ExpectEqual(net, BuiltinSchema().ParseNet(BuiltinSchema().PrintNet(net)));
}

TEST(PrintNet, LooksLikeAHandWrittenNet) {
  const NetDescription net = BuiltinSchema().ParseNet(
      "layer { relu_param { negative_slope: 0.1 } type: 'ReLU' name: 'a' include { phase: TRAIN } "
      "} "
      "name: 'n'");
  EXPECT_EQ(BuiltinSchema().PrintNet(net), R"(name: "n"
layer {
  name: "a"
  type: "ReLU"
  include {
    phase: TRAIN
  }
  relu_param {
    negative_slope: 0.1
  }
}
)");
}

TEST(PrintNet, RefusesAParameterThatThisRegistryDoesNotKnow) {
  const NetDescription net =
      BuiltinSchema().ParseNet("layer { name: 'a' type: 'ReLU' relu_param { } }");
  try {
    NetSchema{Registry()}.PrintNet(net);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "layer \"a\" (ReLU): no layer here has the field relu_param");
  }
}

TEST(PrintNet, ReadsBackEveryNetOfTheModels) {
  const std::filesystem::path models = MOKA_SOURCE_DIR "/models";
  if (!std::filesystem::exists(models)) GTEST_SKIP() << "no models";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(models)) {
    if (entry.path().extension() != ".prototxt") continue;
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (text.find("layer {") == std::string::npos) continue;  // a solver
    const NetDescription net = BuiltinSchema().ReadNet(entry.path().string());
    EXPECT_FALSE(net.layers.empty()) << entry.path();
    ExpectEqual(net, BuiltinSchema().ParseNet(BuiltinSchema().PrintNet(net)));
  }
}

}  // namespace
}  // namespace moka
