// Crop: y = the part of x that begins at `offset` and, from `axis` on, has the second bottom's
// sizes.
//
// The second bottom gives its sizes only, and its gradient is 0.
// Caffe: never writes the second bottom's gradient, so that what is left in that memory flows on.
#include <algorithm>
#include <array>

#include "crop.pb.h"
#include "moka/layer.h"
#include "moka/registry.h"
#include "rows.h"
#include "strips.h"

namespace moka {
namespace {

class Crop final : public Layer {
 public:
  Crop(const LayerSpec& spec, const CropParameter& params)
      : Layer(spec),
        axis_(params.axis()),
        offsets_(params.offset().begin(), params.offset().end()) {}

  static LayerTraits Traits(const LayerSpec&, const CropParameter&) {
    return LayerTraits().Bottoms(2).BottomGradientReads(Reads::Nothing());
  }

  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  void CheckBottoms(const Shape& x, const Shape& size, int axis) const;
  bool Inside(int64_t row, int64_t* cropped) const;
  int64_t WholeRow(int64_t row) const;

  const int axis_;
  const std::vector<int64_t> offsets_;
  Shape x_, y_;
  std::array<int64_t, Shape::kMaxAxes> begin_ = {};  // where along each axis of x y begins
};

void Crop::CheckBottoms(const Shape& x, const Shape& size, int axis) const {
  if (size.axes() != x.axes()) {
    throw Error("bottom 0 is ", x, ", bottom 1 is ", size, ": they must have as many axes");
  }
  const int cropped = x.axes() - axis;
  if (offsets_.size() > 1 && static_cast<int>(offsets_.size()) != cropped) {
    throw Error("there are ", offsets_.size(), " offsets for ", cropped, " axes of ", x,
                " from axis ", axis, " on; give one for all, or one for each")
        .At("crop_param.offset");
  }
}

void Crop::Reshape(Shapes bottom, Plan& plan) {
  const Shape &x = bottom[0], &size = bottom[1];
  const int axis = x.Axis(axis_, "crop_param.axis");
  CheckBottoms(x, size, axis);
  x_ = y_ = x;
  begin_ = {};
  for (int k = axis; k < x.axes(); ++k) {
    const auto which = static_cast<size_t>(offsets_.size() > 1 ? k - axis : 0);
    const int64_t offset = offsets_.empty() ? 0 : offsets_[which];
    if (offset > x[k] || size[k] > x[k] - offset) {
      throw Error("offset ", offset, " and size ", size[k], " along axis ", k,
                  " go beyond bottom 0, which is ", x, "; bottom 1 is ", size)
          .At(offsets_.empty() ? "crop_param" : "crop_param.offset");
    }
    begin_[static_cast<size_t>(k)] = offset;
    y_ = y_.With(k, size[k]);
  }
  plan.top(0) = y_;
}

// Where the row of x begins (a row is what stands along the last axis) that row `row` of y is cut
// from.
int64_t Crop::WholeRow(int64_t row) const {
  int64_t at = 0, step = 1;
  for (int k = x_.axes() - 2; k >= 0; --k) {
    at += (row % y_[k] + begin_[static_cast<size_t>(k)]) * step;
    row /= y_[k];
    step *= x_[k];
  }
  return at;
}

void Crop::Forward(ForwardPass& pass) {
  const int last = x_.axes() - 1;
  const int64_t width = y_[last], whole = x_[last], first = begin_[static_cast<size_t>(last)];
  const float* x = pass.bottom(0).data();
  float* y = pass.top(0).data();
  Rows{y_.count(0, last), width}.ForEach(pass, [&](int64_t row, int64_t begin, int64_t end) {
    CopyStrip(x + WholeRow(row) * whole + first + begin, y + row * width + begin, end - begin);
  });
}

// Whether row `row` of x has a part in y, and which row that is.
bool Crop::Inside(int64_t row, int64_t* cropped) const {
  int64_t at = 0, step = 1;
  for (int k = x_.axes() - 2; k >= 0; --k) {
    const int64_t i = row % x_[k] - begin_[static_cast<size_t>(k)];
    if (i < 0 || i >= y_[k]) return false;
    at += i * step;
    row /= x_[k];
    step *= y_[k];
  }
  *cropped = at;
  return true;
}

void Crop::Backward(BackwardPass& pass) {
  if (pass.wants_bottom(1)) pass.bottom_diff(1).Fill(0);
  if (!pass.wants_bottom(0)) return;
  const int last = x_.axes() - 1;
  const int64_t width = y_[last], whole = x_[last], first = begin_[static_cast<size_t>(last)];
  const float* dy = pass.top_diff(0).data();
  float* dx = pass.bottom_diff(0).data();
  Rows{x_.count(0, last), whole}.ForEach(pass, [&](int64_t row, int64_t begin, int64_t end) {
    std::fill(dx + row * whole + begin, dx + row * whole + end, 0.0F);
    int64_t cropped = 0;
    const int64_t from = std::max(begin, first), to = std::min(end, first + width);
    if (from >= to || !Inside(row, &cropped)) return;
    CopyStrip(dy + cropped * width + from - first, dx + row * whole + from, to - from);
  });
}

}  // namespace

void RegisterCrop(Registry& registry) {
  registry.Add<Crop>("Crop", Field<CropParameter>{"crop_param", 144});
}

}  // namespace moka
