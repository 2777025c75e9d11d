// SigmoidCrossEntropyLoss: p = 1 / (1 + exp(-x)), loss = 1/Z sum of -t log p - (1 - t) log(1 - p),
// with a target t for each score x. Z is what loss_param.normalization counts; unless it is given,
// the number of samples. Targets may be any numbers, as a rule 0 to 1; they get no gradient. Caffe:
// cuts a target to an integer before it compares it with ignore_label, so that ignore_label: 0
// ignores 0.7, too; here they must be equal.
#include "logistic.h"
#include "moka/registry.h"
#include "target_loss.h"

namespace moka {
namespace {

class SigmoidCrossEntropyLoss final : public Layer {
 public:
  SigmoidCrossEntropyLoss(const LayerSpec& spec, const LossParameter& loss)
      : Layer(spec), loss_(loss, LossParameter::BATCH_SIZE) {
    RefuseClassWeights(loss);
  }

  static LayerTraits Traits(const LayerSpec&, const LossParameter&) {
    return LayerTraits().Bottoms(2).Tops(1).Loss(0).NoGradient(1).BottomGradientReads(
        Reads::Bottoms());
  }
  void Reshape(Shapes bottom, Plan& plan) override { loss_.Reshape(bottom, plan); }

  void Forward(ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    const float* t = pass.bottom(1).data();
    loss_.Forward(pass, [=](int64_t i) { return LogisticCrossEntropy(x[i], t[i]); });
  }

  // dx = g (p - t)
  void Backward(BackwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    const float* t = pass.bottom(1).data();
    loss_.Backward(pass, [=](int64_t i) { return Logistic(x[i]) - t[i]; });
  }

 private:
  TargetLoss loss_;
};

}  // namespace

void RegisterSigmoidCrossEntropyLoss(Registry& registry) {
  registry.Add<SigmoidCrossEntropyLoss>("SigmoidCrossEntropyLoss",
                                        Field<LossParameter>{"loss_param", 101});
}

}  // namespace moka
