// Cases of layers that pool regions of interest.
#pragma once

#include <string>
#include <vector>

#include "layers/contract.h"

namespace moka {

using Values = std::vector<float>;

struct RegionCase {
  std::string params;
  Shape x;
  int64_t regions;
  bool gradients = true;
};

// Regions of all images, within and beyond their edges, some inside out. The features keep a
// distance from one another, so that the largest stays the largest.
inline std::vector<ContractCase> RegionCases(const std::vector<RegionCase>& cases) {
  std::vector<ContractCase> result;
  for (const RegionCase& a_case : cases) {
    CheckOptions options;
    options.check_gradients = a_case.gradients;
    const Shape x = a_case.x;
    const int64_t features = x.count();
    options.input = [x, features](int bottom, int64_t element, float random) {
      if (bottom == 0) {
        return static_cast<float>((element * 7919 + 13) % std::max<int64_t>(features, 1)) * 0.1f;
      }
      if (element % 5 == 0) return static_cast<float>(element / 5 % x[0]);
      const int64_t size = element % 5 % 2 == 1 ? x[3] : x[2];
      return (1.4f * random - 0.2f) * static_cast<float>(size);
    };
    result.push_back({a_case.params, {x, {a_case.regions, 5}}, options});
  }
  return result;
}

}  // namespace moka
