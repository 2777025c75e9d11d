// @Name@: @formula@.
#include <gtest/gtest.h>

#include <vector>

#include "moka/check_layer.h"
#include "moka/plugin.h"

namespace {

// This plugin's layer, and what Moka brings itself: fillers, for example.
const moka::Registry& Plugin() {
  static const moka::Registry registry = [] {
    moka::Registry loaded = moka::BuiltinLayers();
    moka::LoadPlugin(MOKA_PLUGIN_FILE, loaded);
    return loaded;
  }();
  return registry;
}

constexpr const char* kLayer = R"(@layer_text@)";

// Values that you know: worked out by hand, or from the paper.
TEST(@Name@, MultipliesAndAddsInEachChannel) {
  moka::RunOptions options;
  options.registry = &Plugin();
  options.params = {{2, -1}, {0.5, 0}};  // w, b
  EXPECT_EQ(moka::RunLayer(kLayer, moka::Shape{1, 2, 3}, {1, 2, 3, 4, 5, 6}, options),
            (std::vector<float>{2.5, 4.5, 6.5, -4, -5, -6}));
}

TEST(@Name@, BeginsAsTheIdentity) {
  moka::RunOptions options;
  options.registry = &Plugin();
  EXPECT_EQ(moka::RunLayer(kLayer, moka::Shape{1, 2}, {3, -4}, options),
            (std::vector<float>{3, -4}));
}

// Gradients agree with differences, what the traits declare is true, and more: moka/check_layer.h.
TEST(@Name@, KeepsTheLayerContract) {
  moka::CheckOptions options;
  options.registry = &Plugin();
  EXPECT_TRUE(moka::CheckLayer(kLayer, {{2, 3, 4, 5}}, options));
  EXPECT_TRUE(moka::CheckLayer(kLayer, {{4, 3}}, options));
}

}  // namespace
