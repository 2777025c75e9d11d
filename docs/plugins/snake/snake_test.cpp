// Snake: y = x + sin^2(alpha x) / alpha.
#include <gtest/gtest.h>

#include <string>
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

std::vector<float> Values(const std::string& layer, const std::vector<float>& x) {
  moka::RunOptions options;
  options.registry = &Plugin();
  return moka::RunLayer(layer, x, options);
}

TEST(Snake, AddsTheSquareOfTheSine) {
  const std::vector<float> y = Values(R"(type: "Snake")", {-1, 0, 1, 2});
  EXPECT_FLOAT_EQ(y[0], -0.29192658f);
  EXPECT_EQ(y[1], 0);
  EXPECT_FLOAT_EQ(y[2], 1.7080734f);
  EXPECT_FLOAT_EQ(y[3], 2.8268218f);
}

TEST(Snake, WavesFasterAndFlatterForALargerAlpha) {
  const std::vector<float> y = Values(R"(type: "Snake" snake_param { alpha: 4 })", {-1, 1});
  EXPECT_FLOAT_EQ(y[0], -0.85681250f);
  EXPECT_FLOAT_EQ(y[1], 1.1431875f);
}

TEST(Snake, RefusesAnAlphaThatIsNotPositive) {
  for (const std::string alpha : {"0", "-1", "nan", "inf"}) {
    try {
      Values(R"(type: "Snake" snake_param { alpha: )" + alpha + " }", {1});
      FAIL() << alpha;
    } catch (const moka::Error& error) {
      EXPECT_EQ(error.message(), "alpha must be positive and finite, but is " + alpha);
      EXPECT_EQ(error.field(), "snake_param.alpha");
    }
  }
}

TEST(Snake, KeepsTheLayerContract) {
  moka::CheckOptions options;
  options.registry = &Plugin();
  EXPECT_TRUE(moka::CheckLayer(R"(type: "Snake")", {{2, 3, 4, 5}}, options));
  EXPECT_TRUE(
      moka::CheckLayer(R"(type: "Snake" snake_param { alpha: 1.5 })", {{2, 3, 4, 5}}, options));
}

}  // namespace
