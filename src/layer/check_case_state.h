// What a CheckCase holds.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "moka/check_case.h"

namespace moka {

struct CheckCase::State {
  struct Values {
    float least = -1, most = 1;
    int64_t classes = 0;  // > 0: whole numbers below it
  };
  std::string params;
  std::vector<Shape> bottoms;
  std::map<int, Values> values;  // by bottom
  std::vector<float> kinks;
  double spread = 0;
  int tops = 0;
  bool random = false, training = true, gradients = true;
};

}  // namespace moka
