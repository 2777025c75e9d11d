// cosine_restarts: floor + (1 - floor) (1 + cos(pi t)) / 2.
#include <gtest/gtest.h>

#include <string>

#include "moka/plugin.h"
#include "moka/schema.h"
#include "moka/solver.h"

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

float Rate(const std::string& params, int64_t iteration) {
  const moka::SolverDescription solver = moka::NetSchema(Plugin()).ParseSolver(
      "base_lr: 8 lr_policy: 'cosine_restarts' cosine_param { " + params + " }");
  return moka::LearningRate(solver.common, Plugin(), iteration);
}

std::string Refusal(const std::string& params) {
  try {
    Rate(params, 0);
  } catch (const moka::Error& error) {
    return error.field() + ": " + error.message();
  }
  return "";
}

TEST(Cosine, FallsAndBeginsAnew) {
  EXPECT_EQ(Rate("period: 10", 0), 8);
  EXPECT_FLOAT_EQ(Rate("period: 10", 5), 4);
  EXPECT_FLOAT_EQ(Rate("period: 10", 9), 0.19577394f);
  EXPECT_EQ(Rate("period: 10", 10), 8);
  EXPECT_FLOAT_EQ(Rate("period: 10", 35), 4);
}

TEST(Cosine, MakesPeriodsLonger) {
  EXPECT_EQ(Rate("period: 10 growth: 2", 30), 8);
  EXPECT_FLOAT_EQ(Rate("period: 10 growth: 2", 20), 4);
  EXPECT_FLOAT_EQ(Rate("period: 10 growth: 2", 50), 4);
  EXPECT_EQ(Rate("period: 10 growth: 2", 70), 8);
}

TEST(Cosine, StopsAtTheFloor) { EXPECT_FLOAT_EQ(Rate("period: 10 floor: 0.5", 5), 6); }

TEST(Cosine, RefusesWhatMakesNoSense) {
  EXPECT_EQ(Refusal(""),
            "cosine_param.period: period is 0; it must be 1 or more: the iterations until the "
            "first restart");
  EXPECT_EQ(Refusal("period: 10 growth: 0.5"),
            "cosine_param.growth: growth must be 1 or more, and finite, but is 0.5");
  EXPECT_EQ(Refusal("period: 10 floor: 2"),
            "cosine_param.floor: floor must be in 0..1, a share of base_lr, but is 2");
}

}  // namespace
