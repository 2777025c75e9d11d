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
TEST(@Name@, IsTheMeanOverAllValues) {
  moka::RunOptions options;
  options.registry = &Plugin();
  const moka::LayerResult result =
      moka::RunLayer(kLayer, {{1, 3}, {1, 3}}, {{5, 1, -2}, {5, 0, 0}}, options);
  EXPECT_EQ(result.shapes[0], moka::Shape());
  EXPECT_FLOAT_EQ(result.tops[0][0], (0 + 0.43378083f + 1.3250027f) / 3);  // log cosh 0, 1, 2
}

// Gradients agree with differences, what the traits declare is true, and more: moka/check_layer.h.
TEST(@Name@, KeepsTheLayerContract) {
  moka::CheckOptions options;
  options.registry = &Plugin();
  EXPECT_TRUE(moka::CheckLayer(kLayer, {{4, 3}, {4, 3}}, options));
}

}  // namespace
