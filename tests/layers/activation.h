// What the tests of the activations share: derivatives, limits, refusals, traits.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "caught.h"
#include "layers/contract.h"
#include "moka/check_layer.h"
#include "moka/description.h"
#include "moka/schema.h"

namespace moka {

using Values = std::vector<float>;
inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// The bottom's gradient for x where every top diff is 1: the derivative.
inline Values Derivative(const std::string& layer, const Values& x, RunOptions options = {}) {
  LayerGradients gradients;
  options.top_diffs = {Values(x.size(), 1)};
  RunLayer(layer, {Shape{static_cast<int64_t>(x.size())}}, {x}, options, &gradients);
  return gradients.bottoms[0];
}

inline void ExpectNear(const Values& got, const std::vector<double>& expected, double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], expected[i], tolerance) << "at element " << i;
  }
}

// From -10 to 10 in steps of 1/8, with 0 in the middle (element 80).
inline Values Grid() {
  Values x;
  for (int i = -80; i <= 80; ++i) x.push_back(static_cast<float>(i) / 8);
  return x;
}

// Running the layer over `shape` is refused in these words, at this field.
inline void ExpectRefused(const std::string& layer, const Shape& shape, const std::string& words,
                          const std::string& field) {
  const Values x(static_cast<size_t>(shape.count()), 0.5f);
  const Error error = Caught([&] { RunLayer(layer, shape, x); });
  EXPECT_EQ(error.message(), words);
  EXPECT_EQ(error.field(), field);
}

inline LayerTraits TraitsOf(const std::string& layer, bool training = true) {
  const Registry registry = BuiltinLayers();
  const LayerDescription description = NetSchema(registry).ParseLayer(layer);
  return registry.Get(description.common.type()).traits(LayerSpec(description, registry, training));
}

// Backward reads the top and not the bottom, whose memory the top may take.
inline void ExpectGradientFromTop(const std::string& layer) {
  const LayerTraits traits = TraitsOf(layer);
  EXPECT_TRUE(traits.may_share(0, 0)) << layer;
  EXPECT_TRUE(traits.bottom_gradient_reads().ReadsTop(0)) << layer;
  EXPECT_FALSE(traits.bottom_gradient_reads().ReadsBottom(0)) << layer;
  EXPECT_FALSE(traits.param_gradient_reads().ReadsBottom(0)) << layer;
}

// Backward reads the bottom and not the top.
inline void ExpectGradientFromBottom(const std::string& layer) {
  const LayerTraits traits = TraitsOf(layer);
  EXPECT_TRUE(traits.bottom_gradient_reads().ReadsBottom(0)) << layer;
  EXPECT_FALSE(traits.bottom_gradient_reads().ReadsTop(0)) << layer;
  EXPECT_FALSE(traits.param_gradient_reads().ReadsTop(0)) << layer;
}

// A shape that is cut into several pieces of work, for what CheckLayer says of threads; too large
// for differences of each element.
inline const Shape kSeveralPieces = {3, 2, 97, 101};
inline CheckOptions WithoutDifferences() {
  CheckOptions options;
  options.check_gradients = false;
  return options;
}

// Options for a layer that has a kink at 0.
inline CheckOptions KinkAtZero() {
  CheckOptions options;
  options.kinks = {0};
  return options;
}

// How many of the floats there are between got and expected, at most.
inline double Ulps(const Values& got, const std::vector<double>& expected) {
  double most = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const auto near = static_cast<float>(std::abs(expected[i]));
    if (expected[i] == 0 && got[i] == 0) continue;
    const double ulp = static_cast<double>(std::nextafter(near, kInfinity)) - near;
    most = std::max(most, std::abs(got[i] - expected[i]) / ulp);
  }
  return most;
}

// Options for a layer with any kinks. The bottom's values are uniform in [-reach, reach).
inline CheckOptions Within(float reach, std::vector<float> kinks = {}) {
  CheckOptions options;
  options.kinks = std::move(kinks);
  options.input = [reach](int, int64_t, float random) { return reach * (2 * random - 1); };
  return options;
}

// A layer of one bottom and one top over all the shapes that it may meet; then `more`.
inline std::vector<ContractCase> OverManyShapes(const std::string& params,
                                                const CheckOptions& options,
                                                const std::vector<ContractCase>& more = {}) {
  std::vector<ContractCase> cases;
  for (const Shape& shape :
       {Shape{2, 3, 4, 5}, Shape{1}, Shape{}, Shape{1, 1, 1, 1}, Shape{7}, Shape{1, 5}, Shape{5, 1},
        Shape{3, 17}, Shape{0}, Shape{0, 3, 2}, Shape{2, 0}, Shape{2, 1, 2, 1, 2, 1, 2, 1}}) {
    cases.push_back({params, {shape}, options});
  }
  CheckOptions large = options;
  large.check_gradients = false;
  cases.push_back({params, {kSeveralPieces}, large});
  cases.insert(cases.end(), more.begin(), more.end());
  return cases;
}

}  // namespace moka
