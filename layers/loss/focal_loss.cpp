// FocalLoss: p = softmax(x), loss = 1/Z sum over predictions of -alpha (1 - q)^gamma log q, q =
// p[label].
// With form: SIGMOID, each score x has its target t from 0 to 1. Let p = 1 / (1 + exp(-x)) and q =
// t p
// + (1 - t)(1 - p): loss = 1/Z sum of (t alpha + (1 - t)(1 - alpha)) (1 - q)^gamma H, H = -t log p
// - (1 - t) log(1 - p). Z is what loss_param.normalization counts. SoftmaxWithFocalLoss and
// SoftmaxFocalLoss are other names of it, and take softmax_focal_loss_param as well. Caffe: the
// forks' layers of this name differ; the softmax form has one alpha for all classes, as most of
// them.
#include <cmath>
#include <string>
#include <utility>

#include "focal_loss.pb.h"
#include "logistic.h"
#include "moka/registry.h"
#include "softmax_loss.h"
#include "target_loss.h"

namespace moka {
namespace {

// Keeps logarithms and powers finite; in this order it lets a NaN through.
double Bound(double q) { return q < 1e-30 ? 1e-30 : q; }

struct SoftmaxFocal {
  double alpha, gamma;

  double Loss(const float* p, int64_t stride, int64_t label) const {
    const double q = Bound(p[label * stride]);
    return -alpha * std::pow(Bound(1 - q), gamma) * std::log(q);
  }
  // -q dl/dq, since dq/dx = q (e - p) with e the unit vector of the label
  double Scale(const float* p, int64_t stride, int64_t label) const {
    const double q = Bound(p[label * stride]), r = Bound(1 - q);
    return alpha * (std::pow(r, gamma) - gamma * q * std::pow(r, gamma - 1) * std::log(q));
  }
  void Subtract(const float* p, int64_t stride, int64_t label, double g, float* dx) const {
    dx[label * stride] -= static_cast<float>(g * Scale(p, stride, label));
  }
};

struct SigmoidFocal {
  double alpha, gamma;

  double Weight(double t) const { return t * alpha + (1 - t) * (1 - alpha); }
  double Loss(double x, double t) const {
    const double p = Logistic(x), r = Bound(t * Logistic(-x) + (1 - t) * p);
    return Weight(t) * std::pow(r, gamma) * LogisticCrossEntropy(x, t);
  }
  // With r = 1 - q: dr/dx = (1 - 2t) p (1 - p), dH/dx = p - t.
  double Slope(double x, double t) const {
    const double p = Logistic(x), r = Bound(t * Logistic(-x) + (1 - t) * p);
    const double dr = (1 - 2 * t) * p * Logistic(-x);
    return Weight(t) * (std::pow(r, gamma) * (p - t) +
                        gamma * std::pow(r, gamma - 1) * dr * LogisticCrossEntropy(x, t));
  }
};

// Bottoms: scores, labels or targets. Tops: the loss and, in the softmax form, perhaps p.
class FocalLoss : public Layer {
 public:
  FocalLoss(const LayerSpec& spec, const FocalLossParameter& params,
            const SoftmaxParameter& softmax, const LossParameter& loss)
      : FocalLoss(spec, params, softmax, loss, "focal_loss_param") {}

  static LayerTraits Traits(const LayerSpec& spec, const FocalLossParameter& params,
                            const SoftmaxParameter&, const LossParameter&) {
    if (params.form() == FocalLossParameter::SOFTMAX) return SoftmaxLoss::Traits(spec);
    return LayerTraits().Bottoms(2).Tops(1).Loss(0).NoGradient(1).BottomGradientReads(
        Reads::Bottoms());
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    if (sigmoid_) return target_loss_.Reshape(bottom, plan);
    softmax_loss_.Reshape(bottom, spec().top_count() > 1, plan);
  }
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 protected:
  FocalLoss(const LayerSpec& spec, const FocalLossParameter& params,
            const SoftmaxParameter& softmax, const LossParameter& loss, const std::string& field);

 private:
  // Targets come from files, so each of them is checked.
  float Target(float t, int64_t i) const {
    if (t >= 0 && t <= 1) return t;
    const int64_t sample = i / target_loss_.sample_size();
    throw Error("target ", t, " of sample ", sample, " (position ", i % target_loss_.sample_size(),
                ") is outside 0..1")
        .Sample(sample);
  }

