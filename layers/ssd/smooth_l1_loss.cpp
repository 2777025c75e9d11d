// SmoothL1Loss: loss = 1/N sum v f(w (a - b)), with N the number of samples, f(d) = (sigma d)^2 / 2
// where |d| < 1 / sigma^2 and |d| - 1 / (2 sigma^2) elsewhere. Girshick, "Fast R-CNN", ICCV 2015.
// Bottoms: a, b, and perhaps the weights w ("inside") and v ("outside"), which are 1 otherwise.
// Caffe: Fast R-CNN's and SSD's gradient forgets the factor w; for weights 0 and 1, which are what
// is used, nothing differs.
#include <algorithm>
#include <cmath>

#include "moka/registry.h"
#include "smooth_l1.h"
#include "smooth_l1_loss.pb.h"

namespace moka::ssd {
namespace {

constexpr int64_t kGrain = 16384;

class SmoothL1Loss final : public Layer {
 public:
  SmoothL1Loss(const LayerSpec& spec, const SmoothL1LossParameter& params)
      : Layer(spec), f_{static_cast<double>(params.sigma()) * params.sigma()} {
    if (!(params.sigma() > 0 && std::isfinite(params.sigma()))) {
      throw Error("sigma must be more than 0, and finite, but is ", params.sigma())
          .At("smooth_l1_loss_param.sigma");
    }
  }

  static LayerTraits Traits(const LayerSpec&, const SmoothL1LossParameter&) {
    return LayerTraits()
        .Bottoms(2, 4)
        .Tops(1)
        .Loss(0)
        .NoGradient(2)
        .NoGradient(3)
        .BottomGradientReads(Reads::Bottoms());
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    const Shape& a = bottom[0];
    for (size_t i = 1; i < bottom.size(); ++i) {
      const Shape& b = bottom[i];
      if (a.count() != b.count() || a.size_or_1(0) != b.size_or_1(0)) {
        throw Error("bottom 0 is ", a, " (", a.count(), " values), bottom ", i, " is ", b, " (",
                    b.count(), " values): both must have as many samples and as many values");
      }
    }
    samples_ = std::max<int64_t>(1, a.size_or_1(0));
    plan.top(0) = Shape();
    parts_ = plan.Scratch<double>((a.count() + kGrain - 1) / kGrain);
  }

  void Forward(ForwardPass& pass) override {
    const Differences d(pass);
    const std::span<double> parts = pass.Get(parts_);
    pass.ParallelFor(pass.bottom(0).count(), kGrain, [&](int64_t begin, int64_t end) {
      double sum = 0;
      for (int64_t i = begin; i < end; ++i) sum += d.outside(i) * f_.Value(d.inside(i) * d(i));
      parts[static_cast<size_t>(begin / kGrain)] = sum;
    });
    double sum = 0;
    for (const double part : parts) sum += part;
    pass.top(0).data()[0] = static_cast<float>(sum / static_cast<double>(samples_));
  }

  // da = dy v w f'(w (a - b)) / N, db = -da
  void Backward(BackwardPass& pass) override {
    const Differences d(pass);
    const double scale = pass.top_diff(0).data()[0] / static_cast<double>(samples_);
    for (int k = 0; k < 2; ++k) {
      if (!pass.wants_bottom(k)) continue;
      float* dx = pass.bottom_diff(k).data();
      const double g = k == 0 ? scale : -scale;
      pass.ParallelFor(pass.bottom(0).count(), kGrain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const double w = d.inside(i);
          dx[i] = static_cast<float>(g * d.outside(i) * w * f_.Slope(w * d(i)));
        }
      });
    }
  }

 private:
  // a - b, and the weights.
  class Differences {
   public:
    explicit Differences(const Pass& pass)
        : a_(pass.bottom(0).data()),
          b_(pass.bottom(1).data()),
          w_(pass.bottom_count() > 2 ? pass.bottom(2).data() : nullptr),
          v_(pass.bottom_count() > 3 ? pass.bottom(3).data() : nullptr) {}
    double operator()(int64_t i) const { return static_cast<double>(a_[i]) - b_[i]; }
    double inside(int64_t i) const { return w_ == nullptr ? 1.0 : w_[i]; }
    double outside(int64_t i) const { return v_ == nullptr ? 1.0 : v_[i]; }

   private:
    const float *a_, *b_, *w_, *v_;
  };

  const SmoothL1 f_;
  int64_t samples_ = 1;
  Buffer<double> parts_;
};

}  // namespace

void RegisterSmoothL1Loss(Registry& registry) {
  registry.Add<SmoothL1Loss>("SmoothL1Loss",
                             Field<SmoothL1LossParameter>{"smooth_l1_loss_param", 148});
}

}  // namespace moka::ssd
