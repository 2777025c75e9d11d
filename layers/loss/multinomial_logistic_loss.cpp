// MultinomialLogisticLoss: loss = -1/N sum over samples of log p[label], p (N, K) being
// probabilities. All sizes of p but the first are classes. A p below 1e-20 counts as 1e-20.
// SoftmaxWithLoss, which takes scores, is the more stable one. Caffe: does not check labels and
// reads and writes outside its memory; here each is checked.
#include <cmath>

#include "moka/layer.h"
#include "moka/registry.h"
#include "sample_rows.h"

namespace moka {
namespace {

class MultinomialLogisticLoss final : public Layer {
 public:
  explicit MultinomialLogisticLoss(const LayerSpec& spec) : Layer(spec) {}

  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits().Bottoms(2).Tops(1).Loss(0).NoGradient(1).BottomGradientReads(
        Reads::Bottom(0));
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    rows_ = RowsOf(bottom[0]);
    CheckLabelCount(rows_.scores(), bottom[0], bottom[1]);
    plan.top(0) = Shape();
    labels_ = plan.Saved<int64_t>(rows_.samples);
    parts_ = plan.Scratch<LossSum>(rows_.pieces());
  }

  void Forward(ForwardPass& pass) override {
    const float* p = pass.bottom(0).data();
    const float* label = pass.bottom(1).data();
    int64_t* labels = pass.Get(labels_).data();
    const auto piece = [&](int64_t begin, int64_t end) {
      LossSum part;
      for (int64_t n = begin; n < end; ++n) {
        labels[n] = ClassOf(label[n], std::nullopt, rows_.scores(), n);
        part.loss -= std::log(Bound(p[n * rows_.size + labels[n]]));
      }
      return part;
    };
    const LossSum sum = SumPieces(pass, rows_.samples, rows_.grain(), pass.Get(parts_), piece);
    pass.top(0).data()[0] = static_cast<float>(sum.loss / rows_.divisor());
  }

  // dp[label] = -dy / (N p[label]), 0 elsewhere
  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const float* p = pass.bottom(0).data();
    const int64_t* labels = pass.Get(labels_).data();
    const double g = pass.top_diff(0).data()[0] / rows_.divisor();
    float* dp = pass.bottom_diff(0).data();
    pass.ParallelFor(rows_.samples, rows_.grain(), [&](int64_t begin, int64_t end) {
      std::fill(dp + begin * rows_.size, dp + end * rows_.size, 0.0F);
      for (int64_t n = begin; n < end; ++n) {
        const int64_t i = n * rows_.size + labels[n];
        dp[i] = static_cast<float>(-g / Bound(p[i]));
      }
    });
  }

 private:
  static double Bound(double p) { return p < 1e-20 ? 1e-20 : p; }  // a NaN stays

  SampleRows rows_;
  Buffer<int64_t> labels_;
  Buffer<LossSum> parts_;
};

}  // namespace

void RegisterMultinomialLogisticLoss(Registry& registry) {
  registry.Add<MultinomialLogisticLoss>("MultinomialLogisticLoss");
}

}  // namespace moka
