// Snake: y = x + sin^2(alpha x) / alpha. Ziyin, Hartwig, Ueda, 2020.
#include <cmath>

#include "moka/layer.h"
#include "moka/registry.h"
#include "snake.pb.h"

class Snake final : public moka::Layer {
 public:
  Snake(const moka::LayerSpec& spec, const SnakeParameter& p) : Layer(spec), alpha_(p.alpha()) {
    if (!(alpha_ > 0 && std::isfinite(alpha_)))
      throw moka::Error("alpha must be positive and finite, but is ", alpha_)
          .At("snake_param.alpha");
  }

  // Backward reads x, never y. Element by element, so y may take x's memory, and dx that of dy.
  static moka::LayerTraits Traits(const moka::LayerSpec&, const SnakeParameter&) {
    return moka::LayerTraits().BottomGradientReads(moka::Reads::Bottom(0)).MayShare(0, 0);
  }
  void Reshape(moka::Shapes bottom, moka::Plan& plan) override { plan.top(0) = bottom[0]; }

  void Forward(moka::ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    float* y = pass.top(0).data();
    pass.ParallelFor(pass.top(0).count(), 8192, [=, this](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = x[i] + S(x[i]) * S(x[i]) / alpha_;
    });
  }
  void Backward(moka::BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const float *x = pass.bottom(0).data(), *dy = pass.top_diff(0).data();
    float* dx = pass.bottom_diff(0).data();
    pass.ParallelFor(pass.bottom(0).count(), 8192, [=, this](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) dx[i] = dy[i] * (1 + S(2 * x[i]));
    });
  }

 private:
  float S(float x) const { return std::sin(alpha_ * x); }
  const float alpha_;
};

void RegisterPlugin(moka::Registry& registry) {
  registry.Add<Snake>("Snake", moka::Field<SnakeParameter>{"snake_param"});
}
