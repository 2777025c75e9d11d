// SoftmaxWithLoss: p = softmax(x), loss = 1/Z sum over predictions of -w[label] log p[label].
// Z is what loss_param.normalization counts, whatever the class weights w (1 unless class_weighting
// or weight_by_label_freqs gives them), as in SegNet.
// With label_smoothing e, of K classes: (1 - e) of that, and -e/K sum over classes c of w[c] log
// p[c]. Caffe: does not check labels in a release build and reads outside its memory; here each is
// checked. Caffe: NVCaffe and Intel smooth the gradient only, with targets that do not add up to 1;
// here the loss is smoothed, too, as in PyTorch. Caffe: SegNet ignores class_weighting unless
// weight_by_label_freqs is true; here, only if it is false.
#include <cmath>
#include <vector>

#include "moka/registry.h"
#include "softmax_loss.h"

namespace moka {
namespace {

// l = -sum of t[c] log p[c], with t[c] = w[c] ((1 - e) [c = label] + e/K).
struct CrossEntropy {
  int64_t classes = 0;
  double smoothing = 0;       // e
  const double* w = nullptr;  // null: all 1
  double sum_of_weights = 0;  // of all classes

  double Weight(int64_t c) const { return w ? w[c] : 1; }
  double Share() const { return smoothing / static_cast<double>(classes); }

  double Loss(const float* p, int64_t stride, int64_t label) const {
    double loss = (1 - smoothing) * Weight(label) * MinusLog(p[label * stride], FLT_MIN);
    if (smoothing == 0) return loss;
    for (int64_t c = 0; c < classes; ++c) {
      loss += Share() * Weight(c) * MinusLog(p[c * stride], FLT_MIN);
    }
    return loss;
  }
  double Scale(const float*, int64_t, int64_t label) const {  // the sum of t
    return (1 - smoothing) * Weight(label) + Share() * sum_of_weights;
  }
  void Subtract(const float*, int64_t stride, int64_t label, double g, float* dx) const {
    dx[label * stride] -= static_cast<float>(g * (1 - smoothing) * Weight(label));
    if (smoothing == 0) return;
    for (int64_t c = 0; c < classes; ++c) {
      dx[c * stride] -= static_cast<float>(g * Share() * Weight(c));
    }
  }
};

// Bottoms: scores, labels. Tops: the loss and, if there is a second one, p.
class SoftmaxWithLoss final : public Layer {
 public:
  SoftmaxWithLoss(const LayerSpec& spec, const SoftmaxParameter& softmax,
                  const LossParameter& loss);

  static LayerTraits Traits(const LayerSpec& spec, const SoftmaxParameter&, const LossParameter&) {
    return SoftmaxLoss::Traits(spec);
  }
  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override {
    loss_.Backward(pass, Rule(pass.Get(frequency_weights_)));
  }

 private:
  CrossEntropy Rule(std::span<const double> frequency_weights) const;

  SoftmaxLoss loss_;
  double smoothing_;
  std::vector<double> weights_;  // class_weighting, or empty
  bool by_frequency_;
  Buffer<double> frequency_weights_;  // 1 / (how often the class is in the batch), if by_frequency_
};

SoftmaxWithLoss::SoftmaxWithLoss(const LayerSpec& spec, const SoftmaxParameter& softmax,
                                 const LossParameter& loss)
    : Layer(spec), loss_(softmax, loss), smoothing_(loss.label_smoothing()) {
  if (!(smoothing_ >= 0 && smoothing_ <= 1)) {
    throw Error("label_smoothing must be from 0 to 1, but is ", smoothing_)
        .At("loss_param.label_smoothing");
  }
  for (const float w : loss.class_weighting()) {
    if (!(w >= 0 && std::isfinite(w))) {
      throw Error("class_weighting must be 0 or more, and finite, but is ", w)
          .At("loss_param.class_weighting");
    }
  }
  if (!loss.has_weight_by_label_freqs() || loss.weight_by_label_freqs()) {
    weights_.assign(loss.class_weighting().begin(), loss.class_weighting().end());
  }
  by_frequency_ = loss.weight_by_label_freqs() && weights_.empty();
}

void SoftmaxWithLoss::Reshape(Shapes bottom, Plan& plan) {
  loss_.Reshape(bottom, spec().top_count() > 1, plan);
  const int64_t classes = loss_.scores().classes;
  if (!weights_.empty() && static_cast<int64_t>(weights_.size()) != classes) {
    throw Error("class_weighting has ", weights_.size(), " values for ", classes, " classes")
        .At("loss_param.class_weighting");
  }
  frequency_weights_ = plan.Saved<double>(by_frequency_ ? classes : 0);
}

CrossEntropy SoftmaxWithLoss::Rule(std::span<const double> frequency_weights) const {
  const std::span<const double> w = by_frequency_ ? frequency_weights : weights_;
  CrossEntropy rule{loss_.scores().classes, smoothing_, w.empty() ? nullptr : w.data(),
                    static_cast<double>(loss_.scores().classes)};
  if (rule.w) {
    rule.sum_of_weights = 0;
    for (const double weight : w) rule.sum_of_weights += weight;
  }
  return rule;
}

void SoftmaxWithLoss::Forward(ForwardPass& pass) {
  const std::span<const int64_t> labels = loss_.ReadLabels(pass);
  const std::span<double> w = pass.Get(frequency_weights_);
  if (by_frequency_) {
    std::fill(w.begin(), w.end(), 0.0);
    for (const int64_t label : labels) {
      if (label != kIgnored) ++w[static_cast<size_t>(label)];
    }
    for (double& weight : w) weight = weight == 0 ? 0 : 1 / weight;
  }
  loss_.Forward(pass, Rule(w));
}

}  // namespace

void RegisterSoftmaxWithLoss(Registry& registry) {
  registry.Add<SoftmaxWithLoss>("SoftmaxWithLoss", Field<SoftmaxParameter>{"softmax_param", 125},
                                Field<LossParameter>{"loss_param", 101});
}

}  // namespace moka
