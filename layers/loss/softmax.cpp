// Softmax: y = exp(x) / sum exp(x), the sum taken along one axis.
#include "class_scores.h"
#include "moka/layer.h"
#include "moka/registry.h"
#include "softmax.pb.h"
#include "softmax_row.h"

namespace moka {
namespace {

class Softmax final : public Layer {
 public:
  Softmax(const LayerSpec& spec, const SoftmaxParameter& params)
      : Layer(spec), axis_(params.axis()) {}

  // Both passes finish a row before the next and read all of it (its largest value, its product
  // with dy) before they write its first element; what they read later is the element that they are
  // about to write.
  static LayerTraits Traits(const LayerSpec&, const SoftmaxParameter&) {
    return LayerTraits().BottomGradientReads(Reads::Top(0)).MayShare(0, 0);
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    rows_ = ScoresAlong(bottom[0], bottom[0].Axis(axis_, "softmax_param.axis"));
    plan.top(0) = bottom[0];
  }

  void Forward(ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    float* y = pass.top(0).data();
    pass.ParallelFor(rows_.predictions(), rows_.grain(),
                     [&](int64_t begin, int64_t end) { SoftmaxForward(rows_, x, y, begin, end); });
  }

  // dx = y (dy - <y, dy>)
  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const float* y = pass.top(0).data();
    const float* dy = pass.top_diff(0).data();
    float* dx = pass.bottom_diff(0).data();
    pass.ParallelFor(rows_.predictions(), rows_.grain(), [&](int64_t begin, int64_t end) {
      SoftmaxBackward(rows_, y, dy, dx, begin, end);
    });
  }

 private:
  const int axis_;
  ClassScores rows_;
};

}  // namespace

void RegisterSoftmax(Registry& registry) {
  registry.Add<Softmax>("Softmax", Field<SoftmaxParameter>{"softmax_param", 125});
}

}  // namespace moka
