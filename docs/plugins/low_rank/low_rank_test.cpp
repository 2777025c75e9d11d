// LowRank: y = h w' + b with h = x v'.
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

std::string Refusal(const std::string& params) {
  moka::RunOptions options;
  options.registry = &Plugin();
  try {
    moka::RunLayer("type: 'LowRank' low_rank_param { " + params + " }", {1, 4}, {1, 2, 3, 4},
                   options);
  } catch (const moka::Error& error) {
    return error.field() + ": " + error.message();
  }
  return "";
}

TEST(LowRank, MultipliesWithTwoThinMatrices) {
  moka::RunOptions options;
  options.registry = &Plugin();
  options.params = {{1, 2, 3}, {10, -1}, {0, 5}};  // v (1, 3), w (2, 1), b (2)
  EXPECT_EQ(moka::RunLayer("type: 'LowRank' low_rank_param { num_output: 2 rank: 1 }", {2, 3},
                           {1, 1, 1, 0, 0, 2}, options),
            (std::vector<float>{60, -1, 60, -1}));
}

TEST(LowRank, RefusesParametersThatMakeNoSense) {
  EXPECT_EQ(Refusal("rank: 1"),
            "low_rank_param.num_output: num_output is 0; say how many outputs there are");
  EXPECT_EQ(Refusal("num_output: 3"),
            "low_rank_param.rank: rank is 0; say how many numbers lie between inputs and outputs");
  EXPECT_EQ(Refusal("num_output: 3 rank: 4"),
            "low_rank_param.rank: rank 4 is more than 4 inputs and 3 outputs can have; an "
            "InnerProduct does the same with fewer weights");
}

// In the cases that low_rank.cpp declares for `moka plugin check`, too.
TEST(LowRank, KeepsTheLayerContract) {
  const std::vector<moka::CheckCase> cases = Plugin().check_cases("LowRank");
  ASSERT_EQ(cases.size(), 1u);
  for (const moka::CheckCase& each : cases)
    EXPECT_TRUE(moka::CheckLayer(Plugin().Get("LowRank"), each, Plugin())) << Describe(each);
}

}  // namespace
