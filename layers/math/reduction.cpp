// Reduction: y = coeff * the sum of f(x) over the axes axis..end_axis, with f(x) = x (SUM), |x|
// (ASUM), x^2 (SUMSQ) or x / n (MEAN), n being how many values there are in a sum.
//
// A sum of no values is 0, the mean of none, too.
// Caffe: reduces all axes to the last only, which is the default here; sums in float; the mean of
// no values is NaN.
#include <algorithm>
#include <cmath>

#include "moka/layer.h"
#include "moka/math.h"
#include "moka/registry.h"
#include "reduction.pb.h"

namespace moka {
namespace {

class Reduction final : public Layer {
 public:
  Reduction(const LayerSpec& spec, const ReductionParameter& params)
      : Layer(spec), params_(params) {
    if (!std::isfinite(params.coeff()))
      throw Error("coeff must be finite, but is ", params.coeff()).At("reduction_param.coeff");
  }

  static LayerTraits Traits(const LayerSpec&, const ReductionParameter& params) {
    const bool linear = params.operation() == ReductionParameter::SUM ||
                        params.operation() == ReductionParameter::MEAN;
    return LayerTraits().BottomGradientReads(linear ? Reads::Nothing() : Reads::Bottom(0));
  }

  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  double factor() const {
    const double coeff = params_.coeff();
    return params_.operation() == ReductionParameter::MEAN && n_ > 0 ? coeff / n_ : coeff;
  }
  // y[o] = the sum of a row of n neighbours, y[o, i] = that of a column.
  template <typename F>
  void SumEachRow(ForwardPass& pass, const F& sum_of);
  template <typename F>
  void SumEachColumn(ForwardPass& pass, const F& f);
  // dx = slope(where, factor * dy)
  template <typename F>
  void Spread(BackwardPass& pass, const F& slope);

  const ReductionParameter params_;
  int64_t outer_ = 0, n_ = 0, inner_ = 0;  // x (outer, n, inner), y (outer, inner)
};

void Reduction::Reshape(Shapes bottom, Plan& plan) {
  const Shape& x = bottom[0];
  const int first = x.Axis(params_.axis(), "reduction_param.axis");
  const int last = x.Axis(params_.end_axis(), "reduction_param.end_axis");
  if (first > last) {
    throw Error("axis ", params_.axis(), " lies after end_axis ", params_.end_axis(),
                " in a bottom of shape ", x)
        .At("reduction_param.axis");
  }
  outer_ = x.count(0, first), n_ = x.count(first, last + 1), inner_ = x.count_from(last + 1);
  const std::vector<int64_t> ones(static_cast<size_t>(params_.keep_dims() ? last + 1 - first : 0),
                                  1);
  plan.top(0) = x.Replace(first, last + 1, ones);
}

template <typename F>
void Reduction::SumEachRow(ForwardPass& pass, const F& sum_of) {
  const float* x = pass.bottom(0).data();
  float* y = pass.top(0).data();
  pass.ParallelFor(outer_, std::max<int64_t>(1, 16384 / std::max<int64_t>(1, n_)),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t o = begin; o < end; ++o) {
                       const std::span row(x + o * n_, static_cast<size_t>(n_));
                       y[o] = static_cast<float>(factor() * sum_of(pass.context(), row));
                     }
                   });
}

template <typename F>
void Reduction::SumEachColumn(ForwardPass& pass, const F& f) {
  constexpr int64_t kColumns = 256;
  const int64_t blocks = (inner_ + kColumns - 1) / kColumns;
  const int64_t work = std::max<int64_t>(1, n_) * std::min(inner_, kColumns);
  const float* x = pass.bottom(0).data();
  float* y = pass.top(0).data();
  pass.ParallelFor(outer_ * blocks, std::max<int64_t>(1, 16384 / std::max<int64_t>(1, work)),
                   [&](int64_t begin, int64_t end) {
                     double sum[kColumns];
                     for (int64_t block = begin; block < end; ++block) {
                       const int64_t o = block / blocks, at = block % blocks * kColumns;
                       const int64_t columns = std::min(kColumns, inner_ - at);
                       std::fill_n(sum, columns, 0.0);
                       for (int64_t j = 0; j < n_; ++j) {
                         const float* row = x + (o * n_ + j) * inner_ + at;
                         for (int64_t i = 0; i < columns; ++i) sum[i] += f(row[i]);
                       }
                       float* out = y + o * inner_ + at;
                       for (int64_t i = 0; i < columns; ++i) {
                         out[i] = static_cast<float>(factor() * sum[i]);
                       }
                     }
                   });
}

void Reduction::Forward(ForwardPass& pass) {
  switch (params_.operation()) {
    case ReductionParameter::SUM:
    case ReductionParameter::MEAN:
      return inner_ == 1 ? SumEachRow(pass, Sum)
                         : SumEachColumn(pass, [](float x) { return static_cast<double>(x); });
    case ReductionParameter::ASUM:
      return inner_ == 1
                 ? SumEachRow(pass, SumOfAbs)
                 : SumEachColumn(pass, [](float x) { return std::abs(static_cast<double>(x)); });
    case ReductionParameter::SUMSQ:
      return inner_ == 1 ? SumEachRow(pass, SumOfSquares)
                         : SumEachColumn(pass, [](float x) { return static_cast<double>(x) * x; });
  }
}

template <typename F>
void Reduction::Spread(BackwardPass& pass, const F& slope) {
  if (inner_ == 0) return;
  const auto scale = static_cast<float>(factor());
  const float* dy = pass.top_diff(0).data();
  float* dx = pass.bottom_diff(0).data();
  pass.ParallelFor(outer_ * n_, std::max<int64_t>(1, 16384 / inner_),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t row = begin; row < end;) {  // of inner values, n rows for each o
                       const int64_t o = row / n_, stop = std::min(end, (o + 1) * n_);
                       if (inner_ == 1) {
                         const float g = scale * dy[o];
                         for (; row < stop; ++row) dx[row] = slope(row, g);
                       }
                       for (; row < stop; ++row) {
                         const int64_t at = row * inner_;
                         for (int64_t i = 0; i < inner_; ++i) {
                           dx[at + i] = slope(at + i, scale * dy[o * inner_ + i]);
                         }
                       }
                     }
                   });
}

void Reduction::Backward(BackwardPass& pass) {
  if (!pass.wants_bottom(0)) return;
  const float* x = pass.bottom(0).data();
  switch (params_.operation()) {
    case ReductionParameter::SUM:
    case ReductionParameter::MEAN:
      return Spread(pass, [](int64_t, float g) { return g; });
    case ReductionParameter::ASUM:
      return Spread(pass, [=](int64_t i, float g) { return x[i] > 0 ? g : x[i] < 0 ? -g : 0; });
    case ReductionParameter::SUMSQ:
      return Spread(pass, [=](int64_t i, float g) { return 2 * x[i] * g; });
  }
}

}  // namespace

void RegisterReduction(Registry& registry) {
  registry.Add<Reduction>("Reduction", Field<ReductionParameter>{"reduction_param", 136});
}

}  // namespace moka
