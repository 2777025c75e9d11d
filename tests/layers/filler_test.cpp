// Fillers: literal values where there are any, moments and ranges where not, refusals by their
// text.
#include "moka/filler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "caught.h"
#include "moka/registry.h"

namespace moka {
namespace {

FillerParameter Type(const std::string& type) {
  FillerParameter filler;
  filler.set_type(type);
  return filler;
}

const Registry& Builtin() {
  static const Registry registry = BuiltinLayers();
  return registry;
}

Tensor Filled(const FillerParameter& filler, const Shape& shape,
              const std::string& name = "layer") {
  Tensor tensor(shape);
  Fill(Builtin(), filler, RandomStream(1, name, 0, 0), tensor);
  return tensor;
}

std::vector<float> Values(const Tensor& tensor) {
  return {tensor.values().begin(), tensor.values().end()};
}

struct Moments {
  double mean = 0, deviation = 0, min = INFINITY, max = -INFINITY;
};

Moments Measure(const Tensor& tensor) {
  Moments moments;
  double squares = 0;
  const double n = static_cast<double>(tensor.count());
  for (const float x : tensor.values()) {
    moments.mean += x / n;
    squares += double{x} * x / n;
    moments.min = std::min<double>(moments.min, x);
    moments.max = std::max<double>(moments.max, x);
  }
  moments.deviation = std::sqrt(squares - moments.mean * moments.mean);
  return moments;
}

TEST(Filler, IsConstantZeroByDefault) {
  Tensor tensor(Shape{3}, std::vector<float>{1, 2, 3});
  Fill(Builtin(), FillerParameter(), RandomStream(1, "", 0, 0), tensor);
  EXPECT_EQ((std::vector<float>{0, 0, 0}), Values(tensor));
}

TEST(Filler, ConstantTakesItsValue) {
  FillerParameter filler;
  filler.set_value(0.25);
  EXPECT_EQ((std::vector<float>{0.25, 0.25}), Values(Filled(filler, {2})));
}

TEST(Filler, UniformStaysFromMinToMax) {
  FillerParameter filler = Type("uniform");
  filler.set_min(-1);
  filler.set_max(3);
  const Moments moments = Measure(Filled(filler, {100, 100}));
  EXPECT_NEAR(1, moments.mean, 0.05);
  EXPECT_NEAR(4 / std::sqrt(12), moments.deviation, 0.02);
  EXPECT_GE(moments.min, -1);
  EXPECT_LT(moments.max, 3);
}

TEST(Filler, UniformNeverRoundsUpToMax) {
  FillerParameter filler = Type("uniform");
  filler.set_min(16777214);
  filler.set_max(16777216);
  EXPECT_LT(Measure(Filled(filler, {1000})).max, 16777216);
  filler.set_min(2);
  filler.set_max(2);
  EXPECT_EQ((std::vector<float>{2, 2}), Values(Filled(filler, {2})));
}

TEST(Filler, GaussianHasItsMeanAndDeviation) {
  FillerParameter filler = Type("gaussian");
  filler.set_mean(5);
  filler.set_std(0.5);
  const Moments moments = Measure(Filled(filler, {100, 100}));
  EXPECT_NEAR(5, moments.mean, 0.02);
  EXPECT_NEAR(0.5, moments.deviation, 0.015);
}

TEST(Filler, SparseGaussianKeepsSomeOutputsOfEachInput) {
  FillerParameter filler = Type("gaussian");
  filler.set_sparse(5);
  const Tensor dense = Filled(Type("gaussian"), {50, 200});
  const Tensor sparse = Filled(filler, {50, 200});
  int kept = 0;
  for (size_t i = 0; i < 10000; ++i) {
    if (sparse.values()[i] == 0) continue;
    ++kept;
    EXPECT_EQ(dense.values()[i], sparse.values()[i]);
  }
  EXPECT_NEAR(5 * 200, kept, 100);
  filler.set_sparse(0);
  EXPECT_EQ(0, Measure(Filled(filler, {4, 4})).deviation);
  filler.set_sparse(50);
  EXPECT_EQ(Values(dense), Values(Filled(filler, {50, 200})));
}

TEST(Filler, PositiveUnitballHasRowsThatSumToOne) {
  const Tensor tensor = Filled(Type("positive_unitball"), {10, 7, 3});
  for (size_t row = 0; row < 10; ++row) {
    double sum = 0;
    for (size_t i = 0; i < 21; ++i) {
      EXPECT_GE(tensor.values()[row * 21 + i], 0);
      sum += tensor.values()[row * 21 + i];
    }
    EXPECT_NEAR(1, sum, 1e-6);
  }
}

// Shape 40 x 10 x 5 x 5: fan in 250, fan out 1000.
TEST(Filler, XavierIsUniformWithTheVarianceOfItsFan) {
  const std::pair<FillerParameter::VarianceNorm, double> fans[] = {{FillerParameter::FAN_IN, 250},
                                                                   {FillerParameter::FAN_OUT, 1000},
                                                                   {FillerParameter::AVERAGE, 625}};
  for (const auto& [norm, fan] : fans) {
    FillerParameter filler = Type("xavier");
    filler.set_variance_norm(norm);
    const Moments moments = Measure(Filled(filler, {40, 10, 5, 5}));
    EXPECT_NEAR(0, moments.mean, 0.03 / std::sqrt(fan));
    EXPECT_NEAR(std::sqrt(1 / fan), moments.deviation, 0.02 / std::sqrt(fan));
    EXPECT_LE(moments.max, std::sqrt(3 / fan));
    EXPECT_GT(moments.max, 0.99 * std::sqrt(3 / fan));
    EXPECT_GE(moments.min, -std::sqrt(3 / fan) * 1.000001);
  }
}

TEST(Filler, MsraIsGaussianWithTwiceTheVarianceOfItsFan) {
  const std::pair<FillerParameter::VarianceNorm, double> fans[] = {{FillerParameter::FAN_IN, 250},
                                                                   {FillerParameter::FAN_OUT, 1000},
                                                                   {FillerParameter::AVERAGE, 625}};
  for (const auto& [norm, fan] : fans) {
    FillerParameter filler = Type("msra");
    filler.set_variance_norm(norm);
    const Moments moments = Measure(Filled(filler, {40, 10, 5, 5}));
    EXPECT_NEAR(0, moments.mean, 0.05 / std::sqrt(fan));
    EXPECT_NEAR(std::sqrt(2 / fan), moments.deviation, 0.04 / std::sqrt(fan));
    EXPECT_GT(moments.max, 3 * std::sqrt(2 / fan));
  }
}

TEST(Filler, BilinearInterpolates) {
  const std::vector<float> w4 = {0.25, 0.75, 0.75, 0.25};
  const Tensor even = Filled(Type("bilinear"), {2, 1, 4, 4});
  for (size_t i = 0; i < 32; ++i) EXPECT_EQ(w4[i % 4] * w4[i / 4 % 4], even.values()[i]);
  const std::vector<float> w5 = {1 / 3.0f, 2 / 3.0f, 1, 2 / 3.0f, 1 / 3.0f};
  const Tensor odd = Filled(Type("bilinear"), {1, 1, 5, 5});
  for (size_t i = 0; i < 25; ++i) EXPECT_NEAR(w5[i % 5] * w5[i / 5 % 5], odd.values()[i], 1e-6);
  EXPECT_EQ((std::vector<float>{1}), Values(Filled(Type("bilinear"), {1, 1, 1, 1})));
}

TEST(Filler, DrawsElementIWhateverTheShape) {
  for (const std::string type : {"uniform", "gaussian"}) {
    const std::vector<float> many = Values(Filled(Type(type), {3, 5}));
    const std::vector<float> few = Values(Filled(Type(type), {6}));
    EXPECT_EQ((std::vector<float>(many.begin(), many.begin() + 6)), few) << type;
    const RandomStream random(1, "layer", 0, 0);
    EXPECT_EQ(type == "uniform" ? random.Uniform(9) : random.Gaussian(9), many[9]);
    EXPECT_NE(many, Values(Filled(Type(type), {3, 5}, "other")));
  }
}

TEST(Filler, FillsScalarsVectorsAndNothing) {
  for (const char* type :
       {"constant", "uniform", "gaussian", "positive_unitball", "xavier", "msra"}) {
    EXPECT_EQ(1, Filled(Type(type), Shape()).count()) << type;
    EXPECT_EQ(5, Filled(Type(type), {5}).count()) << type;
    EXPECT_EQ(0, Filled(Type(type), {0, 4}).count()) << type;
    EXPECT_EQ(0, Filled(Type(type), {4, 0}).count()) << type;
  }
  EXPECT_EQ(0, Filled(Type("bilinear"), {1, 0, 3, 3}).count());
}

TEST(Filler, ListsAllTypes) {
  std::vector<std::string> names;
  for (const FillerType* type : Builtin().fillers()) names.push_back(type->name);
  EXPECT_EQ((std::vector<std::string>{"bilinear", "constant", "gaussian", "msra",
                                      "positive_unitball", "uniform", "xavier"}),
            names);
}

void ExpectRefusal(const std::string& text, const std::string& field, const FillerParameter& filler,
                   const Shape& shape) {
  const Error error = Caught([&] { Builtin().MakeFiller(filler)->Check(shape); });
  EXPECT_EQ(text, error.message());
  EXPECT_EQ(field, error.field());
  EXPECT_EQ(text, Caught([&] { Filled(filler, shape); }).message());
}

TEST(Filler, RefusesUnknownTypes) {
  ExpectRefusal("unknown filler type \"xavir\"; did you mean \"xavier\"?", "type", Type("xavir"),
                {1});
  ExpectRefusal("unknown filler type \"orthogonal\"", "type", Type("orthogonal"), {1});
}

TEST(Filler, RefusesValuesThatMakeNoSense) {
  FillerParameter filler = Type("uniform");
  filler.set_min(2);
  ExpectRefusal("the filler's min, 2, is larger than its max, 1", "min", filler, {1});
  filler.set_min(NAN);
  ExpectRefusal("the filler's min is nan; it must be finite", "min", filler, {1});
  filler.set_min(0);
  filler.set_max(INFINITY);
  ExpectRefusal("the filler's max is inf; it must be finite", "max", filler, {1});

  filler = Type("gaussian");
  filler.set_std(-0.5);
  ExpectRefusal("the filler's std is -0.5; it must be 0 or more", "std", filler, {1});
  filler.set_std(NAN);
  ExpectRefusal("the filler's std is nan; it must be finite", "std", filler, {1});
  filler.set_std(1);
  filler.set_mean(NAN);
  ExpectRefusal("the filler's mean is nan; it must be finite", "mean", filler, {1});
  filler.set_mean(0);
  filler.set_sparse(-2);
  ExpectRefusal("the filler's sparse is -2; it must be 0 or more, or -1 for all", "sparse", filler,
                {1});
  filler.set_sparse(3);
  ExpectRefusal("the filler's sparse, 3, needs an axis of outputs; the shape is ()", "sparse",
                filler, Shape());

  filler = Type("constant");
  filler.set_value(-INFINITY);
  ExpectRefusal("the filler's value is -inf; it must be finite", "value", filler, {1});
}

TEST(Filler, RefusesBilinearKernelsThatAreNotSquare) {
  ExpectRefusal("the bilinear filler needs a shape of 4 axes; 3x3 has 2", "type", Type("bilinear"),
                {3, 3});
  ExpectRefusal("the bilinear filler needs a square kernel; that of 1x1x3x4 is 3 by 4", "type",
                Type("bilinear"), {1, 1, 3, 4});
}

}  // namespace
}  // namespace moka
