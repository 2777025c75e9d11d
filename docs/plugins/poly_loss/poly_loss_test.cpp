// PolyLoss: loss = 1/N sum of epsilon (1 - q) - log q.
#include <gtest/gtest.h>

#include <string>
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

// The loss of two samples of three classes.
float Loss(const std::string& params, const std::vector<float>& labels) {
  moka::RunOptions options;
  options.registry = &Plugin();
  return moka::RunLayer("type: 'PolyLoss' poly_loss_param { " + params + " }", {{2, 3}, {2}},
                        {{0, 0, 0, 1, 2, 3}, labels}, options)
      .tops[0][0];
}

// q is 1/3 and 0.66524096: log q is -1.0986123 and -0.40760596.
TEST(PolyLoss, AddsTheProbabilityThatIsMissingToSoftmaxWithLoss) {
  EXPECT_FLOAT_EQ(Loss("epsilon: 0", {0, 2}), (1.0986123f + 0.40760596f) / 2);
  EXPECT_FLOAT_EQ(Loss("", {0, 2}), (1.0986123f + 0.40760596f + 2.0f / 3 + 0.33475904f) / 2);
  EXPECT_FLOAT_EQ(Loss("epsilon: -1", {0, 2}),
                  (1.0986123f + 0.40760596f - 2.0f / 3 - 0.33475904f) / 2);
}

TEST(PolyLoss, NamesTheSampleOfAWrongLabel) {
  try {
    Loss("", {0, 3});
    FAIL();
  } catch (const moka::Error& error) {
    EXPECT_EQ(error.message(),
              "label 3 of sample 1 is not one of 0..2; bottom 0 has scores for 3 classes");
    EXPECT_EQ(error.sample(), 1);
  }
}

TEST(PolyLoss, RefusesAnEpsilonBelowMinusOne) {
  for (const std::string epsilon : {"-1.5", "nan", "inf"}) {
    try {
      Loss("epsilon: " + epsilon, {0, 2});
      FAIL() << epsilon;
    } catch (const moka::Error& error) {
      EXPECT_EQ(error.message(), "epsilon must be -1 or more, and finite, but is " + epsilon);
      EXPECT_EQ(error.field(), "poly_loss_param.epsilon");
    }
  }
}

// In the cases that poly_loss.cpp declares for `moka plugin check`, too.
TEST(PolyLoss, KeepsTheLayerContract) {
  const std::vector<moka::CheckCase> cases = Plugin().check_cases("PolyLoss");
  ASSERT_EQ(cases.size(), 3u);
  for (const moka::CheckCase& each : cases)
    EXPECT_TRUE(moka::CheckLayer(Plugin().Get("PolyLoss"), each, Plugin())) << Describe(each);
}

}  // namespace
