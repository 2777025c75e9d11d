// PolyLoss: loss = 1/N sum over samples of epsilon (1 - q) - log q, with p = softmax(x), q =
// p[label]. Poly-1 of Leng, Tan, Liu, Cubuk, Shi, Cheng, Anguelov, "PolyLoss: a polynomial
// expansion perspective of classification loss functions", 2022.
#include <algorithm>
#include <cmath>
#include <span>
#include <string>

#include "moka/check_case.h"
#include "moka/layer.h"
#include "moka/registry.h"
#include "poly_loss.pb.h"

// x, p (samples, classes); a label for each sample
class PolyLoss final : public moka::Layer {
 public:
  PolyLoss(const moka::LayerSpec& spec, const PolyLossParameter& params)
      : Layer(spec), epsilon_(params.epsilon()) {
    if (!(epsilon_ >= -1 && std::isfinite(epsilon_))) {
      throw moka::Error("epsilon must be -1 or more, and finite, but is ", epsilon_)
          .At("poly_loss_param.epsilon");
    }
  }

  // Labels have no gradient. Backward reads what Forward saved, and neither bottom.
  static moka::LayerTraits Traits(const moka::LayerSpec&, const PolyLossParameter&) {
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
        const double q = p[n * classes_ + labels[n]];
        sum += epsilon_ * (1 - q) - std::log(Bound(q));
      }
      parts[static_cast<size_t>(begin / grain_)] = sum;
    });
    double sum = 0;
    for (const double part : parts) sum += part;
    pass.top(0).data()[0] = static_cast<float>(sum / Divisor());
  }

  // dx[c] = dloss/N (1 + epsilon q) (p[c] - (c == label))
  void Backward(moka::BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const float* p = pass.Get(p_).data();
    const int64_t* labels = pass.Get(labels_).data();
    float* dx = pass.bottom_diff(0).data();
    const double scale = pass.top_diff(0).data()[0] / Divisor();
    pass.ParallelFor(samples_, grain_, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        const double q = p[n * classes_ + labels[n]];
        const double slope = scale * (1 + epsilon_ * q);
        for (int64_t c = 0, i = n * classes_; c < classes_; ++c, ++i) {
          dx[i] = static_cast<float>(slope * (p[i] - (c == labels[n] ? 1 : 0)));
        }
      }
    });
  }

 private:
  double Divisor() const { return static_cast<double>(std::max<int64_t>(1, samples_)); }

  // Keeps the logarithm finite; in this order it lets a NaN through.
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

  const float epsilon_;
  int64_t samples_ = 0, classes_ = 0, grain_ = 1;
  moka::Buffer<float> p_;
  moka::Buffer<int64_t> labels_;
  moka::Buffer<double> parts_;
};

void RegisterPlugin(moka::Registry& registry) {
  registry.Add<PolyLoss>("PolyLoss", moka::Field<PolyLossParameter>{"poly_loss_param"});
  for (const char* epsilon : {"0", "1", "-1"}) {
    const std::string params = std::string("poly_loss_param { epsilon: ") + epsilon + " }";
    registry.AddCheckCase("PolyLoss", moka::CheckCase(params, {{6, 5}, {6}}).Labels(1, 5));
  }
}
