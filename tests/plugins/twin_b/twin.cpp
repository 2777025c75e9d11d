// A plugin whose proto files, package and messages have the names of twin_a's, but other fields: y
// = x + steps.
#include "moka/layer.h"
#include "moka/registry.h"
#include "params.pb.h"

namespace {

class Twin final : public moka::Layer {
 public:
  Twin(const moka::LayerSpec& spec, const acme::ActParameter& params)
      : Layer(spec), steps_(params.steps()) {
    if (params.mode_size() > 0)
      throw moka::Error("mode ", params.mode(0), ", ", params.inner().word(0));
  }
  static moka::LayerTraits Traits(const moka::LayerSpec&, const acme::ActParameter& params) {
    return moka::LayerTraits().Tops(static_cast<int>(params.steps()));
  }
  void Reshape(moka::Shapes bottom, moka::Plan& plan) override { plan.top(0) = bottom[0]; }
  void Forward(moka::ForwardPass& pass) override {
    const moka::Tensor& x = pass.bottom(0);
    moka::Tensor& y = pass.top(0);
    for (int64_t i = 0; i < x.count(); ++i) y.data()[i] = x.data()[i] + static_cast<float>(steps_);
  }

 private:
  const uint32_t steps_;
};

}  // namespace

void RegisterPlugin(moka::Registry& registry) {
  registry.Add<Twin>("TwinB", moka::Field<acme::ActParameter>{"twin_b_param"});
}
