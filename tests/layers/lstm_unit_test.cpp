// LSTMUnit: i, f, o = s(u), g = tanh(u), c = f cont c0 + i g, h = o tanh(c).
#include <cmath>

#include "caught.h"
#include "layers/contract.h"

namespace moka {
namespace {

using Values = std::vector<float>;

const ContractCases kCases(
    "LSTMUnit", {
                    {"", {{1, 2, 3}, {1, 2, 12}, {1, 2}}},
                    {"", {{1, 1, 1}, {1, 1, 4}, {1, 1}}},
                    {"", {{1, 1, 5}, {1, 1, 20}, {1, 1}}},
                    {"", {{1, 7, 1}, {1, 7, 4}, {1, 7}}},
                    {"", {{3, 2, 3}, {3, 2, 12}, {3, 2}}},
                    {"", {{2, 1, 2}, {2, 1, 8}, {2, 1}}},
                    {"", {{1, 0, 3}, {1, 0, 12}, {1, 0}}},
                    {"", {{0, 2, 3}, {0, 2, 12}, {0, 2}}},
                    {"", {{1, 2, 0}, {1, 2, 0}, {1, 2}}},
                    {"", {{1, 3, 16}, {1, 3, 64}, {1, 3}}},
                    {"", {{1, 16, 3}, {1, 16, 12}, {1, 16}}},
                    {"", {{1, 40, 300}, {1, 40, 1200}, {1, 40}}, {.check_gradients = false}},
                });

const char* const kUnit = "type: 'LSTMUnit'";

TEST(LSTMUnit, MakesACellAndAnOutput) {
  const LayerResult result =
      RunLayer(kUnit, {{1, 1, 1}, {1, 1, 4}, {1, 1}}, {{2}, {0, 100, 0, 0.5}, {1}});
  const double c = 2 + 0.5 * std::tanh(0.5);
  EXPECT_NEAR(result.tops[0][0], c, 1e-6);
  EXPECT_NEAR(result.tops[1][0], 0.5 * std::tanh(c), 1e-6);
}

TEST(LSTMUnit, ForgetsWhereContIsZero) {
  const LayerResult result = RunLayer(kUnit, {{1, 2, 1}, {1, 2, 4}, {1, 2}},
                                      {{NAN, 2}, {100, 100, 100, 0.5, 100, 100, 100, 0.5}, {0, 1}});
  EXPECT_NEAR(result.tops[0][0], std::tanh(0.5), 1e-6);
  EXPECT_NEAR(result.tops[0][1], 2 + std::tanh(0.5), 1e-6);
}

// d c / d u_f = cont c0 s (1 - s). In Caffe it is cont c0 s (1 - cont s).
TEST(LSTMUnit, HasTheForgetGatesGradientForAnyCont) {
  RunOptions options;
  options.top_diffs = {{1}, {0}};
  LayerGradients d;
  RunLayer(kUnit, {{1, 1, 1}, {1, 1, 4}, {1, 1}}, {{3}, {0, 0, 0, 0}, {0.5}}, options, &d);
  EXPECT_FLOAT_EQ(d.bottoms[1][1], 0.5f * 3 * 0.25f);
}

std::string Refusal(const std::vector<Shape>& shapes) {
  std::vector<Values> bottoms;
  for (const Shape& shape : shapes) bottoms.emplace_back(static_cast<size_t>(shape.count()));
  return Caught([&] { RunLayer(kUnit, shapes, bottoms); }).message();
}

TEST(LSTMUnit, SaysWhatIsWrongWithTheShapes) {
  EXPECT_EQ(Refusal({{2, 3}, {1, 2, 12}, {1, 2}}),
            "expects cells T x N x H (3 axes) in bottom 0, not 2x3");
  EXPECT_EQ(Refusal({{1, 2, 3}, {1, 2, 9}, {1, 2}}),
            "bottom 1, the sums of the four gates, must be 1x2x12, but is 1x2x9");
  EXPECT_EQ(
      Refusal({{1, 2, 3}, {1, 2, 12}, {2}}),
      "bottom 2 says for each step of each stream whether a sequence goes on: it must be 1x2, "
      "but is 2");
}

}  // namespace
}  // namespace moka
