// Permute: y has the axes of x in another order.
// The order is completed by the axes that it does not name, in their own order.
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "moka/math.h"
#include "moka/registry.h"
#include "permute.pb.h"

namespace moka::ssd {
namespace {

constexpr int64_t kGrain = 16384;

// What x's step is along each axis of y: y[i, j, ...] = x[i steps[0] + j steps[1] + ...].
struct Steps {
  std::array<int64_t, Shape::kMaxAxes> sizes = {}, steps = {};
  int axes = 0;

  // Where in x the row of y's last axis begins, for row number `row`.
  int64_t Offset(int64_t row) const {
    int64_t offset = 0;
    for (int k = axes - 2; k >= 0; --k) {
      const auto axis = static_cast<size_t>(k);
      offset += row % sizes[axis] * steps[axis];
      row /= sizes[axis];
    }
    return offset;
  }
};

class Permute final : public Layer {
 public:
  Permute(const LayerSpec& spec, const PermuteParameter& params)
      : Layer(spec), order_(params.order().begin(), params.order().end()) {
    for (size_t i = 0; i < order_.size(); ++i) {
      if (order_[i] >= Shape::kMaxAxes) {
        throw Error("order ", order_[i], " is no axis: there are at most ", Shape::kMaxAxes)
            .At("permute_param.order");
      }
      if (std::find(order_.begin(), order_.begin() + static_cast<int64_t>(i), order_[i]) !=
          order_.begin() + static_cast<int64_t>(i)) {
        throw Error("order names axis ", order_[i], " twice").At("permute_param.order");
      }
    }
  }

  static LayerTraits Traits(const LayerSpec&, const PermuteParameter& params) {
    LayerTraits traits;
    traits.BottomGradientReads(Reads::Nothing());
    return KeepsOrder(params) ? traits.SameValues(0, 0) : traits;
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    const Shape& x = bottom[0];
    std::vector<int64_t> order = order_;
    for (const int64_t axis : order) {
      if (axis >= x.axes()) {
        throw Error("order ", axis, " is no axis of the bottom, whose shape is ", x)
            .At("permute_param.order");
      }
    }
    for (int64_t axis = 0; axis < x.axes(); ++axis) {
      if (std::find(order.begin(), order.end(), axis) == order.end()) order.push_back(axis);
    }
    steps_.axes = x.axes();
    std::vector<int64_t> sizes;
    for (size_t k = 0; k < order.size(); ++k) {
      const auto axis = static_cast<int>(order[k]);
      steps_.sizes[k] = x[axis];
      steps_.steps[k] = x.count_from(axis + 1);
      sizes.push_back(x[axis]);
    }
    plan.top(0) = Shape(sizes);
  }

  void Forward(ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    float* y = pass.top(0).data();
    if (keeps_order()) return Copy(pass.context(), pass.bottom(0).values(), pass.top(0).values());
    ForEachRow(pass, pass.top(0).count(), [=](int64_t at, int64_t from, int64_t n, int64_t step) {
      for (int64_t i = 0; i < n; ++i) y[at + i] = x[from + i * step];
    });
  }

  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const float* dy = pass.top_diff(0).data();
    float* dx = pass.bottom_diff(0).data();
    if (keeps_order())
      return Copy(pass.context(), pass.top_diff(0).values(), pass.bottom_diff(0).values());
    ForEachRow(pass, pass.top_diff(0).count(),
               [=](int64_t at, int64_t from, int64_t n, int64_t step) {
                 for (int64_t i = 0; i < n; ++i) dx[from + i * step] = dy[at + i];
               });
  }

 private:
  static bool KeepsOrder(const PermuteParameter& params) {
    for (int i = 0; i < params.order_size(); ++i) {
      if (params.order(i) != static_cast<uint32_t>(i)) return false;
    }
    return true;
  }
  bool keeps_order() const {
    for (size_t i = 0; i < order_.size(); ++i) {
      if (order_[i] != static_cast<int64_t>(i)) return false;
    }
    return true;
  }

  // row(at, from, n, step) for each row of y's last axis: n elements, from `at` on in y, and from
  // `from` on in x, where they stand `step` apart.
  template <typename Row>
  void ForEachRow(Pass& pass, int64_t count, const Row& row) {
    if (count == 0) return;
    const auto last = static_cast<size_t>(steps_.axes - 1);
    const int64_t n = steps_.sizes[last], step = steps_.steps[last];
    pass.ParallelFor(count / n, std::max<int64_t>(1, kGrain / n), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) row(r * n, steps_.Offset(r), n, step);
    });
  }

  const std::vector<int64_t> order_;
  Steps steps_;
};

}  // namespace

void RegisterPermute(Registry& registry) {
  registry.Add<Permute>("Permute", Field<PermuteParameter>{"permute_param", 202});
  registry.AddCheckCase(
      "Permute",
      CheckCase("permute_param { order: 0 order: 2 order: 3 order: 1 }", {{2, 3, 4, 5}}));
}

}  // namespace moka::ssd
