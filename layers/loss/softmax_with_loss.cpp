// SoftmaxWithLoss: p = softmax(x), loss = sum over predictions of -log p[label], divided by a
// normaliser.
#include <cfloat>

#include "class_scores.h"
#include "loss.pb.h"
#include "moka/layer.h"
#include "moka/registry.h"
#include "softmax.pb.h"
#include "softmax_row.h"

namespace moka {
namespace {

std::optional<int> IgnoreLabel(const LossParameter& params) {
  return params.has_ignore_label() ? std::optional<int>(params.ignore_label()) : std::nullopt;
}

LossParameter::NormalizationMode Normalization(const LossParameter& params) {
  if (params.has_normalization() || !params.has_normalize()) return params.normalization();
  return params.normalize() ? LossParameter::VALID : LossParameter::BATCH_SIZE;
}

// Bottoms: scores, labels. Tops: the loss and, if there is a second one, p.
class SoftmaxWithLoss final : public Layer {
 public:
  SoftmaxWithLoss(const LayerSpec& spec, const SoftmaxParameter& softmax, const LossParameter& loss)
      : Layer(spec),
        axis_(softmax.axis()),
        ignore_(IgnoreLabel(loss)),
        normalization_(Normalization(loss)) {}

  // Backward needs p: the second top if there is one, else a buffer of the layer's own.
  static LayerTraits Traits(const LayerSpec& spec, const SoftmaxParameter&, const LossParameter&) {
    return LayerTraits().Bottoms(2).Tops(1, 2).Loss(0).NoGradient(1).BottomGradientReads(
        spec.top_count() > 1 ? Reads::Top(1) : Reads::Nothing());
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    scores_ = ScoresAlong(bottom[0], bottom[0].Axis(axis_, "softmax_param.axis"));
    CheckLabelCount(scores_, bottom[0], bottom[1]);
    plan.top(0) = Shape();
    if (spec().top_count() > 1) {
      plan.top(1) = bottom[0];
    } else {
      p_ = plan.Saved<float>(bottom[0].count());
    }
    labels_ = plan.Saved<int64_t>(scores_.predictions());
    normaliser_ = plan.Saved<double>(1);
    parts_ = plan.Scratch<Part>(scores_.pieces());
  }

  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  // What one piece of the work adds to the loss.
  struct Part {
    double loss = 0;
    int64_t counted = 0;
  };

  double Normaliser(int64_t counted) const;

  const int axis_;
  const std::optional<int> ignore_;
  const LossParameter::NormalizationMode normalization_;
  ClassScores scores_;
  Buffer<float> p_;
  Buffer<int64_t> labels_;  // kIgnored where the label is ignore_label
  Buffer<double> normaliser_;
  Buffer<Part> parts_;
};

double SoftmaxWithLoss::Normaliser(int64_t counted) const {
  int64_t n = 1;
  switch (normalization_) {
    case LossParameter::FULL:
      n = scores_.predictions();
      break;
    case LossParameter::VALID:
      n = counted;
      break;
    case LossParameter::BATCH_SIZE:
      n = scores_.outer;
      break;
    case LossParameter::NONE:
      break;
  }
  return static_cast<double>(std::max<int64_t>(1, n));
}

void SoftmaxWithLoss::Forward(ForwardPass& pass) {
  const float* x = pass.bottom(0).data();
  const float* label = pass.bottom(1).data();
  float* p = pass.top_count() > 1 ? pass.top(1).data() : pass.Get(p_).data();
  int64_t* labels = pass.Get(labels_).data();
  const std::span<Part> parts = pass.Get(parts_);
  const int64_t grain = scores_.grain();
  pass.ParallelFor(scores_.predictions(), grain, [&](int64_t begin, int64_t end) {
    Part part;
    for (int64_t n = begin; n < end; ++n) {
      const int64_t at = scores_.Offset(n);
      SoftmaxRow(x + at, p + at, scores_.classes, scores_.inner);
      labels[n] = ClassOf(label[n], ignore_, scores_, n);
      if (labels[n] == kIgnored) continue;
      // The bound keeps the loss finite where p underflows to 0; in this order it lets a NaN
      // through.
      const float q = p[at + labels[n] * scores_.inner];
      part.loss -= std::log(static_cast<double>(q < FLT_MIN ? FLT_MIN : q));
      ++part.counted;
    }
    parts[static_cast<size_t>(begin / grain)] = part;
  });
  Part sum;
  for (const Part& part : parts) {
    sum.loss += part.loss;
    sum.counted += part.counted;
  }
  const double normaliser = Normaliser(sum.counted);
  pass.Get(normaliser_)[0] = normaliser;
  pass.top(0).data()[0] = static_cast<float>(sum.loss / normaliser);
}

// With g the loss's top_diff over the normaliser, e the unit vector of the label and dp the
// top_diff of the second top: dx = g (p - e) + p (dp - <p, dp>). An ignored label has g = 0.
void SoftmaxWithLoss::Backward(BackwardPass& pass) {
  if (!pass.wants_bottom(0)) return;
  const bool p_is_top = pass.top_count() > 1;
  const float* p = p_is_top ? pass.top(1).data() : pass.Get(p_).data();
  const float* dp = p_is_top ? pass.top_diff(1).data() : nullptr;
  const int64_t* labels = pass.Get(labels_).data();
  const double scale = pass.top_diff(0).data()[0] / pass.Get(normaliser_)[0];
  float* dx = pass.bottom_diff(0).data();
  const int64_t classes = scores_.classes, inner = scores_.inner;
  pass.ParallelFor(scores_.predictions(), scores_.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int64_t at = scores_.Offset(n);
      const double dot = p_is_top ? DotRow(p + at, dp + at, classes, inner) : 0;
      const double g = labels[n] == kIgnored ? 0 : scale;
      for (int64_t c = 0, i = at; c < classes; ++c, i += inner) {
        const double loss = g == 0 ? 0 : g * (p[i] - (c == labels[n] ? 1.0 : 0.0));
        dx[i] = static_cast<float>(p_is_top ? loss + p[i] * (dp[i] - dot) : loss);
      }
    }
  });
}

}  // namespace

void RegisterSoftmaxWithLoss(Registry& registry) {
  registry.Add<SoftmaxWithLoss>("SoftmaxWithLoss", Field<SoftmaxParameter>{"softmax_param", 125},
                                Field<LossParameter>{"loss_param", 101});
}

}  // namespace moka
