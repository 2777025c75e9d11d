// Reduction: sums over axes.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "caught.h"
#include "layers/contract.h"
#include "moka/check_layer.h"

namespace moka {
namespace {

using Values = std::vector<float>;

std::string Reduction(const std::string& params) {
  return "type: 'Reduction' reduction_param { " + params + " }";
}

LayerResult Results(const std::string& params, const Shape& shape, const Values& x) {
  return RunLayer(Reduction(params), std::vector<Shape>{shape}, {x});
}

Values Gradient(const std::string& params, const Shape& shape, const Values& x, const Values& dy) {
  RunOptions options;
  options.top_diffs = {dy};
  LayerGradients gradients;
  RunLayer(Reduction(params), {shape}, {x}, options, &gradients);
  return gradients.bottoms[0];
}

std::string Refusal(const std::string& params, const Shape& shape = {2, 3, 4}) {
  const Values x(static_cast<size_t>(shape.count()));
  const Error error = Caught([&] { Results(params, shape, x); });
  return error.message() + " @" + error.field();
}

TEST(Reduction, SumsAllUnlessToldOtherwise) {
  const auto result = Results("", {2, 2}, {1, 2, 3, -4});
  EXPECT_EQ(result.shapes[0], Shape());
  EXPECT_EQ(result.tops[0], Values{2});
  EXPECT_EQ(Gradient("", {2, 2}, Values(4), {3}), Values(4, 3));
}

TEST(Reduction, HasFourOperationsAndACoefficient) {
  const Values x = {1, 2, 3, -4}, dy = {1, 10};
  EXPECT_EQ(Results("axis: 1 coeff: 2", {2, 2}, x).tops[0], (Values{6, -2}));
  EXPECT_EQ(Gradient("axis: 1 coeff: 2", {2, 2}, x, dy), (Values{2, 2, 20, 20}));
  EXPECT_EQ(Results("axis: 1 coeff: 2 operation: ASUM", {2, 2}, x).tops[0], (Values{6, 14}));
  EXPECT_EQ(Gradient("axis: 1 operation: ASUM", {2, 2}, {1, 0, 3, -4}, dy),
            (Values{1, 0, 10, -10}));
  EXPECT_EQ(Results("axis: 1 coeff: 2 operation: SUMSQ", {2, 2}, x).tops[0], (Values{10, 50}));
  EXPECT_EQ(Gradient("axis: 1 operation: SUMSQ", {2, 2}, x, dy), (Values{2, 4, 60, -80}));
  EXPECT_EQ(Results("axis: 1 coeff: 2 operation: MEAN", {2, 2}, x).tops[0], (Values{3, -1}));
  EXPECT_EQ(Gradient("axis: 1 coeff: 2 operation: MEAN", {2, 2}, x, dy), (Values{1, 1, 10, 10}));
}

TEST(Reduction, SumsOverAxesInTheMiddleAndAtTheFront) {
  Values x(12);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  const auto middle = Results("axis: 1 end_axis: 1", {2, 3, 2}, x);
  EXPECT_EQ(middle.shapes[0], (Shape{2, 2}));
  EXPECT_EQ(middle.tops[0], (Values{6, 9, 24, 27}));
  EXPECT_EQ(Results("axis: 1 end_axis: -2 operation: MEAN", {2, 3, 2}, x).tops[0],
            (Values{2, 3, 8, 9}));
  const auto front = Results("end_axis: 1", {2, 3, 2}, x);
  EXPECT_EQ(front.shapes[0], Shape{2});
  EXPECT_EQ(front.tops[0], (Values{30, 36}));
  EXPECT_EQ(Results("axis: 1 end_axis: 2 operation: ASUM", {1, 2, 2, 3}, x).tops[0],
            (Values{18, 22, 26}));
  EXPECT_EQ(Gradient("axis: 1 end_axis: 1 operation: SUMSQ", {2, 3, 2}, x, {1, 2, 3, 4}),
            (Values{0, 4, 4, 12, 8, 20, 36, 56, 48, 72, 60, 88}));
}

TEST(Reduction, KeepsTheAxesIfAskedTo) {
  EXPECT_EQ(Results("axis: 1 end_axis: 2 keep_dims: true", {2, 3, 4, 5}, Values(120)).shapes[0],
            (Shape{2, 1, 1, 5}));
  EXPECT_EQ(Results("keep_dims: true", {2, 3}, Values(6)).shapes[0], (Shape{1, 1}));
}

// Caffe sums in float.
TEST(Reduction, SumsInDouble) {
  const Values x = {1e8F, 1, 1, 1, -1e8F};
  EXPECT_EQ(Results("", {5}, x).tops[0], Values{3});
  EXPECT_EQ(Results("end_axis: 0", {5, 1}, x).tops[0], Values{3});
  Values columns;
  for (const float value : x) columns.insert(columns.end(), {value, value});
  EXPECT_EQ(Results("end_axis: 0", {5, 2}, columns).tops[0], (Values{3, 3}));
}

TEST(Reduction, GivesZeroForNoValues) {
  for (const char* operation : {"SUM", "ASUM", "SUMSQ", "MEAN"}) {
    const std::string params = std::string("operation: ") + operation;
    EXPECT_EQ(Results(params, {0, 3}, {}).tops[0], Values{0}) << operation;
    EXPECT_EQ(Results(params + " end_axis: 0", {0, 3}, {}).tops[0], Values(3)) << operation;
    EXPECT_EQ(Results(params + " axis: 1", {0, 3}, {}).shapes[0], Shape{0}) << operation;
  }
}

TEST(Reduction, ShowsNan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const char* operation : {"SUM", "ASUM", "SUMSQ", "MEAN"}) {
    const std::string params = std::string("operation: ") + operation;
    EXPECT_TRUE(std::isnan(Results(params, {3}, {1, nan, 2}).tops[0][0])) << operation;
  }
}

TEST(Reduction, RefusesAxesAndCoefficientsThatMakeNoSense) {
  EXPECT_EQ(Refusal("axis: 3"),
            "axis 3 is out of range for shape 2x3x4, which has 3 axes @reduction_param.axis");
  EXPECT_EQ(Refusal("end_axis: -4"),
            "axis -4 is out of range for shape 2x3x4, which has 3 axes "
            "@reduction_param.end_axis");
  EXPECT_EQ(Refusal("axis: 2 end_axis: 1"),
            "axis 2 lies after end_axis 1 in a bottom of shape 2x3x4 @reduction_param.axis");
  EXPECT_EQ(Refusal("coeff: nan"), "coeff must be finite, but is nan @reduction_param.coeff");
  EXPECT_EQ(Refusal("coeff: -inf"), "coeff must be finite, but is -inf @reduction_param.coeff");
}

CheckOptions AwayFromZero() {
  CheckOptions options;
  options.kinks = {0};
  return options;
}
CheckOptions NoGradients() {
  CheckOptions options;
  options.check_gradients = false;
  return options;
}

const ContractCases kCases(
    "Reduction",
    {{"reduction_param { axis: 0 }", {{2, 3, 4}}},
     {"", {{1}}},
     {"reduction_param { axis: 1 coeff: 0.5 }", {{2, 3, 4}}},
     {"reduction_param { axis: -1 operation: MEAN coeff: -2 }", {{2, 3, 4}}},
     {"reduction_param { axis: 1 operation: SUMSQ }", {{2, 3, 4}}},
     {"reduction_param { axis: 1 operation: ASUM }", {{2, 3, 4}}, AwayFromZero()},
     {"reduction_param { axis: 1 end_axis: 2 }", {{2, 3, 2, 2}}},
     {"reduction_param { axis: 1 end_axis: 1 operation: SUMSQ }", {{2, 3, 4}}},
     {"reduction_param { end_axis: 0 operation: ASUM }", {{3, 4}}, AwayFromZero()},
     {"reduction_param { axis: 1 end_axis: 1 operation: MEAN keep_dims: true }", {{2, 3, 4}}},
     {"reduction_param { coeff: 0 }", {{2, 3}}},
     {"reduction_param { operation: MEAN }", {{0, 3}}},
     {"reduction_param { operation: SUMSQ axis: 1 end_axis: 1 }", {{2, 0, 3}}},
     {"reduction_param { operation: SUM axis: 1 end_axis: 1 }", {{2, 3, 0}}},
     {"reduction_param { axis: 1 operation: SUMSQ }", {{300, 200}}, NoGradients()},
     {"reduction_param { operation: MEAN }", {{100000}}, NoGradients()},
     {"reduction_param { operation: ASUM axis: 1 end_axis: 1 }", {{4, 30, 700}}, NoGradients()}});

}  // namespace
}  // namespace moka
