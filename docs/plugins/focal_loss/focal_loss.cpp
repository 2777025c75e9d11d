// FocalLoss: loss = 1/N sum over samples of -(1 - q)^gamma log q, with p = softmax(x), q =
// p[label]. Lin, Goyal, Girshick, He, Dollar, "Focal loss for dense object detection", 2017.
#include <algorithm>
#include <cmath>
#include <span>
#include <string>

#include "focal_loss.pb.h"
#include "moka/check_case.h"
#include "moka/layer.h"
#include "moka/registry.h"

// x, p (samples, classes); a label for each sample
class FocalLoss final : public moka::Layer {
 public:
  FocalLoss(const moka::LayerSpec& spec, const FocalLossParameter& params)
      : Layer(spec), gamma_(params.gamma()) {
    if (!(gamma_ >= 0 && std::isfinite(gamma_))) {
      throw moka::Error("gamma must be 0 or more, and finite, but is ", gamma_)
          .At("focal_loss_param.gamma");
    }
  }

  // Labels have no gradient. Backward reads what Forward saved, and neither bottom.
  static moka::LayerTraits Traits(const moka::LayerSpec&, const FocalLossParameter&) {
    return moka::LayerTraits().Bottoms(2).Loss(0).NoGradient(1).BottomGradientReads(
        moka::Reads::Nothing());
  }

  void Reshape(moka::Shapes bottom, moka::Plan& plan) override {
    const moka::Shape &x = bottom[0], &labels = bottom[1];
    samples_ = x.size_or_1(0);
    classes_ = x.count_from(std::min(1, x.axes()));
    if (classes_ == 0 || labels.count() != samples_) {
      throw moka::Error("bottom 0 is ", x, ", bottom 1 is ", labels,
                        ": there must be at least one class, and a label for each sample");
    }
    grain_ = std::max<int64_t>(1, 4096 / classes_);
    plan.top(0) = moka::Shape();
    p_ = plan.Saved<float>(x.count());
    labels_ = plan.Saved<int64_t>(samples_);
    parts_ = plan.Scratch<double>((samples_ + grain_ - 1) / grain_);
  }

  // Each piece of the work has a sum of its own, in double, and these are added up in order: the
  // same bits for any number of threads.
  void Forward(moka::ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    const float* label = pass.bottom(1).data();
    float* p = pass.Get(p_).data();
    int64_t* labels = pass.Get(labels_).data();
    const std::span<double> parts = pass.Get(parts_);
    pass.ParallelFor(samples_, grain_, [&](int64_t begin, int64_t end) {
      double sum = 0;
      for (int64_t n = begin; n < end; ++n) {
        labels[n] = Class(label[n], n);
        Softmax(x + n * classes_, p + n * classes_);
        const double q = Bound(p[n * classes_ + labels[n]]);
        sum -= std::pow(Bound(1 - q), gamma_) * std::log(q);
      }
      parts[static_cast<size_t>(begin / grain_)] = sum;
    });
    double sum = 0;
    for (const double part : parts) sum += part;
    pass.top(0).data()[0] = static_cast<float>(sum / Divisor());
  }

  // dx[c] = dloss/N q dl/dq ((c == label) - p[c]), with l = -(1 - q)^gamma log q and
  // q dl/dq = gamma q (1 - q)^(gamma - 1) log q - (1 - q)^gamma
  void Backward(moka::BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const float* p = pass.Get(p_).data();
    const int64_t* labels = pass.Get(labels_).data();
    float* dx = pass.bottom_diff(0).data();
    const double scale = pass.top_diff(0).data()[0] / Divisor();
    pass.ParallelFor(samples_, grain_, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        const double q = Bound(p[n * classes_ + labels[n]]), r = Bound(1 - q);
        const double slope =
            gamma_ * q * std::pow(r, gamma_ - 1) * std::log(q) - std::pow(r, gamma_);
        for (int64_t c = 0, i = n * classes_; c < classes_; ++c, ++i) {
          dx[i] = static_cast<float>(scale * slope * ((c == labels[n] ? 1 : 0) - p[i]));
        }
      }
    });
  }

 private:
  double Divisor() const { return static_cast<double>(std::max<int64_t>(1, samples_)); }

  // Keeps logarithms and powers finite; in this order it lets a NaN through.
  static double Bound(double q) { return q < 1e-30 ? 1e-30 : q; }

  // p = softmax(x), (classes)
  void Softmax(const float* x, float* p) const {
    const float largest = *std::max_element(x, x + classes_);
    double sum = 0;
    for (int64_t c = 0; c < classes_; ++c) {
      p[c] = std::exp(x[c] - largest);
      sum += p[c];
    }
    for (int64_t c = 0; c < classes_; ++c) p[c] = static_cast<float>(p[c] / sum);
  }

  // Labels come from files, so each is looked at. The net adds which item of which file it was.
  int64_t Class(float label, int64_t sample) const {
    if (label >= 0 && label < static_cast<float>(classes_) && label == std::floor(label))
      return static_cast<int64_t>(label);
    throw moka::Error("label ", label, " of sample ", sample, " is not one of 0..", classes_ - 1,
                      "; bottom 0 has scores for ", classes_, " classes")
        .Sample(sample);
  }

  const float gamma_;
  int64_t samples_ = 0, classes_ = 0, grain_ = 1;
  moka::Buffer<float> p_;
  moka::Buffer<int64_t> labels_;
  moka::Buffer<double> parts_;
};

void RegisterPlugin(moka::Registry& registry) {
  registry.Add<FocalLoss>("FocalLoss", moka::Field<FocalLossParameter>{"focal_loss_param"});
  for (const char* gamma : {"0", "0.5", "2"}) {
    const std::string params = std::string("focal_loss_param { gamma: ") + gamma + " }";
    registry.AddCheckCase("FocalLoss", moka::CheckCase(params, {{6, 5}, {6}}).Labels(1, 5));
  }
}
