// TripletLoss: loss = 1/(2N) sum over samples of max(0, margin + |a - p|^2 - |a - n|^2).
// Bottoms: anchors a, positives p and negatives n, each (N, ...); all get a gradient. Schroff,
// Kalenichenko, Philbin (FaceNet), 2015, halved as the forks of Caffe do.
#include <cmath>

#include "moka/layer.h"
#include "moka/registry.h"
#include "sample_rows.h"
#include "triplet_loss.pb.h"

namespace moka {
namespace {

class TripletLoss final : public Layer {
 public:
  TripletLoss(const LayerSpec& spec, const TripletLossParameter& params)
      : Layer(spec), margin_(params.margin()) {
    if (!std::isfinite(margin_)) {
      throw Error("margin must be finite, but is ", margin_).At("triplet_loss_param.margin");
    }
  }

  static LayerTraits Traits(const LayerSpec&, const TripletLossParameter&) {
    return LayerTraits().Bottoms(3).Tops(1).Loss(0).BottomGradientReads(Reads::Bottoms());
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    rows_ = RowsOf(bottom[0]);
    for (size_t k = 1; k < 3; ++k) {
      const SampleRows other = RowsOf(bottom[k]);
      if (other.samples == rows_.samples && other.size == rows_.size) continue;
      throw Error("bottom 0 is ", bottom[0], ", bottom ", k, " is ", bottom[k],
                  ": all must have as many samples and as many values");
    }
    plan.top(0) = Shape();
    slopes_ = plan.Saved<double>(rows_.samples);
    parts_ = plan.Scratch<LossSum>(rows_.pieces());
  }

  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  const float margin_;
  SampleRows rows_;
  Buffer<double> slopes_;  // of each sample: 1 if it adds to the loss, 0 if not, or NaN
  Buffer<LossSum> parts_;
};

void TripletLoss::Forward(ForwardPass& pass) {
  const float* anchor = pass.bottom(0).data();
  const float* positive = pass.bottom(1).data();
  const float* negative = pass.bottom(2).data();
  double* slopes = pass.Get(slopes_).data();
  const auto piece = [&](int64_t begin, int64_t end) {
    LossSum part;
    for (int64_t n = begin; n < end; ++n) {
      const float* a = anchor + n * rows_.size;
      const double loss = margin_ + SquaredDistance(a, positive + n * rows_.size, rows_.size) -
                          SquaredDistance(a, negative + n * rows_.size, rows_.size);
      slopes[n] = loss > 0 ? 1 : loss <= 0 ? 0 : loss;
      part.loss += loss <= 0 ? 0 : loss;  // a NaN stays
    }
    return part;
  };
  const LossSum sum = SumPieces(pass, rows_.samples, rows_.grain(), pass.Get(parts_), piece);
  pass.top(0).data()[0] = static_cast<float>(sum.loss / 2 / rows_.divisor());
}

// Where a sample adds to the loss, with g = dy/N: da = g (n - p), dp = g (p - a), dn = g (a - n).
void TripletLoss::Backward(BackwardPass& pass) {
  const double* slopes = pass.Get(slopes_).data();
  const double g = pass.top_diff(0).data()[0] / rows_.divisor();
  constexpr int kPlus[3] = {2, 1, 0}, kMinus[3] = {1, 0, 2};
  for (int k = 0; k < 3; ++k) {
    if (!pass.wants_bottom(k)) continue;
    const float* plus = pass.bottom(kPlus[k]).data();
    const float* minus = pass.bottom(kMinus[k]).data();
    ScaleDifferences(pass, rows_, g, slopes, plus, minus, pass.bottom_diff(k).data());
  }
}

}  // namespace

void RegisterTripletLoss(Registry& registry) {
  registry.Add<TripletLoss>("TripletLoss", Field<TripletLossParameter>{"triplet_loss_param", 5072});
}

}  // namespace moka
