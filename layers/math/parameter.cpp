// Parameter: y = w, a learned param as a blob of its own.
//
// Learned: weight, of the given shape.
#include <span>

#include "moka/blob.pb.h"
#include "moka/filler.h"
#include "moka/layer.h"
#include "moka/math.h"
#include "moka/registry.h"
#include "parameter.pb.h"

namespace moka {
namespace {

class Parameter final : public Layer {
 public:
  Parameter(const LayerSpec& spec, const ParameterParameter& params)
      : Layer(spec), params_(params) {
    if (!params.has_shape()) throw Error("parameter_param needs a shape").At("parameter_param");
    const auto& dim = params.shape().dim();
    try {
      shape_ = Shape(std::span(dim.data(), static_cast<size_t>(dim.size())));
    } catch (Error& error) {
      throw error.At("parameter_param.shape.dim");
    }
  }

  static LayerTraits Traits(const LayerSpec&, const ParameterParameter&) {
    return LayerTraits().Bottoms(0).ParamGradientReads(Reads::Nothing());
  }

  void SetUp(Shapes, Setup& setup) override {
    spec().MakeFiller(params_.filler(), shape_, "parameter_param.filler");
    setup.AddParam("weight", shape_, params_.filler());
  }
  void Reshape(Shapes, Plan& plan) override { plan.top(0) = shape_; }

  void Forward(ForwardPass& pass) override {
    Copy(pass.context(), pass.param(0).values().values(), pass.top(0).values());
  }
  void Backward(BackwardPass& pass) override {
    if (!pass.wants_param(0)) return;
    const std::span<const float> dy = pass.top_diff(0).values();
    const std::span<float> dw = pass.param_diff(0).values();
    pass.adds_param(0) ? Axpy(pass.context(), 1, dy, dw) : Copy(pass.context(), dy, dw);
  }

 private:
  const ParameterParameter params_;
  Shape shape_;
};

}  // namespace

void RegisterParameter(Registry& registry) {
  registry.Add<Parameter>("Parameter", Field<ParameterParameter>{"parameter_param", 145});
}

}  // namespace moka
