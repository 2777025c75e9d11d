// EuclideanLoss: loss = 1/(2N) sum (a - b)^2, with N the number of samples.
#include <algorithm>

#include "moka/layer.h"
#include "moka/registry.h"

namespace moka {
namespace {

constexpr int64_t kGrain = 16384;

class EuclideanLoss final : public Layer {
 public:
  explicit EuclideanLoss(const LayerSpec& spec) : Layer(spec) {}

  // Backward takes the difference anew: reading both bottoms costs less memory than keeping it.
  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits().Bottoms(2).Tops(1).Loss(0).BottomGradientReads(Reads::Bottoms());
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    const Shape &a = bottom[0], &b = bottom[1];
    if (a.count() != b.count() || a.size_or_1(0) != b.size_or_1(0)) {
      throw Error("bottom 0 is ", a, " (", a.count(), " values), bottom 1 is ", b, " (", b.count(),
                  " values): both must have as many samples and as many values");
    }
    samples_ = std::max<int64_t>(1, a.size_or_1(0));
    plan.top(0) = Shape();
    parts_ = plan.Scratch<double>((a.count() + kGrain - 1) / kGrain);
  }

  void Forward(ForwardPass& pass) override {
    const float* a = pass.bottom(0).data();
    const float* b = pass.bottom(1).data();
    const std::span<double> parts = pass.Get(parts_);
    pass.ParallelFor(pass.bottom(0).count(), kGrain, [&](int64_t begin, int64_t end) {
      double sum = 0;
      for (int64_t i = begin; i < end; ++i) {
        const double d = static_cast<double>(a[i]) - b[i];
        sum += d * d;
      }
      parts[static_cast<size_t>(begin / kGrain)] = sum;
    });
    double sum = 0;
    for (const double part : parts) sum += part;
    pass.top(0).data()[0] = static_cast<float>(sum / 2 / static_cast<double>(samples_));
  }

  // da = dy (a - b) / N, db = -da
  void Backward(BackwardPass& pass) override {
    const float* a = pass.bottom(0).data();
    const float* b = pass.bottom(1).data();
    const float scale = pass.top_diff(0).data()[0] / static_cast<float>(samples_);
    for (int k = 0; k < 2; ++k) {
      if (!pass.wants_bottom(k)) continue;
      float* d = pass.bottom_diff(k).data();
      const float signed_scale = k == 0 ? scale : -scale;
      pass.ParallelFor(pass.bottom(k).count(), kGrain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) d[i] = signed_scale * (a[i] - b[i]);
      });
    }
  }

 private:
  int64_t samples_ = 1;
  Buffer<double> parts_;
};

}  // namespace

void RegisterEuclideanLoss(Registry& registry) { registry.Add<EuclideanLoss>("EuclideanLoss"); }

}  // namespace moka
