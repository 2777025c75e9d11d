// KLDivLoss: loss = 1/Z sum of t (log t - log p), the divergence of p (bottom 0) from t (bottom 1).
// Bottom 0 holds log p, or p with log_input: false; bottom 1 holds t, or log t with log_target:
// true. Z is the number of samples, unless reduction says otherwise. Both get a gradient; t log t
// and its gradient are 0 for t = 0. A p below 1e-20 counts as 1e-20 (but log p is taken as it is).
// Kullback, Leibler, 1951.
#include <cmath>

#include "kl_div_loss.pb.h"
#include "moka/layer.h"
#include "moka/registry.h"
#include "sample_rows.h"

namespace moka {
namespace {

// From what the bottoms hold to t, log t and log p.
struct Divergence {
  bool log_input, log_target;

  static double Bound(double p) { return p < 1e-20 ? 1e-20 : p; }  // a NaN stays
  double LogP(double x) const { return log_input ? x : std::log(Bound(x)); }
  double T(double target) const { return log_target ? std::exp(target) : target; }
  double LogT(double target) const { return log_target ? target : std::log(target); }

  double Value(double x, double target) const {
    const double t = T(target);
    if (t == 0) return std::isnan(x) ? x : 0;
    return t * (LogT(target) - LogP(x));
  }
  // d/dx
  double InputSlope(double x, double target) const {
    return log_input ? -T(target) : -T(target) / Bound(x);
  }
  // d/dtarget, with dt/dtarget = 1 or t
  double TargetSlope(double x, double target) const {
    const double t = T(target);
    if (t == 0) return 0;
    return (LogT(target) - LogP(x) + 1) * (log_target ? t : 1);
  }
};

class KLDivLoss final : public Layer {
 public:
  KLDivLoss(const LayerSpec& spec, const KLDivLossParameter& params)
      : Layer(spec), f_{params.log_input(), params.log_target()}, reduction_(params.reduction()) {}

  static LayerTraits Traits(const LayerSpec&, const KLDivLossParameter&) {
    return LayerTraits().Bottoms(2).Tops(1).Loss(0).BottomGradientReads(Reads::Bottoms());
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    const SampleRows p = RowsOf(bottom[0]), t = RowsOf(bottom[1]);
    if (p.samples != t.samples || p.size != t.size) {
      throw Error("bottom 0 is ", bottom[0], ", bottom 1 is ", bottom[1],
                  ": both must have as many samples and as many values");
    }
    const int64_t n = reduction_ == KLDivLossParameter::BATCHMEAN ? p.samples
                      : reduction_ == KLDivLossParameter::MEAN    ? bottom[0].count()
                                                                  : 1;
    divisor_ = static_cast<double>(std::max<int64_t>(1, n));
    plan.top(0) = Shape();
    parts_ = plan.Scratch<LossSum>(Pieces(bottom[0].count(), kGrain));
  }

  void Forward(ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    const float* t = pass.bottom(1).data();
    const LossSum sum = SumPieces(pass, pass.bottom(0).count(), kGrain, pass.Get(parts_),
                                  [&](int64_t begin, int64_t end) {
                                    LossSum part;
                                    for (int64_t i = begin; i < end; ++i)
                                      part.loss += f_.Value(x[i], t[i]);
                                    return part;
                                  });
    pass.top(0).data()[0] = static_cast<float>(sum.loss / divisor_);
  }

  void Backward(BackwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    const float* t = pass.bottom(1).data();
    const double g = pass.top_diff(0).data()[0] / divisor_;
    for (int k = 0; k < 2; ++k) {
      if (!pass.wants_bottom(k)) continue;
      float* d = pass.bottom_diff(k).data();
      pass.ParallelFor(pass.bottom(k).count(), kGrain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          d[i] = static_cast<float>(
              g * (k == 0 ? f_.InputSlope(x[i], t[i]) : f_.TargetSlope(x[i], t[i])));
        }
      });
    }
  }

 private:
  static constexpr int64_t kGrain = 4096;

  const Divergence f_;
  const KLDivLossParameter::Reduction reduction_;
  double divisor_ = 1;
  Buffer<LossSum> parts_;
};

}  // namespace

void RegisterKLDivLoss(Registry& registry) {
  registry.Add<KLDivLoss>("KLDivLoss", Field<KLDivLossParameter>{"kl_div_loss_param", 5074});
}

}  // namespace moka
