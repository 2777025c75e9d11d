// GLU: y = a s(b), with s(z) = 1 / (1 + exp(-z)).
#include <gtest/gtest.h>

#include <vector>

#include "moka/check_layer.h"
#include "moka/plugin.h"

namespace {

// The built-in types and those of this plugin.
const moka::Registry& Plugin() {
  static const moka::Registry registry = [] {
    moka::Registry loaded = moka::BuiltinLayers();
    moka::LoadPlugin(MOKA_PLUGIN_FILE, loaded);
    return loaded;
  }();
  return registry;
}

TEST(GLU, MultipliesEachValueWithItsGate) {
  moka::RunOptions options;
  options.registry = &Plugin();
  const moka::LayerResult result =
      moka::RunLayer(R"(type: "GLU")", {{3}, {3}}, {{2, 4, -3}, {0, 1, 100}}, options);
  EXPECT_EQ(result.tops[0][0], 1);
  EXPECT_FLOAT_EQ(result.tops[0][1], 4 * 0.73105858f);
  EXPECT_EQ(result.tops[0][2], -3);
}

TEST(GLU, RefusesBottomsOfDifferentShapes) {
  moka::RunOptions options;
  options.registry = &Plugin();
  try {
    moka::RunLayer(R"(type: "GLU")", {{1, 2}, {1, 3}}, {{1, 2}, {1, 2, 3}}, options);
    FAIL();
  } catch (const moka::Error& error) {
    EXPECT_EQ(error.message(),
              "bottom 0 is 1x2, bottom 1 is 1x3: they must have equal shapes, for each value has "
              "its gate");
  }
}

TEST(GLU, KeepsTheLayerContract) {
  moka::CheckOptions options;
  options.registry = &Plugin();
  EXPECT_TRUE(moka::CheckLayer(R"(type: "GLU")", {{2, 3, 4}, {2, 3, 4}}, options));
}

}  // namespace
