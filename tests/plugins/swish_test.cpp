// Swish, the plugin that the documents show: y = x s(beta x), with s(z) = 1 / (1 + exp(-z)).
#include <gtest/gtest.h>

#include "moka/check_layer.h"
#include "moka/plugin.h"

namespace {

// The layers of the plugin alone; LoadRegistry({path}) would have the built-in ones, too.
const moka::Registry& Plugin() {
  static const moka::Registry registry = [] {
    moka::Registry loaded;
    moka::LoadPlugin(MOKA_BINARY_DIR "/lib/libswish.so", loaded);
    return loaded;
  }();
  return registry;
}

TEST(Swish, WeighsEachValueByItsLogistic) {
  moka::RunOptions options;
  options.registry = &Plugin();
  const auto y = moka::RunLayer(R"(type: "Swish")", {-1, 0, 1, 2}, options);
  EXPECT_FLOAT_EQ(y[0], -0.26894143f);
  EXPECT_EQ(y[1], 0);
  EXPECT_FLOAT_EQ(y[2], 0.73105858f);
  EXPECT_FLOAT_EQ(y[3], 1.7615942f);
}

TEST(Swish, IsHalfTheValueForBetaZero) {
  moka::RunOptions options;
  options.registry = &Plugin();
  EXPECT_EQ(moka::RunLayer(R"(type: "Swish" swish_param { beta: 0 })", {-4, 1, 6}, options),
            (std::vector<float>{-2, 0.5, 3}));
}

TEST(Swish, KeepsTheLayerContract) {
  moka::CheckOptions options;
  options.registry = &Plugin();
  EXPECT_TRUE(moka::CheckLayer(R"(type: "Swish")", {{2, 3, 4, 5}}, options));
  EXPECT_TRUE(
      moka::CheckLayer(R"(type: "Swish" swish_param { beta: 1.5 })", {{2, 3, 4, 5}}, options));
}

}  // namespace
