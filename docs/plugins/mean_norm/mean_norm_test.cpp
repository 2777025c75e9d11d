// MeanNorm: y = x - mean + b for each channel.
#include <gtest/gtest.h>

#include <vector>

#include "moka/check_case.h"
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

TEST(MeanNorm, TakesTheMeanOfTheBatchAwayInTraining) {
  moka::RunOptions options;
  options.registry = &Plugin();
  options.params = {{0, 100}};
  EXPECT_EQ(moka::RunLayer(R"(type: "MeanNorm")", {2, 2}, {1, 2, 3, 6}, options),
            (std::vector<float>{-1, 98, 1, 102}));
}

TEST(MeanNorm, TakesTheRunningMeanAwayInTests) {
  moka::RunOptions options;
  options.registry = &Plugin();
  options.training = false;
  options.params = {{0, 100}, {1, 2}};
  EXPECT_EQ(moka::RunLayer(R"(type: "MeanNorm")", {2, 2}, {1, 2, 3, 6}, options),
            (std::vector<float>{0, 100, 2, 104}));
}

TEST(MeanNorm, RefusesAMemoryOutsideItsRange) {
  moka::RunOptions options;
  options.registry = &Plugin();
  try {
    moka::RunLayer(R"(type: "MeanNorm" mean_norm_param { memory: 1 })", {2, 2}, {1, 2, 3, 4},
                   options);
    FAIL();
  } catch (const moka::Error& error) {
    EXPECT_EQ(error.message(), "memory must be at least 0 and below 1, but is 1");
    EXPECT_EQ(error.field(), "mean_norm_param.memory");
  }
}

// In the cases that mean_norm.cpp declares for `moka plugin check`, too.
TEST(MeanNorm, KeepsTheLayerContract) {
  const std::vector<moka::CheckCase> cases = Plugin().check_cases("MeanNorm");
  ASSERT_EQ(cases.size(), 2u);
  for (const moka::CheckCase& each : cases)
    EXPECT_TRUE(moka::CheckLayer(Plugin().Get("MeanNorm"), each, Plugin())) << Describe(each);
}

}  // namespace
