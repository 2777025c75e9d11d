// Sigmoid: y = 1 / (1 + exp(-x)), between 0 and 1; its slope y (1 - y) is at most 1/4.
#include "moka/elementwise.h"
#include "moka/functions.h"
#include "moka/registry.h"
#include "sigmoid.pb.h"

namespace moka {
namespace {

class Sigmoid final : public Layer {
 public:
  Sigmoid(const LayerSpec& spec, const SigmoidParameter&) : Layer(spec) {}

  static LayerTraits Traits(const LayerSpec&, const SigmoidParameter&) { return GradientFromTop(); }

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  void Forward(ForwardPass& pass) override {
    ForwardEach(pass, [](float x) { return moka::Sigmoid(x); });
  }

  void Backward(BackwardPass& pass) override {
    BackwardFromTop(pass, [](float y, float dy) { return dy * y * (1 - y); });
  }
};

}  // namespace

void RegisterSigmoid(Registry& registry) {
  // class: there is a function of that name, too.
  registry.Add<class Sigmoid>("Sigmoid", Field<SigmoidParameter>{"sigmoid_param", 124});
}

}  // namespace moka
