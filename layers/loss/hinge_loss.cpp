// HingeLoss: loss = 1/N sum over samples and classes c of max(0, 1 - s x[c])^k, s = 1 where c is
// the label and -1 elsewhere. k is 1 or 2 (norm: L1, L2). x (N, K): all sizes but the first are
// classes. Caffe: does not check labels and writes outside its memory; here each is checked.
#include "hinge_loss.pb.h"
#include "moka/layer.h"
#include "moka/registry.h"
#include "sample_rows.h"

namespace moka {
namespace {

class HingeLoss final : public Layer {
 public:
  HingeLoss(const LayerSpec& spec, const HingeLossParameter& params)
      : Layer(spec), squared_(params.norm() == HingeLossParameter::L2) {}

  static LayerTraits Traits(const LayerSpec&, const HingeLossParameter&) {
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

  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  // What is missing for a margin of 1; a NaN stays.
  static double Missing(double x, double s) {
    const double missing = 1 - s * x;
    return missing < 0 ? 0 : missing;
  }

  const bool squared_;
  SampleRows rows_;
  Buffer<int64_t> labels_;
  Buffer<LossSum> parts_;
};

void HingeLoss::Forward(ForwardPass& pass) {
  const float* x = pass.bottom(0).data();
  const float* label = pass.bottom(1).data();
  int64_t* labels = pass.Get(labels_).data();
  const auto piece = [&](int64_t begin, int64_t end) {
    LossSum part;
    for (int64_t n = begin; n < end; ++n) {
      labels[n] = ClassOf(label[n], std::nullopt, rows_.scores(), n);
      const float* row = x + n * rows_.size;
      for (int64_t c = 0; c < rows_.size; ++c) {
        const double missing = Missing(row[c], c == labels[n] ? 1 : -1);
        part.loss += squared_ ? missing * missing : missing;
      }
    }
    return part;
  };
  const LossSum sum = SumPieces(pass, rows_.samples, rows_.grain(), pass.Get(parts_), piece);
  pass.top(0).data()[0] = static_cast<float>(sum.loss / rows_.divisor());
}

// dx[c] = -s dy/N where something is missing, times twice that for L2.
void HingeLoss::Backward(BackwardPass& pass) {
  if (!pass.wants_bottom(0)) return;
  const float* x = pass.bottom(0).data();
  const int64_t* labels = pass.Get(labels_).data();
  const double g = pass.top_diff(0).data()[0] / rows_.divisor();
  float* dx = pass.bottom_diff(0).data();
  pass.ParallelFor(rows_.samples, rows_.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      for (int64_t c = 0, i = n * rows_.size; c < rows_.size; ++c, ++i) {
        const double s = c == labels[n] ? 1 : -1, missing = Missing(x[i], s);
        const double slope = squared_ ? 2 * missing : missing > 0 ? 1 : missing;
        dx[i] = static_cast<float>(-s * g * slope);
      }
    }
  });
}

}  // namespace

void RegisterHingeLoss(Registry& registry) {
  registry.Add<HingeLoss>("HingeLoss", Field<HingeLossParameter>{"hinge_loss_param", 114});
}

}  // namespace moka
