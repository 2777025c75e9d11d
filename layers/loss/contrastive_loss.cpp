// ContrastiveLoss: d = |a - b|, loss = 1/(2N) sum over samples of d^2 where they are similar, and
// of max(margin - d, 0)^2 where they are not. Bottoms: a, b (N, ...) and a label for each sample, 1
// if a and b are similar, else 0. Hadsell, Chopra, LeCun, 2006. legacy_version: max(margin - d^2,
// 0), as Caffe had it at first. Caffe: takes any label but 0 for 1; here each must be 0 or 1.
// Caffe: divides the gradient of dissimilar pairs by d + 0.0001; here it is exact, and 0 for d = 0.
#include <cmath>

#include "contrastive_loss.pb.h"
#include "moka/layer.h"
#include "moka/registry.h"
#include "sample_rows.h"

namespace moka {
namespace {

class ContrastiveLoss final : public Layer {
 public:
  ContrastiveLoss(const LayerSpec& spec, const ContrastiveLossParameter& params)
      : Layer(spec), margin_(params.margin()), legacy_(params.legacy_version()) {
    if (!std::isfinite(margin_)) {
      throw Error("margin must be finite, but is ", margin_).At("contrastive_loss_param.margin");
    }
  }

  static LayerTraits Traits(const LayerSpec&, const ContrastiveLossParameter&) {
    return LayerTraits().Bottoms(3).Tops(1).Loss(0).NoGradient(2).BottomGradientReads(
        Reads::Bottom(0) | Reads::Bottom(1));
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    const Shape &a = bottom[0], &b = bottom[1], &labels = bottom[2];
    rows_ = RowsOf(a);
    if (RowsOf(b).samples != rows_.samples || RowsOf(b).size != rows_.size) {
      throw Error("bottom 0 is ", a, ", bottom 1 is ", b,
                  ": both must have as many samples and as many values");
    }
    if (labels.count() != rows_.samples) {
      throw Error("there are ", labels.count(), " labels (", labels, ") for ", rows_.samples,
                  " pairs (bottom 0 is ", a, ")");
    }
    plan.top(0) = Shape();
    slopes_ = plan.Saved<double>(rows_.samples);
    parts_ = plan.Scratch<LossSum>(rows_.pieces());
  }

  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  struct Pair {
    double loss, slope;  // l, and dl/da = 2 slope (a - b)
  };
  Pair Of(double squared, bool similar) const;

  const float margin_;
  const bool legacy_;
  SampleRows rows_;
  Buffer<double> slopes_;  // of each sample
  Buffer<LossSum> parts_;
};

ContrastiveLoss::Pair ContrastiveLoss::Of(double squared, bool similar) const {
  if (similar) return {squared, 1};
  const double d = std::sqrt(squared);
  const double missing = margin_ - (legacy_ ? squared : d);
  if (missing <= 0) return {0, 0};  // not so for NaN
  if (legacy_) return {missing, -1};
  return {missing * missing, d == 0 ? 0 : -missing / d};
}

void ContrastiveLoss::Forward(ForwardPass& pass) {
  const float* a = pass.bottom(0).data();
  const float* b = pass.bottom(1).data();
  const float* label = pass.bottom(2).data();
  double* slopes = pass.Get(slopes_).data();
  const ClassScores verdicts{rows_.samples, 2, 1};
  const auto piece = [&](int64_t begin, int64_t end) {
    LossSum part;
    for (int64_t n = begin; n < end; ++n) {
      const bool similar = ClassOf(label[n], std::nullopt, verdicts, n) == 1;
      const int64_t at = n * rows_.size;
      const Pair pair = Of(SquaredDistance(a + at, b + at, rows_.size), similar);
      part.loss += pair.loss;
      slopes[n] = pair.slope;
    }
    return part;
  };
  const LossSum sum = SumPieces(pass, rows_.samples, rows_.grain(), pass.Get(parts_), piece);
  pass.top(0).data()[0] = static_cast<float>(sum.loss / 2 / rows_.divisor());
}

// da = dy/N slope (a - b), db = -da
void ContrastiveLoss::Backward(BackwardPass& pass) {
  const float* a = pass.bottom(0).data();
  const float* b = pass.bottom(1).data();
  const double* slopes = pass.Get(slopes_).data();
  const double g = pass.top_diff(0).data()[0] / rows_.divisor();
  for (int k = 0; k < 2; ++k) {
    if (!pass.wants_bottom(k)) continue;
    ScaleDifferences(pass, rows_, k == 0 ? g : -g, slopes, a, b, pass.bottom_diff(k).data());
  }
}

}  // namespace

void RegisterContrastiveLoss(Registry& registry) {
  registry.Add<ContrastiveLoss>("ContrastiveLoss",
                                Field<ContrastiveLossParameter>{"contrastive_loss_param", 105});
}

}  // namespace moka
