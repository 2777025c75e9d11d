// orthogonal: w w' = gain^2 I.
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

// The weights of an InnerProduct with 4 inputs: it is asked for what it makes of the unit vectors,
// which is w' (4, outputs).
std::vector<float> Transposed(int outputs, const std::string& params) {
  moka::RunOptions options;
  options.registry = &Plugin();
  const std::vector<float> unit = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
  return moka::RunLayer("type: 'InnerProduct' inner_product_param { bias_term: false num_output: " +
                            std::to_string(outputs) + " weight_filler { type: 'orthogonal' " +
                            params + " } }",
                        {4, 4}, unit, options);
}

TEST(Orthogonal, MakesRowsOfLengthGainAtRightAngles) {
  const std::vector<float> w = Transposed(3, "orthogonal_param { gain: 2 }");
  for (size_t a = 0; a < 3; ++a) {
    for (size_t b = 0; b < 3; ++b) {
      double dot = 0;
      for (size_t i = 0; i < 4; ++i) dot += static_cast<double>(w[i * 3 + a]) * w[i * 3 + b];
      EXPECT_NEAR(dot, a == b ? 4 : 0, 1e-6);
    }
  }
}

TEST(Orthogonal, MakesColumnsOfLengthGainWhereThereAreFewer) {
  const std::vector<float> w = Transposed(6, "");
  for (size_t a = 0; a < 4; ++a) {
    for (size_t b = 0; b < 4; ++b) {
      double dot = 0;
      for (size_t i = 0; i < 6; ++i) dot += static_cast<double>(w[a * 6 + i]) * w[b * 6 + i];
      EXPECT_NEAR(dot, a == b ? 1 : 0, 1e-6);
    }
  }
}

TEST(Orthogonal, RefusesWhatIsNoMatrix) {
  moka::RunOptions options;
  options.registry = &Plugin();
  try {
    moka::RunLayer("type: 'PReLU' prelu_param { filler { type: 'orthogonal' } }", {2, 3},
                   std::vector<float>(6), options);
    FAIL();
  } catch (const moka::Error& error) {
    EXPECT_EQ(error.message(), "orthogonal fills matrices, of 2 axes or more, but the shape is 3");
  }
}

}  // namespace
