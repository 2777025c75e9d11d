// Reshape: the same values in another shape.
//
// The axes axis..axis + num_axes - 1 are replaced by the sizes in `shape`: 0 is the size that the
// bottom has there, -1 what is left over.
// Caffe: divides by 0 when it infers a size beside an axis without items; here the sizes 0, -1 make
// 0x12 of 0x3x4.
#include <string>
#include <vector>

#include "moka/blob.pb.h"
#include "moka/layer.h"
#include "moka/math.h"
#include "moka/registry.h"
#include "reshape.pb.h"

namespace moka {
namespace {

constexpr const char* kDims = "reshape_param.shape.dim";

// Not `Reshape`, which is a member of each layer.
class ReshapeLayer final : public Layer {
 public:
  ReshapeLayer(const LayerSpec& spec, const ReshapeParameter& params);

  static LayerTraits Traits(const LayerSpec&, const ReshapeParameter&) {
    return LayerTraits().BottomGradientReads(Reads::Nothing()).SameValues(0, 0);
  }

  void Reshape(Shapes bottom, Plan& plan) override;

  // Nothing to do where the net gave both the same memory: Copy sees that.
  void Forward(ForwardPass& pass) override {
    Copy(pass.context(), pass.bottom(0).values(), pass.top(0).values());
  }
  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    Copy(pass.context(), pass.top_diff(0).values(), pass.bottom_diff(0).values());
  }

 private:
  struct Axes {
    int begin, end;
  };
  Axes Replaced(const Shape& x) const;
  std::string Part() const;
  std::string Dims() const;
  int64_t Infer(const Shape& x, Axes axes, const std::vector<int64_t>& sizes) const;

  const std::vector<int64_t> sizes_;
  const int64_t axis_, num_axes_;
};

ReshapeLayer::ReshapeLayer(const LayerSpec& spec, const ReshapeParameter& params)
    : Layer(spec),
      sizes_(params.shape().dim().begin(), params.shape().dim().end()),
      axis_(params.axis()),
      num_axes_(params.num_axes()) {
  if (!params.has_shape()) throw Error("reshape_param needs a shape").At("reshape_param");
  int inferred = 0;
  for (const int64_t size : sizes_) {
    if (size < -1) {
      throw Error("dim ", size, " is no size: it must be at least 1, or 0 to copy, or -1 to infer")
          .At(kDims);
    }
    inferred += size == -1 ? 1 : 0;
  }
  if (inferred > 1)
    throw Error("there are ", inferred, " dims of -1; one can be inferred").At(kDims);
  if (num_axes_ < -1) {
    throw Error("num_axes ", num_axes_, " must be at least 0, or -1 for all to the end")
        .At("reshape_param.num_axes");
  }
}

// Here an axis lies between two others, so -1 is the end, behind the last one.
ReshapeLayer::Axes ReshapeLayer::Replaced(const Shape& x) const {
  const int64_t begin = axis_ < 0 ? x.axes() + 1 + axis_ : axis_;
  if (begin < 0 || begin > x.axes()) {
    throw Error("axis ", axis_, " is out of range for shape ", x, ": it must be in ", -x.axes() - 1,
                "..", x.axes())
        .At("reshape_param.axis");
  }
  const int64_t end = num_axes_ < 0 ? x.axes() : begin + num_axes_;
  if (end > x.axes()) {
    throw Error("there are no ", num_axes_, " axes from axis ", begin, " on in shape ", x)
        .At("reshape_param.num_axes");
  }
  return {static_cast<int>(begin), static_cast<int>(end)};
}

// Which axes are replaced, for errors; nothing if all are.
std::string ReshapeLayer::Part() const {
  if (axis_ == 0 && num_axes_ == -1) return "";
  return " (axis " + std::to_string(axis_) + ", num_axes " + std::to_string(num_axes_) + ")";
}

std::string ReshapeLayer::Dims() const {
  std::string dims;
  for (const int64_t size : sizes_) dims += (dims.empty() ? "" : ", ") + std::to_string(size);
  return dims;
}

// What the -1 among the sizes stands for. Axes that are copied count on neither side, so it is
// known even if they have no items.
int64_t ReshapeLayer::Infer(const Shape& x, Axes axes, const std::vector<int64_t>& sizes) const {
  std::vector<int64_t> left, known;
  for (int k = axes.begin; k < axes.end; ++k) {
    const auto i = static_cast<size_t>(k - axes.begin);
    if (i >= sizes_.size() || sizes_[i] != 0) left.push_back(x[k]);
  }
  for (size_t i = 0; i < sizes.size(); ++i) {
    const bool copied = sizes_[i] == 0 && axes.begin + static_cast<int>(i) < axes.end;
    if (sizes[i] != -1 && !copied) known.push_back(sizes[i]);
  }
  const int64_t all = Shape(left).count(), product = Shape(known).count();
  if (product == 0 || all % product != 0) {
    throw Error("cannot infer the dim -1: the axes that are replaced in shape ", x, Part(),
                " have ", all, " values for ", product, " in the other dims")
        .At(kDims);
  }
  return all / product;
}

void ReshapeLayer::Reshape(Shapes bottom, Plan& plan) {
  const Shape& x = bottom[0];
  const Axes axes = Replaced(x);
  std::vector<int64_t> sizes = sizes_;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] != 0) continue;
    const auto k = static_cast<int64_t>(i) + axes.begin;
    if (k >= x.axes()) {
      throw Error("dim ", i, " is 0, but shape ", x, " has no axis ", k, " to copy", Part())
          .At(kDims);
    }
    sizes[i] = x[static_cast<int>(k)];
  }
  try {
    for (size_t i = 0; i < sizes.size(); ++i) {
      if (sizes[i] == -1) sizes[i] = Infer(x, axes, sizes);
    }
    plan.top(0) = x.Replace(axes.begin, axes.end, sizes);
  } catch (Error& error) {
    throw error.At(kDims);
  }
  const Shape& y = plan.top(0);
  if (y.count() != x.count()) {
    throw Error("the dims ", Dims(), Part(), " make a top of ", y, ", which has ", y.count(),
                " values, but the bottom, ", x, ", has ", x.count())
        .At(kDims);
  }
}

}  // namespace

void RegisterReshape(Registry& registry) {
  registry.Add<ReshapeLayer>("Reshape", Field<ReshapeParameter>{"reshape_param", 133});
}

}  // namespace moka
