// Exp: y = base^(shift + scale x), the base e unless the file says otherwise.
#include "affine.h"
#include "exp.pb.h"
#include "moka/elementwise.h"
#include "moka/functions.h"
#include "moka/registry.h"

namespace moka {
namespace {

class Exp final : public Layer {
 public:
  Exp(const LayerSpec& spec, const ExpParameter& params) : Layer(spec) {
    const double log_base = LogOfBase(params.base(), "exp_param.base");
    exponent_ = {log_base * static_cast<double>(Finite(params.scale(), "exp_param.scale")),
                 log_base * static_cast<double>(Finite(params.shift(), "exp_param.shift"))};
  }

  static LayerTraits Traits(const LayerSpec&, const ExpParameter&) { return GradientFromTop(); }

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  // base^(shift + scale x) = exp(log(base) shift + log(base) scale x)
  void Forward(ForwardPass& pass) override {
    if (exponent_.is_identity()) {
      ForwardEach(pass, [](float x) { return moka::Exp(x); });
    } else {
      ForwardEach(pass, [t = exponent_](float x) { return moka::Exp(t(x)); });
    }
  }

  // dy/dx = log(base) scale y
  void Backward(BackwardPass& pass) override {
    BackwardFromTop(pass, [a = static_cast<float>(exponent_.scale)](float y, float dy) {
      return dy * (a * y);
    });
  }

 private:
  Affine exponent_;
};

}  // namespace

void RegisterExp(Registry& registry) {
  // class: there is a function of that name, too.
  registry.Add<class Exp>("Exp", Field<ExpParameter>{"exp_param", 111});
}

}  // namespace moka
