// ArgMax: where the top_k largest of x are, the largest first; with out_max_val their values, too.
//
// With `axis`, that axis is compared, and its size becomes top_k; the top has the places or, with
// out_max_val, the values. Without, all of an item is compared, and the top is N x 1 x top_k: the
// places; with out_max_val N x 2 x top_k: places, then values (and as many axes as the bottom, at
// least 3).
// Of equal values the last comes first, as in Caffe. NaN is larger than all numbers, so that it
// shows; what stands for it is its place, like for any other value. Caffe: sorts by a comparison
// that makes no sense for NaN.
#include <cmath>
#include <numeric>

#include "argmax.pb.h"
#include "moka/layer.h"
#include "moka/registry.h"

namespace moka {
namespace {

// Whether u, at place a, comes before v, at place b.
bool Before(float u, int64_t a, float v, int64_t b) {
  if (std::isnan(u) || std::isnan(v)) return std::isnan(u) && (!std::isnan(v) || a > b);
  return u > v || (u == v && a > b);
}

class ArgMax final : public Layer {
 public:
  ArgMax(const LayerSpec& spec, const ArgMaxParameter& params)
      : Layer(spec), params_(params), k_(params.top_k()) {
    if (k_ == 0) throw Error("top_k is 0; it must be at least 1").At("argmax_param.top_k");
  }

  static LayerTraits Traits(const LayerSpec&, const ArgMaxParameter&) {
    return LayerTraits().NoBackward();
  }

  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;

 private:
  void FindLargest(const float* x, int64_t begin, int64_t end, float* y) const;
  void Sort(const float* x, int64_t begin, int64_t end, int32_t* order, float* y) const;
  // Rank r of list l.
  void Put(int64_t l, int64_t r, int64_t place, float value, float* y) const;

  const ArgMaxParameter params_;
  const int64_t k_;
  int64_t outer_ = 0, n_ = 0, inner_ = 0;  // x (outer, n, inner): outer * inner lists of n
  Buffer<int32_t> order_;
};

void ArgMax::Reshape(Shapes bottom, Plan& plan) {
  const Shape& x = bottom[0];
  if (params_.has_axis()) {
    const int axis = x.Axis(params_.axis(), "argmax_param.axis");
    outer_ = x.count(0, axis), n_ = x[axis], inner_ = x.count_from(axis + 1);
    plan.top(0) = x.With(axis, k_);
  } else {
    if (x.axes() == 0) throw Error("expects items along axis 0, but the bottom is a scalar");
    outer_ = x[0], n_ = x.count_from(1), inner_ = 1;
    std::vector<int64_t> sizes(static_cast<size_t>(std::max(x.axes(), 3)), 1);
    sizes[0] = x[0], sizes[1] = params_.out_max_val() ? 2 : 1, sizes[2] = k_;
    plan.top(0) = Shape(sizes);
  }
  if (k_ > n_) {
    throw Error("top_k ", k_, " is larger than the number of values that are compared, ", n_)
        .At("argmax_param.top_k");
  }
  constexpr int64_t kExact = 1 << 24;  // up to here floats count exactly
  if (n_ > kExact) throw Error("a float cannot tell the places of ", n_, " values");
  order_ = k_ == 1 ? Buffer<int32_t>() : plan.Scratch<int32_t>(n_, true);
}

void ArgMax::Put(int64_t l, int64_t r, int64_t place, float value, float* y) const {
  const auto index = static_cast<float>(place);
  if (params_.has_axis()) {
    y[(l / inner_ * k_ + r) * inner_ + l % inner_] = params_.out_max_val() ? value : index;
  } else if (params_.out_max_val()) {
    y[2 * l * k_ + r] = index, y[(2 * l + 1) * k_ + r] = value;
  } else {
    y[l * k_ + r] = index;
  }
}

void ArgMax::Forward(ForwardPass& pass) {
  const float* x = pass.bottom(0).data();
  float* y = pass.top(0).data();
  pass.ParallelFor(outer_ * inner_, std::max<int64_t>(1, 16384 / n_),
                   [&](int64_t begin, int64_t end, int worker) {
                     if (k_ == 1) return FindLargest(x, begin, end, y);
                     Sort(x, begin, end, pass.Get(order_, worker).data(), y);
                   });
}

// top_k = 1: neighbouring lists at once, as their values are neighbours.
void ArgMax::FindLargest(const float* x, int64_t begin, int64_t end, float* y) const {
  constexpr int64_t kLists = 256;
  float best[kLists];
  int32_t place[kLists];
  for (int64_t l = begin; l < end;) {
    const int64_t o = l / inner_, at = l % inner_;
    const int64_t lists = std::min({kLists, end - l, inner_ - at});
    const float* first = x + o * n_ * inner_ + at;
    std::copy_n(first, lists, best);
    std::fill_n(place, lists, 0);
    for (int64_t c = 1; c < n_; ++c) {
      const float* u = first + c * inner_;
      for (int64_t i = 0; i < lists; ++i) {
        const bool wins =
            u[i] >= best[i] || u[i] != u[i];  // NaN wins, and is not beaten by a number
        best[i] = wins ? u[i] : best[i];
        place[i] = wins ? static_cast<int32_t>(c) : place[i];
      }
    }
    for (int64_t i = 0; i < lists; ++i) Put(l + i, 0, place[i], best[i], y);
    l += lists;
  }
}

void ArgMax::Sort(const float* x, int64_t begin, int64_t end, int32_t* order, float* y) const {
  for (int64_t l = begin; l < end; ++l) {
    const float* list = x + l / inner_ * n_ * inner_ + l % inner_;
    std::iota(order, order + n_, 0);
    std::partial_sort(order, order + k_, order + n_, [&](int32_t a, int32_t b) {
      return Before(list[a * inner_], a, list[b * inner_], b);
    });
    for (int64_t r = 0; r < k_; ++r) Put(l, r, order[r], list[order[r] * inner_], y);
  }
}

}  // namespace

void RegisterArgMax(Registry& registry) {
  registry.Add<ArgMax>("ArgMax", Field<ArgMaxParameter>{"argmax_param", 103});
}

}  // namespace moka
