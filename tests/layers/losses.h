// Running losses, for their tests.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "caught.h"
#include "layers/contract.h"
#include "moka/check_layer.h"

namespace moka {

using Values = std::vector<float>;
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr float kInfinity = std::numeric_limits<float>::infinity();

inline float LossOf(const std::string& layer, const std::vector<Shape>& shapes,
                    const std::vector<Values>& bottoms) {
  const LayerResult result = RunLayer(layer, shapes, bottoms);
  EXPECT_EQ(result.shapes[0], Shape());
  return result.tops[0][0];
}

// The gradients of the bottoms where that of the loss is dy.
inline std::vector<Values> GradientsOf(const std::string& layer, const std::vector<Shape>& shapes,
                                       const std::vector<Values>& bottoms, float dy = 1) {
  RunOptions options;
  options.top_diffs = {{dy}};
  LayerGradients gradients;
  RunLayer(layer, shapes, bottoms, options, &gradients);
  return gradients.bottoms;
}

inline void ExpectNear(const Values& got, const Values& expected, double slack = 1e-6) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], slack) << "at " << i;
}

inline void ExpectRefused(const std::string& layer, const std::vector<Shape>& shapes,
                          const std::vector<Values>& bottoms, const std::string& message,
                          const std::string& field = "") {
  const Error error = Caught([&] { RunLayer(layer, shapes, bottoms); });
  EXPECT_NE(error.message().find(message), std::string::npos) << error.message();
  EXPECT_EQ(error.field(), field);
}

// Bottoms of zeros, for refusals of parameters and shapes.
inline void ExpectRefused(const std::string& layer, const std::vector<Shape>& shapes,
                          const std::string& message, const std::string& field = "") {
  std::vector<Values> bottoms;
  for (const Shape& shape : shapes) bottoms.emplace_back(static_cast<size_t>(shape.count()), 0.0F);
  ExpectRefused(layer, shapes, bottoms, message, field);
}

// Bottom `bottom` has whole numbers from 0 to classes - 1, the others numbers from least to most.
inline CheckOptions LabelsIn(int bottom, int classes, float least = -2, float most = 2) {
  CheckOptions options;
  options.input = [=](int k, int64_t, float random) {
    if (k == bottom) return std::floor(random * static_cast<float>(classes));
    return least + (most - least) * random;
  };
  return options;
}

inline CheckOptions Between(float least, float most) { return LabelsIn(-1, 0, least, most); }

inline CheckOptions WithTops(CheckOptions options, int tops) {
  options.tops = tops;
  return options;
}

// For shapes of several pieces of work.
inline CheckOptions NoGradients(CheckOptions options) {
  options.check_gradients = false;
  return options;
}

}  // namespace moka
