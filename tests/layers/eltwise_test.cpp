// Eltwise: product, sum or maximum, element by element.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "caught.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::string Eltwise(const std::string& params = "") {
  return "type: 'Eltwise' eltwise_param { " + params + " }";
}

Shape Flat(size_t n) { return Shape{static_cast<int64_t>(n)}; }

Values RunEltwise(const std::string& params, const std::vector<Values>& bottoms) {
  const std::vector<Shape> shapes(bottoms.size(), Flat(bottoms[0].size()));
  return RunLayer(Eltwise(params), shapes, bottoms).tops[0];
}

std::vector<Values> Gradients(const std::string& params, const std::vector<Values>& bottoms,
                              const Values& dy) {
  RunOptions options;
  options.top_diffs = {dy};
  LayerGradients gradients;
  const std::vector<Shape> shapes(bottoms.size(), Flat(bottoms[0].size()));
  RunLayer(Eltwise(params), shapes, bottoms, options, &gradients);
  return gradients.bottoms;
}

TEST(Eltwise, AddsUnlessToldOtherwise) {
  EXPECT_EQ(RunEltwise("", {{1, 2}, {10, 20}, {100, 200}}), (Values{111, 222}));
  EXPECT_EQ(Gradients("", {{1, 2}, {3, 4}}, {5, 6}), (std::vector<Values>{{5, 6}, {5, 6}}));
}

TEST(Eltwise, WeighsASum) {
  const std::string minus = "operation: SUM coeff: 1 coeff: -0.5";
  EXPECT_EQ(RunEltwise(minus, {{1, 2}, {10, 20}}), (Values{-4, -8}));
  EXPECT_EQ(Gradients(minus, {{1, 2}, {3, 4}}, {8, 6}), (std::vector<Values>{{8, 6}, {-4, -3}}));
}

TEST(Eltwise, Multiplies) {
  EXPECT_EQ(RunEltwise("operation: PROD", {{1, 2}, {3, 4}, {5, -6}}), (Values{15, -48}));
  EXPECT_EQ(Gradients("operation: PROD", {{1, 2}, {3, 4}, {5, -6}}, {1, 2}),
            (std::vector<Values>{{15, -48}, {5, -24}, {3, 16}}));
}

TEST(Eltwise, DividesForTheGradientIfAskedTo) {
  const std::string divided = "operation: PROD stable_prod_grad: false";
  EXPECT_EQ(Gradients(divided, {{1, 2}, {4, 4}}, {1, 3}), (std::vector<Values>{{4, 12}, {1, 6}}));
  EXPECT_TRUE(std::isnan(Gradients(divided, {{0}, {4}}, {1})[0][0]));
  EXPECT_EQ(Gradients("operation: PROD", {{0}, {4}}, {1})[0], Values{4});
}

TEST(Eltwise, TakesTheLargest) {
  const std::vector<Values> x = {{1, 5, 3}, {2, 4, 3}, {0, 6, 3}};
  EXPECT_EQ(RunEltwise("operation: MAX", x), (Values{2, 6, 3}));
}

TEST(Eltwise, GivesTheGradientToTheLargestAndOfEqualOnesToTheFirst) {
  const std::vector<Values> x = {{1, 5, 3}, {2, 4, 3}, {0, 6, 3}};
  EXPECT_EQ(Gradients("operation: MAX", x, {7, 8, 9}),
            (std::vector<Values>{{0, 0, 9}, {7, 0, 0}, {0, 8, 0}}));
}

TEST(Eltwise, ShowsNan) {
  for (const char* operation : {"SUM", "PROD", "MAX"}) {
    const std::string params = std::string("operation: ") + operation;
    for (const Values& y :
         {RunEltwise(params, {{kNan}, {1}, {2}}), RunEltwise(params, {{2}, {kNan}, {1}}),
          RunEltwise(params, {{1}, {2}, {kNan}})}) {
      EXPECT_TRUE(std::isnan(y[0])) << operation;
    }
  }
  EXPECT_EQ(Gradients("operation: MAX", {{3}, {kNan}, {5}}, {1}),
            (std::vector<Values>{{0}, {1}, {0}}));
}

TEST(Eltwise, TakesNoItems) { EXPECT_EQ(RunEltwise("operation: MAX", {{}, {}}), Values()); }

TEST(Eltwise, RefusesBottomsOfDifferentShape) {
  const Error error = Caught([] {
    RunLayer(Eltwise(), {{2, 3}, {2, 3}, {3, 2}}, {Values(6), Values(6), Values(6)});
  });
  EXPECT_NE(error.message().find("bottom 2 is 3x2, bottom 0 is 2x3: they must have equal shapes"),
            std::string::npos)
      << error.message();
}

TEST(Eltwise, RefusesCoefficientsThatDoNotFit) {
  const Error count = Caught([] { RunEltwise("coeff: 1 coeff: 2 coeff: 3", {{1}, {2}}); });
  EXPECT_NE(count.message().find("there are 3 coeffs for 2 bottoms"), std::string::npos);
  EXPECT_EQ(count.field(), "eltwise_param.coeff");
  for (const char* operation : {"PROD", "MAX"}) {
    const Error other = Caught([&] {
      RunEltwise(std::string("coeff: 1 coeff: 2 operation: ") + operation, {{1}, {2}});
    });
    EXPECT_NE(other.message().find("coeff is for operation SUM only"), std::string::npos);
  }
}

TEST(Eltwise, KeepsTheLayerContract) {
  const std::vector<Shape> two = {{2, 3, 4}, {2, 3, 4}}, three = {{2, 5}, {2, 5}, {2, 5}};
  EXPECT_TRUE(CheckLayer(Eltwise(), two));
  EXPECT_TRUE(CheckLayer(Eltwise("coeff: 2 coeff: -1 coeff: 0.5"), three));
  EXPECT_TRUE(CheckLayer(Eltwise("operation: PROD"), two));
  EXPECT_TRUE(CheckLayer(Eltwise("operation: PROD"), three));
  EXPECT_TRUE(CheckLayer(Eltwise(), {{3, 7000}, {3, 7000}}));  // several pieces of work
  CheckOptions away_from_zero;
  away_from_zero.input = [](int, int64_t, float random) { return 0.5F + random; };
  EXPECT_TRUE(
      CheckLayer(Eltwise("operation: PROD stable_prod_grad: false"), three, away_from_zero));
}

TEST(Eltwise, KeepsTheLayerContractAsAMaximum) {
  CheckOptions apart;  // at each element the bottoms are at least 0.7 apart
  apart.input = [](int bottom, int64_t element, float random) {
    return static_cast<float>((element + bottom) % 3) + 0.3F * random;
  };
  EXPECT_TRUE(CheckLayer(Eltwise("operation: MAX"), {{2, 3, 4}, {2, 3, 4}}, apart));
  EXPECT_TRUE(CheckLayer(Eltwise("operation: MAX"), {{2, 5}, {2, 5}, {2, 5}}, apart));
}

}  // namespace
}  // namespace moka
