// MVN: y = (x - mean) / (deviation + eps), for each channel of each item (or each item, with
// across_channels); y = x - mean without normalize_variance.
// Caffe: the gradient is wrong in place, and wrong by the share of eps in the deviation everywhere.
#include "moka/registry.h"
#include "moments.h"
#include "mvn.pb.h"

namespace moka {
namespace {

class Mvn final : public Layer {
 public:
  Mvn(const LayerSpec& spec, const MVNParameter& params) : Layer(spec), params_(params) {
    CheckEps(params.eps(), "mvn_param");
  }

  // A row is read before any of it is written.
  static LayerTraits Traits(const LayerSpec&, const MVNParameter& params) {
    return params.normalize_variance() ? GradientFromTop() : GradientFromNothing();
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    const Shape& x = bottom[0];
    const int axis = std::min(x.axes(), params_.across_channels() ? 1 : 2);
    rows_ = Channels(1, x.count(0, axis), x.count_from(axis));
    rows_.PlanSums(plan);
    deviations_ = plan.Saved<double>(rows_.channels());
    plan.top(0) = x;
  }

  void Forward(ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    float* y = pass.top(0).data();
    double* deviations = pass.Get(deviations_).data();
    const bool scales = params_.normalize_variance();
    const double eps = params_.eps();
    rows_.ForEachBlock(pass, [&](Channels::Block block) {
      const int64_t m = rows_.each();
      Sums* sums = rows_.Sum(pass, block, [=, inner = rows_.inner()](int64_t r) {
        return [=, shift = x[r * inner]](int64_t i) { return Deviation(x[i], shift); };
      });
      for (int64_t r = block.first; r < block.last; ++r) {
        const Moments of = MomentsOf(sums[r - block.first], x[r * rows_.inner()], m);
        deviations[r] = scales ? std::sqrt(of.variance) : 1;
        sums[r - block.first].first = of.mean;
      }
      rows_.ForEach(pass, block, [=](int64_t r) {
        const double mean = sums[r - block.first].first;
        const Line line({mean, scales ? 1 / (deviations[r] + eps) : 1}, 1, 0);
        return [=](int64_t i) { y[i] = line(x[i]); };
      });
    });
  }

  // With d the deviation: dx = (dy - mean(dy) - y mean(dy y) (d + eps) / d) / (d + eps). Where all
  // x of a row are equal, d is 0 and y, too: the last term is left out.
  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const bool scales = params_.normalize_variance();
    const double eps = params_.eps();
    const float *dy = pass.top_diff(0).data(), *y = scales ? pass.top(0).data() : dy;
    float* dx = pass.bottom_diff(0).data();
    const double* deviations = pass.Get(deviations_).data();
    rows_.ForEachBlock(pass, [&](Channels::Block block) {
      const Sums* sums = rows_.Sum(pass, block, [=](int64_t) {
        return [=](int64_t i) { return Sums{dy[i], static_cast<double>(dy[i]) * y[i]}; };
      });
      const double m = static_cast<double>(rows_.each());
      rows_.ForEach(pass, block, [=](int64_t r) {
        const Sums& sum = sums[r - block.first];
        const double d = deviations[r], inverse = scales ? 1 / (d + eps) : 1;
        const float a = static_cast<float>(inverse);
        const float mean = static_cast<float>(sum.first / m);
        const float k = scales && d > 0 ? static_cast<float>(-sum.second / (m * d)) : 0;
        return [=](int64_t i) { dx[i] = (dy[i] - mean) * a + y[i] * k; };
      });
    });
  }

 private:
  const MVNParameter params_;
  Channels rows_;  // (1, rows, numbers in a row)
  Buffer<double> deviations_;
};

}  // namespace

void RegisterMVN(Registry& registry) {
  registry.Add<Mvn>("MVN", Field<MVNParameter>{"mvn_param", 120});
}

}  // namespace moka
