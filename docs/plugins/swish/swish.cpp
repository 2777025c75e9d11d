// Swish: y = x s(beta x), with s(z) = 1 / (1 + exp(-z)). Ramachandran, Zoph, Le, 2017.
#include <cmath>

#include "moka/layer.h"
#include "moka/registry.h"
#include "swish.pb.h"

class Swish final : public moka::Layer {
 public:
  Swish(const moka::LayerSpec& spec, const SwishParameter& p) : Layer(spec), beta_(p.beta()) {
    if (!std::isfinite(beta_))
      throw moka::Error("beta must be finite, but is ", beta_).At("swish_param.beta");
  }

  // Backward reads x, never y. Element by element, so y may take x's memory, and dx that of dy.
  static moka::LayerTraits Traits(const moka::LayerSpec&, const SwishParameter&) {
    return moka::LayerTraits().BottomGradientReads(moka::Reads::Bottom(0)).MayShare(0, 0);
  }
  void Reshape(moka::Shapes bottom, moka::Plan& plan) override { plan.top(0) = bottom[0]; }

  void Forward(moka::ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    float* y = pass.top(0).data();
    pass.ParallelFor(pass.top(0).count(), 8192, [=, this](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = x[i] * S(x[i]);
    });
  }
  void Backward(moka::BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const float *x = pass.bottom(0).data(), *dy = pass.top_diff(0).data();
    float* dx = pass.bottom_diff(0).data();
    pass.ParallelFor(pass.bottom(0).count(), 8192, [=, this](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) dx[i] = dy[i] * Slope(x[i]);
    });
  }

 private:
  float S(float x) const { return 1 / (1 + std::exp(-beta_ * x)); }
  float Slope(float x) const { return S(x) * (1 + beta_ * x * (1 - S(x))); }  // dy/dx
  const float beta_;
};

void RegisterPlugin(moka::Registry& registry) {
  registry.Add<Swish>("Swish", moka::Field<SwishParameter>{"swish_param"});
}
