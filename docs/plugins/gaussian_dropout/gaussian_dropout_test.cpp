// GaussianDropout: y = x (1 + std e), with e normal.
#include <gtest/gtest.h>

#include <cmath>
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

TEST(GaussianDropout, MultipliesWithNoiseOfMean1) {
  moka::RunOptions options;
  options.registry = &Plugin();
  const std::vector<float> y =
      moka::RunLayer(R"(type: "GaussianDropout" gaussian_dropout_param { std: 0.5 })",
                     std::vector<float>(100000, 1), options);
  double sum = 0, squares = 0;
  for (const double value : y) {
    sum += value;
    squares += (value - 1) * (value - 1);
  }
  EXPECT_NEAR(sum / 100000, 1, 0.01);
  EXPECT_NEAR(std::sqrt(squares / 100000), 0.5, 0.01);
}

TEST(GaussianDropout, ChangesNothingInTests) {
  moka::RunOptions options;
  options.registry = &Plugin();
  options.training = false;
  EXPECT_EQ(moka::RunLayer(R"(type: "GaussianDropout")", {1, -2, 3}, options),
            (std::vector<float>{1, -2, 3}));
}

TEST(GaussianDropout, RefusesANegativeDeviation) {
  moka::RunOptions options;
  options.registry = &Plugin();
  try {
    moka::RunLayer(R"(type: "GaussianDropout" gaussian_dropout_param { std: -1 })", {1}, options);
    FAIL();
  } catch (const moka::Error& error) {
    EXPECT_EQ(error.message(), "std must be 0 or more, and finite, but is -1");
    EXPECT_EQ(error.field(), "gaussian_dropout_param.std");
  }
}

// In the cases that gaussian_dropout.cpp declares for `moka plugin check`, too.
TEST(GaussianDropout, KeepsTheLayerContract) {
  const std::vector<moka::CheckCase> cases = Plugin().check_cases("GaussianDropout");
  ASSERT_EQ(cases.size(), 2u);
  for (const moka::CheckCase& each : cases)
    EXPECT_TRUE(moka::CheckLayer(Plugin().Get("GaussianDropout"), each, Plugin()))
        << Describe(each);
}

}  // namespace
