// Swish: y = x s(beta x), with s(z) = 1 / (1 + exp(-z)). Ramachandran, Zoph, Le, 2017.
#include <cmath>

#include "moka/layer.h"
#include "moka/registry.h"
#include "swish.pb.h"

class Swish final : public moka::Layer {
 public:
  Swish(const moka::LayerSpec& spec, const SwishParameter& params)
      : Layer(spec), beta_(params.beta()) {}

  // One bottom, one top; Backward reads x, never y; element by element, so memory may be shared.
  static moka::LayerTraits Traits(const moka::LayerSpec&, const SwishParameter&) {
    return moka::LayerTraits().BottomGradientReads(moka::Reads::Bottom(0)).MayShare(0, 0);
  }
  void Reshape(moka::Shapes bottom, moka::Plan& plan) override { plan.top(0) = bottom[0]; }

  void Forward(moka::ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    float* y = pass.top(0).data();
    pass.ParallelFor(pass.bottom(0).count(), 8192, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = x[i] * S(x[i]);
    });
  }

  // dy/dx = s + beta x s (1 - s)
  void Backward(moka::BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const float* x = pass.bottom(0).data();
    const float* dy = pass.top_diff(0).data();
    float* dx = pass.bottom_diff(0).data();
    pass.ParallelFor(pass.bottom(0).count(), 8192, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const float s = S(x[i]);
        dx[i] = dy[i] * (s + beta_ * x[i] * s * (1 - s));
      }
    });
  }

 private:
  float S(float x) const { return 1 / (1 + std::exp(-beta_ * x)); }
  const float beta_;
};

void RegisterPlugin(moka::Registry& registry) {
  registry.Add<Swish>("Swish", moka::Field<SwishParameter>{"swish_param"});
}
