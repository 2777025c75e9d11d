// Two layers that train together with Snake: one with weights, and a loss.
#include "moka/filler.pb.h"
#include "moka/layer.h"
#include "moka/math.h"
#include "moka/registry.h"

namespace {

// y(n, c) = g(c) x(n, c)
class Gain final : public moka::Layer {
 public:
  explicit Gain(const moka::LayerSpec& spec) : Layer(spec) {}
  void SetUp(moka::Shapes bottom, moka::Setup& setup) override {
    moka::FillerParameter one;
    one.set_value(1);
    setup.AddParam("gain", {bottom[0][1]}, one);
  }
  void Reshape(moka::Shapes bottom, moka::Plan& plan) override { plan.top(0) = bottom[0]; }

  void Forward(moka::ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    const float* g = pass.param(0).values().data();
    float* y = pass.top(0).data();
    const int64_t channels = pass.bottom(0).shape()[1];
    pass.ParallelFor(pass.bottom(0).count(), 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = g[i % channels] * x[i];
    });
  }

  // dx = g dy, dg(c) = sum over n of x dy
  void Backward(moka::BackwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    const float* g = pass.param(0).values().data();
    const float* dy = pass.top_diff(0).data();
    const int64_t count = pass.bottom(0).count(), channels = pass.bottom(0).shape()[1];
    if (pass.wants_bottom(0)) {
      float* dx = pass.bottom_diff(0).data();
      pass.ParallelFor(count, 16, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) dx[i] = g[i % channels] * dy[i];
      });
    }
    if (!pass.wants_param(0)) return;
    float* dg = pass.param_diff(0).data();
    pass.ParallelFor(channels, 1, [&](int64_t begin, int64_t end) {
      for (int64_t c = begin; c < end; ++c) {
        if (!pass.adds_param(0)) dg[c] = 0;
        for (int64_t i = c; i < count; i += channels) dg[c] += x[i] * dy[i];
      }
    });
  }
};

// y = (1 / n) sum over all elements of (x - t)^2
class SquareLoss final : public moka::Layer {
 public:
  explicit SquareLoss(const moka::LayerSpec& spec) : Layer(spec) {}
  static moka::LayerTraits Traits(const moka::LayerSpec&) {
    return moka::LayerTraits().Bottoms(2).Loss(0).NoGradient(1);
  }
  void Reshape(moka::Shapes bottom, moka::Plan& plan) override {
    if (bottom[0] != bottom[1])
      throw moka::Error("bottom 0 is ", bottom[0], ", bottom 1 is ", bottom[1]);
    plan.top(0) = moka::Shape{};
    squares_ = plan.Scratch<float>(bottom[0].count());
  }
  void Forward(moka::ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    const float* t = pass.bottom(1).data();
    const auto squares = pass.Get(squares_);
    pass.ParallelFor(squares_.count, 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) squares[i] = (x[i] - t[i]) * (x[i] - t[i]);
    });
    const auto n = static_cast<double>(pass.bottom(0).shape()[0]);
    pass.top(0).data()[0] = static_cast<float>(Sum(pass.context(), squares) / n);
  }
  void Backward(moka::BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const float* x = pass.bottom(0).data();
    const float* t = pass.bottom(1).data();
    float* dx = pass.bottom_diff(0).data();
    const float scale =
        2 * pass.top_diff(0).data()[0] / static_cast<float>(pass.bottom(0).shape()[0]);
    pass.ParallelFor(pass.bottom(0).count(), 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) dx[i] = scale * (x[i] - t[i]);
    });
  }

 private:
  moka::Buffer<float> squares_;
};

}  // namespace

void RegisterPlugin(moka::Registry& registry) {
  registry.Add<Gain>("Gain");
  registry.Add<SquareLoss>("SquareLoss");
}
