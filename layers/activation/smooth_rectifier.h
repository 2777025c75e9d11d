// What Softplus and BNLL share: y = log(1 + exp(beta x)) / beta, a smooth max(x, 0).
// Dugas, Bengio, Belisle, Nadeau, Garcia, "Incorporating second-order functional knowledge", 2000.
#pragma once

#include <cmath>

#include "moka/elementwise.h"
#include "moka/functions.h"
#include "moka/layer.h"

namespace moka {

class SmoothRectifier : public Layer {
 public:
  // beta: positive, finite
  SmoothRectifier(const LayerSpec& spec, float beta) : Layer(spec), beta_(beta) {}

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  // log(1 + exp(t)) = max(t, 0) + log(1 + exp(-|t|)): no exponential overflows and no digits are
  // lost at either end. max(x, 0) is outside the division, so that beta x may overflow too.
  void Forward(ForwardPass& pass) override {
    ForwardEach(pass, [beta = beta_](float x) {
      return (x > 0 ? x : 0) + Log1p(Exp(-beta * std::abs(x))) / beta;
    });
  }

  // From y alone: exp(beta y) = 1 + exp(beta x), hence sigmoid(beta x) = 1 - exp(-beta y).
  void Backward(BackwardPass& pass) override {
    BackwardFromTop(pass, [beta = beta_](float y, float dy) { return dy * -Expm1(-beta * y); });
  }

 private:
  const float beta_;
};

}  // namespace moka