  const double alpha_, gamma_;
  const bool sigmoid_;
  SoftmaxLoss softmax_loss_;
  TargetLoss target_loss_;
};

FocalLoss::FocalLoss(const LayerSpec& spec, const FocalLossParameter& params,
                     const SoftmaxParameter& softmax, const LossParameter& loss,
                     const std::string& field)
    : Layer(spec),
      alpha_(params.alpha()),
      gamma_(params.gamma()),
      sigmoid_(params.form() == FocalLossParameter::SIGMOID),
      softmax_loss_(softmax, loss),
      target_loss_(loss, LossParameter::VALID) {
  RefuseClassWeights(loss);
  const auto check = [&](double value, const char* name) {
    if (value >= 0 && std::isfinite(value)) return;
    throw Error(name, " must be 0 or more, and finite, but is ", value).At(field + "." + name);
  };
  check(alpha_, "alpha");
  check(gamma_, "gamma");
  if (sigmoid_ && alpha_ > 1) {
    throw Error("alpha must be from 0 to 1 in the sigmoid form, but is ", alpha_)
        .At(field + ".alpha");
  }
}

void FocalLoss::Forward(ForwardPass& pass) {
  if (sigmoid_) {
    const float* x = pass.bottom(0).data();
    const float* t = pass.bottom(1).data();
    const SigmoidFocal rule{alpha_, gamma_};
    return target_loss_.Forward(pass,
                                [=, this](int64_t i) { return rule.Loss(x[i], Target(t[i], i)); });
  }
  softmax_loss_.ReadLabels(pass);
  softmax_loss_.Forward(pass, SoftmaxFocal{alpha_, gamma_});
}

void FocalLoss::Backward(BackwardPass& pass) {
  if (!sigmoid_) return softmax_loss_.Backward(pass, SoftmaxFocal{alpha_, gamma_});
  const float* x = pass.bottom(0).data();
  const float* t = pass.bottom(1).data();
  const SigmoidFocal rule{alpha_, gamma_};
  target_loss_.Backward(pass, [=](int64_t i) { return rule.Slope(x[i], t[i]); });
}

// The same under a name of the forks, with either name of the parameters.
class SoftmaxFocalLoss final : public FocalLoss {
 public:
  SoftmaxFocalLoss(const LayerSpec& spec, const FocalLossParameter& params,
                   const FocalLossParameter& other, const SoftmaxParameter& softmax,
                   const LossParameter& loss)
      : FocalLoss(spec, Params(spec, params, other), softmax, loss, FieldOf(spec)) {
    if (spec.HasParam("focal_loss_param") && spec.HasParam("softmax_focal_loss_param")) {
      throw Error("focal_loss_param and softmax_focal_loss_param are both given")
          .At("softmax_focal_loss_param");
    }
  }

  static LayerTraits Traits(const LayerSpec& spec, const FocalLossParameter& params,
                            const FocalLossParameter& other, const SoftmaxParameter& softmax,
                            const LossParameter& loss) {
    return FocalLoss::Traits(spec, Params(spec, params, other), softmax, loss);
  }

 private:
  static const char* FieldOf(const LayerSpec& spec) {
    return spec.HasParam("softmax_focal_loss_param") ? "softmax_focal_loss_param"
                                                     : "focal_loss_param";
  }
  static const FocalLossParameter& Params(const LayerSpec& spec, const FocalLossParameter& params,
                                          const FocalLossParameter& other) {
    return spec.HasParam("softmax_focal_loss_param") ? other : params;
  }
};

}  // namespace

void RegisterFocalLoss(Registry& registry) {
  const Field<FocalLossParameter> focal{"focal_loss_param", 5070},
      softmax_focal{"softmax_focal_loss_param", 5071};
  const Field<SoftmaxParameter> softmax{"softmax_param", 125};
  const Field<LossParameter> loss{"loss_param", 101};
  registry.Add<FocalLoss>("FocalLoss", focal, softmax, loss);
  for (const char* type : {"SoftmaxWithFocalLoss", "SoftmaxFocalLoss"}) {
    registry.Add<SoftmaxFocalLoss>(type, focal, softmax_focal, softmax, loss);
  }
}

}  // namespace moka
