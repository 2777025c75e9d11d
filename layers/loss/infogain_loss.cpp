// InfogainLoss: p = softmax(x), loss = -1/Z sum over predictions of sum over classes c of H[label,
// c] log p[c]. H (K, K), of K classes, is the third bottom or a file; the unit matrix gives
// SoftmaxWithLoss. Z is what loss_param.normalization counts. H gets no gradient. A p below 1e-20
// counts as 1e-20. Caffe: does not check labels in a release build and reads outside its memory;
// here each is checked. Caffe: ignores the file if there is a third bottom; here it is one or the
// other.
#include <string>

#include "infogain_loss.pb.h"
#include "moka/batches.h"
#include "moka/registry.h"
#include "softmax_loss.h"

namespace moka {
namespace {

// l = -sum of h[c] log p[c], h being the label's row of H.
struct Infogain {
  int64_t classes;
  const float* matrix;  // H

  double Loss(const float* p, int64_t stride, int64_t label) const {
    constexpr float kLeast = 1e-20F;  // Caffe's
    const float* h = matrix + label * classes;
    double loss = 0;
    for (int64_t c = 0; c < classes; ++c) loss += h[c] * MinusLog(p[c * stride], kLeast);
    return loss;
  }
  double Scale(const float*, int64_t, int64_t label) const {
    const float* h = matrix + label * classes;
    double sum = 0;
    for (int64_t c = 0; c < classes; ++c) sum += h[c];
    return sum;
  }
  void Subtract(const float*, int64_t stride, int64_t label, double g, float* dx) const {
    const float* h = matrix + label * classes;
    for (int64_t c = 0; c < classes; ++c) dx[c * stride] -= static_cast<float>(g * h[c]);
  }
};

// Bottoms: scores, labels and perhaps H. Tops: the loss and, if there is a second one, p.
class InfogainLoss final : public Layer {
 public:
  InfogainLoss(const LayerSpec& spec, const InfogainLossParameter& params,
               const LossParameter& loss)
      : Layer(spec), source_(params.source()), loss_(AxisOf(params), loss) {
    RefuseClassWeights(loss);
    const bool third = spec.bottom_count() > 2;
    if (third && !source_.empty()) {
      throw Error("source is given, but so is H as the third bottom")
          .At("infogain_loss_param.source");
    }
    if (!third && source_.empty()) {
      throw Error("source is missing, the file of H; or give H as the third bottom")
          .At("infogain_loss_param");
    }
  }

  static LayerTraits Traits(const LayerSpec& spec, const InfogainLossParameter&,
                            const LossParameter&) {
    return SoftmaxLoss::Traits(spec, spec.bottom_count() > 2 ? Reads::Bottom(2) : Reads::Nothing())
        .Bottoms(2, 3)
        .NoGradient(2);
  }

  void SetUp(Shapes, Setup&) override {
    if (source_.empty()) return;
    try {
      matrix_ = ReadBlob(spec().FindFile(source_));
    } catch (Error& error) {
      throw error.At("infogain_loss_param.source");
    }
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    loss_.Reshape(bottom, spec().top_count() > 1, plan, "infogain_loss_param.axis");
    const Shape& h = bottom.size() > 2 ? bottom[2] : matrix_.shape();
    const int64_t classes = loss_.scores().classes;
    if (h.axes() < 2 || h[h.axes() - 1] != classes || h[h.axes() - 2] != classes ||
        h.count(0, h.axes() - 2) != 1) {
      Error error("H is ", h, "; for ", classes, " classes it must be ", classes, "x", classes);
      throw source_.empty() ? error : error.At("infogain_loss_param.source");
    }
  }

  void Forward(ForwardPass& pass) override {
    loss_.ReadLabels(pass);
    loss_.Forward(pass, Rule(pass));
  }
  void Backward(BackwardPass& pass) override { loss_.Backward(pass, Rule(pass)); }

 private:
  static SoftmaxParameter AxisOf(const InfogainLossParameter& params) {
    SoftmaxParameter softmax;
    softmax.set_axis(params.axis());
    return softmax;
  }
  Infogain Rule(const Pass& pass) const {
    return {loss_.scores().classes, source_.empty() ? pass.bottom(2).data() : matrix_.data()};
  }

  const std::string source_;
  SoftmaxLoss loss_;
  Tensor matrix_;  // H, if it comes from a file
};

}  // namespace

void RegisterInfogainLoss(Registry& registry) {
  registry.Add<InfogainLoss>("InfogainLoss",
                             Field<InfogainLossParameter>{"infogain_loss_param", 116},
                             Field<LossParameter>{"loss_param", 101});
}

}  // namespace moka
