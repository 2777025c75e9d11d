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
TEST(@Name@, DampsLargeValues) {
  moka::RunOptions options;
  options.registry = &Plugin();
  EXPECT_EQ(moka::RunLayer(kLayer, {-3, -1, 0, 1, 3}, options),
            (std::vector<float>{-0.75, -0.5, 0, 0.5, 0.75}));
}

// Gradients agree with differences, what the traits declare is true, and more: moka/check_layer.h.
TEST(@Name@, KeepsTheLayerContract) {
  moka::CheckOptions options;
  options.registry = &Plugin();
  EXPECT_TRUE(moka::CheckLayer(kLayer, {{2, 3, 4, 5}}, options));
}

}  // namespace
