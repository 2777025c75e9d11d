// Flatten: the same values with axes axis..end_axis made one.
#include "flatten.pb.h"
#include "moka/layer.h"
#include "moka/math.h"
#include "moka/registry.h"

namespace moka {
namespace {

class Flatten final : public Layer {
 public:
  Flatten(const LayerSpec& spec, const FlattenParameter& params)
      : Layer(spec), axis_(params.axis()), end_axis_(params.end_axis()) {}

  static LayerTraits Traits(const LayerSpec&, const FlattenParameter&) {
    return LayerTraits().BottomGradientReads(Reads::Nothing()).SameValues(0, 0);
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    const Shape& x = bottom[0];
    const int first = x.Axis(axis_, "flatten_param.axis");
    const int last = x.Axis(end_axis_, "flatten_param.end_axis");
    if (first > last) {
      throw Error("axis ", axis_, " lies after end_axis ", end_axis_, " in a bottom of shape ", x)
          .At("flatten_param.axis");
    }
    const int64_t flat[] = {x.count(first, last + 1)};
    plan.top(0) = x.Replace(first, last + 1, flat);
  }

  // Nothing to do where the net gave both the same memory: Copy sees that.
  void Forward(ForwardPass& pass) override {
    Copy(pass.context(), pass.bottom(0).values(), pass.top(0).values());
  }
  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    Copy(pass.context(), pass.top_diff(0).values(), pass.bottom_diff(0).values());
  }

 private:
  const int axis_, end_axis_;
};

}  // namespace

void RegisterFlatten(Registry& registry) {
  registry.Add<Flatten>("Flatten", Field<FlattenParameter>{"flatten_param", 135});
}

}  // namespace moka
