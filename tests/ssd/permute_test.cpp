// Permute: the axes in another order.
#include <gtest/gtest.h>

#include "ssd/ssd.h"

namespace moka {
namespace {

const char* const kToLast = "permute_param { order: 0 order: 2 order: 3 order: 1 }";

CheckOptions ForwardOnly() {
  CheckOptions options;
  options.check_gradients = false;
  return options;
}

const ContractCases kCases("Permute",
                           {{kToLast, {{2, 3, 4, 5}}},
                            {"", {{2, 3, 4}}},
                            {"permute_param { order: 0 order: 1 }", {{2, 3, 4}}},
                            {"permute_param { order: 1 }", {{2, 3, 4}}},
                            {"permute_param { order: 1 order: 0 }", {{4, 6}}},
                            {"permute_param { order: 3 order: 2 order: 1 order: 0 }",
                             {{2, 3, 1, 4}}},
                            {kToLast, {{1, 1, 1, 1}}},
                            {kToLast, {{1, 4, 3, 3}}},
                            {kToLast, {{3, 1, 2, 5}}},
                            {kToLast, {{0, 3, 2, 2}}},
                            {"permute_param { order: 2 order: 0 }", {{2, 3, 4, 2, 1}}},
                            {"permute_param { order: 0 }", {{7}}},
                            {kToLast, {{2, 40, 30, 40}}, ForwardOnly()}},
                           SsdRegistry);

std::string Layer(const std::string& params) { return "type: 'Permute' " + params; }

TEST(Permute, PutsTheChannelsLast) {
  const auto result = RunSsd(Layer(kToLast), {{1, 2, 1, 3}}, {{1, 2, 3, 4, 5, 6}});
  EXPECT_EQ(result.shapes[0], (Shape{1, 1, 3, 2}));
  EXPECT_EQ(result.tops[0], (Values{1, 4, 2, 5, 3, 6}));
}

TEST(Permute, AddsTheAxesThatAreNotNamed) {
  const auto result =
      RunSsd(Layer("permute_param { order: 2 }"), {{1, 2, 3}}, {{1, 2, 3, 4, 5, 6}});
  EXPECT_EQ(result.shapes[0], (Shape{3, 1, 2}));
  EXPECT_EQ(result.tops[0], (Values{1, 4, 2, 5, 3, 6}));
}

TEST(Permute, MovesGradientsBack) {
  RunOptions options;
  options.top_diffs = {{1, 4, 2, 5, 3, 6}};
  LayerGradients gradients;
  RunSsd(Layer(kToLast), {{1, 2, 1, 3}}, {Values(6)}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{1, 2, 3, 4, 5, 6}));
}

TEST(Permute, RefusesAxesThatThereAreNotOrTwice) {
  EXPECT_EQ(SsdRefusal(Layer("permute_param { order: 0 order: 4 }"), {{2, 3, 4, 5}}),
            "permute_param.order: order 4 is no axis of the bottom, whose shape is 2x3x4x5");
  EXPECT_EQ(SsdRefusal(Layer("permute_param { order: 4294967295 }"), {{2, 3}}),
            "permute_param.order: order 4294967295 is no axis: there are at most 8");
  EXPECT_EQ(SsdRefusal(Layer("permute_param { order: 1 order: 0 order: 1 }"), {{2, 3}}),
            "permute_param.order: order names axis 1 twice");
}

}  // namespace
}  // namespace moka
