// How layers that pool are checked.
#pragma once

#include "moka/check_layer.h"

namespace moka {

inline CheckOptions Spread() {  // so that the largest stays the largest
  CheckOptions options;
  options.spread = 0.05;
  return options;
}
// For STOCHASTIC.
inline CheckOptions Positive(bool training) {
  CheckOptions options;
  options.input = [](int, int64_t, float random) { return 0.5f + random; };
  options.training = training;
  options.random_layer = training;
  options.check_gradients = !training;  // a draw jumps
  return options;
}

}  // namespace moka
