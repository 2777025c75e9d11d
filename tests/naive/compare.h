// Random inputs, and results beside their references.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "moka/random.h"

namespace moka::naive {

inline std::vector<float> Random(size_t count, std::string_view name) {
  const RandomStream random(7, name, 0, 0);
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = 2 * random.Uniform(i) - 1;
  return values;
}

// Whether the values are as expected, up to `tolerance` times the largest expected one (and 1).
inline testing::AssertionResult Near(const std::vector<double>& expected,
                                     const std::vector<float>& got, double tolerance = 2e-6) {
  if (expected.size() != got.size()) {
    return testing::AssertionFailure() << got.size() << " values, not " << expected.size();
  }
  double largest = 1;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < got.size(); ++i) {
    if (!(std::abs(expected[i] - got[i]) <= tolerance * largest)) {
      return testing::AssertionFailure()
             << "element " << i << " is " << got[i] << ", not " << expected[i];
    }
  }
  return testing::AssertionSuccess();
}

}  // namespace moka::naive
