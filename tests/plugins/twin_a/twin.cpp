// A plugin whose proto files, package and messages have the names of twin_b's, but other fields: y
// = gain x.
#include "moka/layer.h"
#include "moka/registry.h"
#include "params.pb.h"

namespace {

class Twin final : public moka::Layer {
 public:
  Twin(const moka::LayerSpec& spec, const acme::ActParameter& params)
      : Layer(spec), gain_(params.gain()) {
    if (params.mode() == acme::ActParameter::SOFT)
      throw moka::Error("mode SOFT, ", params.extra(0).word());
  }
  static moka::LayerTraits Traits(const moka::LayerSpec&, const acme::ActParameter& params) {
    return moka::LayerTraits().Tops(params.inner().size());
  }
  void Reshape(moka::Shapes bottom, moka::Plan& plan) override { plan.top(0) = bottom[0]; }
  void Forward(moka::ForwardPass& pass) override {
    const moka::Tensor& x = pass.bottom(0);
    moka::Tensor& y = pass.top(0);
    for (int64_t i = 0; i < x.count(); ++i) y.data()[i] = gain_ * x.data()[i];
  }

 private:
  const float gain_;
};

}  // namespace

void RegisterPlugin(moka::Registry& registry) {
  registry.Add<Twin>("TwinA", moka::Field<acme::ActParameter>{"twin_a_param"});
}
