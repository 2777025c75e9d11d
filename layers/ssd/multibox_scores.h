// The loss of one prior's scores x, and its gradient.
//   SOFTMAX    -log softmax(x)[t], t the class
//   LOGISTIC   sum over the classes c of log(1 + exp(x[c])) - x[c] t[c], t[c] whether it is class c
#pragma once

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdint>

namespace moka::ssd {

struct SoftmaxScores {
  const float* x;
  int64_t classes;

  // log sum exp(x)
  double LogSum() const {
    float most = x[0];
    for (int64_t c = 1; c < classes; ++c) most = std::max(most, x[c]);
    double sum = 0;
    for (int64_t c = 0; c < classes; ++c) sum += std::exp(static_cast<double>(x[c]) - most);
    return most + std::log(sum);
  }
  // No more than for the smallest float, as in SoftmaxWithLoss. NaN stays NaN.
  double Loss(int64_t label) const {
    const double loss = LogSum() - x[label], most = -std::log(static_cast<double>(FLT_MIN));
    return loss > most ? most : loss;
  }
  void Gradient(int64_t label, double scale, float* dx) const {
    const double log_sum = LogSum();
    for (int64_t c = 0; c < classes; ++c) {
      const double p = std::exp(x[c] - log_sum);
      dx[c] = static_cast<float>(scale * (p - (c == label ? 1 : 0)));
    }
  }
};

// `is(c)`: whether the prior is of class c.
struct LogisticScores {
  const float* x;
  int64_t classes;

  template <typename Is>
  double Loss(const Is& is) const {
    double loss = 0;
    for (int64_t c = 0; c < classes; ++c) {
      const double v = x[c];
      loss += std::log1p(std::exp(-std::abs(v))) + (v > 0 ? v : 0) - (is(c) ? v : 0);
    }
    return loss;
  }
  template <typename Is>
  void Gradient(const Is& is, double scale, float* dx) const {
    for (int64_t c = 0; c < classes; ++c) {
      const double p = 1 / (1 + std::exp(-static_cast<double>(x[c])));
      dx[c] = static_cast<float>(scale * (p - (is(c) ? 1 : 0)));
    }
  }
};

}  // namespace moka::ssd
