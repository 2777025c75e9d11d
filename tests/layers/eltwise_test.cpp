// Eltwise: product, sum or maximum, element by element.
#include "layers/activation.h"

namespace moka {
namespace {

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
  EXPECT_NE(count.message().find("there are 3 coeffs, 1, 2, 3, for 2 bottoms"), std::string::npos);
  EXPECT_EQ(count.field(), "eltwise_param.coeff");
  const Error infinite = Caught([] { RunEltwise("coeff: 1 coeff: inf", {{1}, {2}}); });
  EXPECT_EQ(infinite.message(), "coeff must be finite, but is inf");
  for (const char* operation : {"PROD", "MAX"}) {
    const Error other = Caught([&] {
      RunEltwise(std::string("coeff: 1 coeff: 2 operation: ") + operation, {{1}, {2}});
    });
    EXPECT_NE(other.message().find("coeff is for operation SUM only"), std::string::npos);
  }
}

CheckOptions AwayFromZero() {
  CheckOptions options;
  options.input = [](int, int64_t, float random) { return 0.5F + random; };
  return options;
}
CheckOptions Apart() {  // at each element the bottoms are at least 0.7 apart
  CheckOptions options;
  options.input = [](int bottom, int64_t element, float random) {
    return static_cast<float>((element + bottom) % 3) + 0.3F * random;
  };
  return options;
}

const std::string kProduct = "eltwise_param { operation: PROD }";
const std::string kDivided = "eltwise_param { operation: PROD stable_prod_grad: false }";
const std::string kMaximum = "eltwise_param { operation: MAX }";
const std::vector<Shape> kTwo = {{2, 3, 4}, {2, 3, 4}}, kThree = {{2, 5}, {2, 5}, {2, 5}};
const std::vector<Shape> kLarge = {{3, 7000}, {3, 7000}};  // several pieces of work
const ContractCases kCases("Eltwise",
                           {{"", kTwo},
                            {"", {{1, 1}, {1, 1}}},
                            {"", {{}, {}}},
                            {"", {{0, 3}, {0, 3}}},
                            {"", kLarge, WithoutDifferences()},
                            {"eltwise_param { coeff: 2 coeff: -1 coeff: 0.5 }", kThree},
                            {"eltwise_param { coeff: 0 coeff: 1 }", {{1, 3, 1}, {1, 3, 1}}},
                            {kProduct, kTwo},
                            {kProduct, kThree},
                            {kProduct, {{0}, {0}}},
                            {kProduct, kLarge, WithoutDifferences()},
                            {kDivided, kThree, AwayFromZero()},
                            {kDivided, kTwo, AwayFromZero()},
                            {kMaximum, kTwo, Apart()},
                            {kMaximum, kThree, Apart()},
                            {kMaximum, {{1}, {1}}, Apart()},
                            {kMaximum, {{2, 0}, {2, 0}}},
                            {kMaximum, kLarge, WithoutDifferences()}});

}  // namespace
}  // namespace moka
