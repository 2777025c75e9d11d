// Slice: the bottom cut along one axis, one piece for each top.
#include "moka/layer.h"
#include "moka/registry.h"
#include "slice.pb.h"
#include "strips.h"

namespace moka {
namespace {

class Slice final : public Layer {
 public:
  Slice(const LayerSpec& spec, const SliceParameter& params);

  static LayerTraits Traits(const LayerSpec& spec, const SliceParameter&) {
    LayerTraits traits;
    traits.Tops(1, LayerTraits::kAnyNumber).BottomGradientReads(Reads::Nothing());
    if (spec.top_count() == 1) traits.SameValues(0, 0);
    return traits;
  }

  void Reshape(Shapes bottom, Plan& plan) override;

  void Forward(ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    strips_.ForEach(pass, [&](int k, int64_t at_x, int64_t at_y, int64_t width) {
      CopyStrip(x + at_x, pass.top(k).data() + at_y, width);
    });
  }

  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    float* dx = pass.bottom_diff(0).data();
    strips_.ForEach(pass, [&](int k, int64_t at_x, int64_t at_y, int64_t width) {
      CopyStrip(pass.top_diff(k).data() + at_y, dx + at_x, width);
    });
  }

 private:
  // Where along the axis each piece begins, and the end.
  std::vector<int64_t> Cuts(int axis, int64_t size) const;

  const bool old_name_;  // slice_dim gives the axis
  const int64_t axis_;
  const std::vector<int64_t> points_;
  Strips strips_;
};

Slice::Slice(const LayerSpec& spec, const SliceParameter& params)
    : Layer(spec),
      old_name_(params.has_slice_dim()),
      axis_(old_name_ ? static_cast<int64_t>(params.slice_dim()) : params.axis()),
      points_(params.slice_point().begin(), params.slice_point().end()) {
  if (params.has_slice_dim() && params.has_axis()) {
    throw Error("axis ", params.axis(), " and slice_dim ", params.slice_dim(),
                " are both given; slice_dim is the old name of axis")
        .At("slice_param.slice_dim");
  }
  if (!points_.empty() && static_cast<int64_t>(points_.size()) != spec.top_count() - 1) {
    throw Error("there are ", points_.size(), " slice_points for ", spec.top_count(),
                " tops; it takes ", spec.top_count() - 1)
        .At("slice_param.slice_point");
  }
  for (size_t k = 1; k < points_.size(); ++k) {
    if (points_[k] <= points_[k - 1]) {
      throw Error("slice_point ", points_[k], " does not lie after the one before it, ",
                  points_[k - 1])
          .At("slice_param.slice_point");
    }
  }
}

std::vector<int64_t> Slice::Cuts(int axis, int64_t size) const {
  std::vector<int64_t> cuts = {0};
  if (points_.empty()) {
    const int64_t pieces = spec().top_count();
    if (size % pieces != 0) {
      throw Error("axis ", axis, " has size ", size, ", which cannot be cut into ", pieces,
                  " equal pieces; give slice_point")
          .At("slice_param");
    }
    for (int64_t k = 1; k < pieces; ++k) cuts.push_back(k * (size / pieces));
  }
  for (const int64_t point : points_) {
    if (point <= 0 || point >= size) {
      throw Error("slice_point ", point, " is not inside axis ", axis, ", which has size ", size)
          .At("slice_param.slice_point");
    }
    cuts.push_back(point);
  }
  cuts.push_back(size);
  return cuts;
}

void Slice::Reshape(Shapes bottom, Plan& plan) {
  const Shape& x = bottom[0];
  const int axis = x.Axis(axis_, old_name_ ? "slice_param.slice_dim" : "slice_param.axis");
  const std::vector<int64_t> cuts = Cuts(axis, x[axis]);
  strips_ = {x.count(0, axis)};
  for (int k = 0; k < spec().top_count(); ++k) {
    const auto i = static_cast<size_t>(k);
    plan.top(k) = x.With(axis, cuts[i + 1] - cuts[i]);
    strips_.Add(plan.top(k).count_from(axis));
  }
}

}  // namespace

void RegisterSlice(Registry& registry) {
  registry.Add<Slice>("Slice", Field<SliceParameter>{"slice_param", 126});
}

}  // namespace moka
