// @Name@: @formula@, with x the prediction, t the target.
// That is an example: put your own formula into Forward, and its derivative into Backward.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
@includes@

#include "moka/layer.h"
#include "moka/registry.h"
#include "@stem@.pb.h"

class @Name@ final : public moka::Layer {
 public:
@constructor@

  static moka::LayerTraits Traits(const moka::LayerSpec&, const @Name@Parameter&) {
    return moka::LayerTraits()
        .Bottoms(2)     // x, t
        .Tops(1)        // the loss
        .Loss(0)        // it counts, with weight 1 unless a net says otherwise
        .NoGradient(1)  // Backward has none for t
        .BottomGradientReads(moka::Reads::Bottoms());  // Backward reads x and t
  }

  void Reshape(moka::Shapes bottom, moka::Plan& plan) override {
    if (bottom[0] != bottom[1]) {
      throw moka::Error("bottom 0 is ", bottom[0], ", bottom 1 is ", bottom[1],
                        ": they must have the same shape");
    }
    plan.top(0) = moka::Shape();  // one number
    parts_ = plan.Scratch<double>((bottom[0].count() + kGrain - 1) / kGrain);
  }

  // x, t: any shape, n values. Each piece of the work has its own sum, in double, and these are
  // added up in order: the same bits for any number of threads.
  void Forward(moka::ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    const float* t = pass.bottom(1).data();
    const int64_t n = pass.bottom(0).count();
    const std::span<double> parts = pass.Get(parts_);
    pass.ParallelFor(n, kGrain, [&](int64_t begin, int64_t end) {
      double sum = 0;
      for (int64_t i = begin; i < end; ++i) sum += LogCosh(@z@);
      parts[static_cast<size_t>(begin / kGrain)] = sum;
    });
    double sum = 0;
    for (const double part : parts) sum += part;
    pass.top(0).data()[0] = static_cast<float>(sum / static_cast<double>(std::max<int64_t>(1, n)));
  }

  // dx = dloss @derivative@
  void Backward(moka::BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const float* x = pass.bottom(0).data();
    const float* t = pass.bottom(1).data();
    float* dx = pass.bottom_diff(0).data();
    const int64_t n = pass.bottom(0).count();
    const float scale = @p_times@pass.top_diff(0).data()[0] / static_cast<float>(n);
    pass.ParallelFor(n, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) dx[i] = scale * std::tanh(@z@);
    });
  }

 private:
  static constexpr int64_t kGrain = 8192;  // values in a piece of work

  // log cosh z = |z| + log(1 + exp(-2 |z|)) - log 2, written so that large z do not overflow
  static double LogCosh(double z) {
    return std::abs(z) + std::log1p(std::exp(-2 * std::abs(z))) - std::numbers::ln2;
  }

@members@
  moka::Buffer<double> parts_;
};

void RegisterPlugin(moka::Registry& registry) {
  const moka::Field<@Name@Parameter> params{"@stem@_param"};
  registry.Add<@Name@>("@Name@", params);
}
