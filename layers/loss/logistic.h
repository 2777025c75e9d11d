// s(x) = 1 / (1 + exp(-x)) and its cross-entropy, stable at both ends.
#pragma once

#include <cmath>

namespace moka {

inline double Logistic(double x) {
  const double e = std::exp(-std::abs(x));
  return (x < 0 ? e : 1) / (1 + e);
}

// -t log s(x) - (1 - t) log(1 - s(x)), for any t.
inline double LogisticCrossEntropy(double x, double t) {
  return (x > 0 ? x : 0) - x * t + std::log1p(std::exp(-std::abs(x)));
}

}  // namespace moka
