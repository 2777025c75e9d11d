// Concat: the bottoms side by side along one axis.
#include "concat.pb.h"
#include "moka/fusion.h"
#include "moka/layer.h"
#include "moka/registry.h"
#include "strips.h"

namespace moka {
namespace {

class Concat final : public Layer, public SideBySide {
 public:
  Concat(const LayerSpec& spec, const ConcatParameter& params)
      : Layer(spec),
        old_name_(params.has_concat_dim()),
        axis_(old_name_ ? static_cast<int64_t>(params.concat_dim()) : params.axis()) {
    if (params.has_concat_dim() && params.has_axis()) {
      throw Error("axis ", params.axis(), " and concat_dim ", params.concat_dim(),
                  " are both given; concat_dim is the old name of axis")
          .At("concat_param.concat_dim");
    }
  }

  static LayerTraits Traits(const LayerSpec& spec, const ConcatParameter&) {
    LayerTraits traits;
    traits.Bottoms(1, LayerTraits::kAnyNumber).BottomGradientReads(Reads::Nothing());
    if (spec.bottom_count() == 1) traits.SameValues(0, 0);
    return traits;
  }

  void Reshape(Shapes bottom, Plan& plan) override;

  void Forward(ForwardPass& pass) override {
    float* y = pass.top(0).data();
    strips_.ForEach(pass, [&](int k, int64_t at_y, int64_t at_x, int64_t width) {
      const float* x = pass.bottom(k).data();
      if (x != y + offset(k)) std::copy_n(x + at_x, width, y + at_y);  // else it is there already
    });
  }

  void Backward(BackwardPass& pass) override {
    const float* dy = pass.top_diff(0).data();
    strips_.ForEach(pass, [&](int k, int64_t at_y, int64_t at_x, int64_t width) {
      float* dx = pass.wants_bottom(k) ? pass.bottom_diff(k).data() : nullptr;
      if (dx != nullptr && dx != dy + offset(k)) CopyStrip(dy + at_y, dx + at_x, width);
    });
  }

  const void* Interface(const char* name, int version) const override {
    return strided_ ? IfAsked<SideBySide>(this, name, version) : nullptr;
  }
  int64_t stride() const override { return strips_.begins.back(); }
  int64_t offset(int bottom) const override { return strips_.begins[static_cast<size_t>(bottom)]; }

 private:
  const bool old_name_;  // concat_dim gives the axis
  const int64_t axis_;
  Strips strips_;
  bool strided_ = false;  // along axis 1
};

void Concat::Reshape(Shapes bottom, Plan& plan) {
  const Shape& first = bottom[0];
  const int axis = first.Axis(axis_, old_name_ ? "concat_param.concat_dim" : "concat_param.axis");
  int64_t size = 0;
  strided_ = axis == 1 && bottom.size() > 1;
  strips_ = {first.count(0, axis)};
  for (size_t k = 0; k < bottom.size(); ++k) {
    const Shape& x = bottom[k];
    if (x.axes() != first.axes() || x.With(axis, 1) != first.With(axis, 1)) {
      throw Error("bottom ", k, " is ", x, ", bottom 0 is ", first, ": they may differ along axis ",
                  axis, " only, as ", old_name_ ? "concat_dim" : "axis", " is ", axis_);
    }
    if (__builtin_add_overflow(size, x[axis], &size)) {
      throw Error("the top is too large: bottoms 0 to ", k, " have more than 2^63 - 1 along axis ",
                  axis);
    }
    strips_.Add(x.count_from(axis));
  }
  plan.top(0) = first.With(axis, size);
}

}  // namespace

void RegisterConcat(Registry& registry) {
  registry.Add<Concat>("Concat", Field<ConcatParameter>{"concat_param", 104});
}

}  // namespace moka
