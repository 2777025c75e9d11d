// Swish: y = x s(beta x), with s(z) = 1 / (1 + exp(-z)).
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

TEST(Swish, WeighsEachValueByItsLogistic) {
  const std::vector<float> y = Values(R"(type: "Swish")", {-1, 0, 1, 2});
  EXPECT_FLOAT_EQ(y[0], -0.26894143f);
  EXPECT_EQ(y[1], 0);
  EXPECT_FLOAT_EQ(y[2], 0.73105858f);
  EXPECT_FLOAT_EQ(y[3], 1.7615942f);
}

TEST(Swish, IsHalfTheValueForBetaZero) {
  EXPECT_EQ(Values(R"(type: "Swish" swish_param { beta: 0 })", {-4, 1, 6}),
            (std::vector<float>{-2, 0.5, 3}));
}

TEST(Swish, RefusesABetaThatIsNoNumber) {
  try {
    Values(R"(type: "Swish" swish_param { beta: nan })", {1});
    FAIL();
  } catch (const moka::Error& error) {
    EXPECT_EQ(error.message(), "beta must be finite, but is nan");
    EXPECT_EQ(error.field(), "swish_param.beta");
  }
}

TEST(Swish, KeepsTheLayerContract) {
  moka::CheckOptions options;
  options.registry = &Plugin();
  EXPECT_TRUE(moka::CheckLayer(R"(type: "Swish")", {{2, 3, 4, 5}}, options));
  EXPECT_TRUE(
      moka::CheckLayer(R"(type: "Swish" swish_param { beta: 1.5 })", {{2, 3, 4, 5}}, options));
}

}  // namespace
