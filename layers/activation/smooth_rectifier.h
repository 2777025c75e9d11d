// What Softplus and BNLL share: y = log(1 + exp(beta x)) / beta, a smooth max(x, 0).
// Dugas, Bengio, Belisle, Nadeau, Garcia, "Incorporating second-order functional knowledge", 2000.
#pragma once

#include <cmath>

#include "moka/elementwise.h"
#include "moka/functions.h"
#include "moka/layer.h"

namespace moka {

// log(1 + e) for e from 0 to 1. With t = e / (1 + e / 2), at most 2/3, it is
// log((1 + t / 2) / (1 - t / 2)) = t (1 + t^2 / 12 + t^4 / 80 + ...). The polynomial in t^2 is of
// degree 4, its relative error 1.6e-8.
[[gnu::always_inline]] inline float Log1pOfUnit(float e) {
  const float t = e / (1 + 0.5f * e), z = t * t;
  float p = 0x1.12f598p-11f;
  p = p * z + 0x1.21249ap-9f;
  p = p * z + 0x1.99ad6cp-7f;
  p = p * z + 0x1.55554cp-4f;
  return t + t * (z * p);
}

class SmoothRectifier : public Layer {
 public:
  // beta: positive, finite
  SmoothRectifier(const LayerSpec& spec, float beta) : Layer(spec), beta_(beta) {}

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  // log(1 + exp(t)) = max(t, 0) + log(1 + exp(-|t|)): no exponential overflows and no digits are
  // lost at either end. max(x, 0) is outside the division, so that beta x may overflow too.
  void Forward(ForwardPass& pass) override {
    // In double where beta x is not exact as a float: the exponential would magnify its rounding.
    int exponent;
    std::frexp(beta_, &exponent) == 0.5f ? Forward(pass, beta_)
                                         : Forward(pass, static_cast<double>(beta_));
  }

  // From y alone: exp(beta y) = 1 + exp(beta x), hence sigmoid(beta x) = 1 - exp(-beta y).
  void Backward(BackwardPass& pass) override {
    BackwardFromTop(pass, [beta = beta_](float y, float dy) { return dy * -Expm1(-beta * y); });
  }

 private:
  template <typename T>
  void Forward(ForwardPass& pass, T beta) {
    ForwardEach(pass, [beta, inverse = 1 / beta_](float x) {
      return (x > 0 ? x : 0) + Log1pOfUnit(Exp(-beta * std::abs(x))) * inverse;
    });
  }

  const float beta_;
};

}  // namespace moka
