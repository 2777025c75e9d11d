// Which axes of x a coefficient goes with: c (sizes of the axes [first, last)), repeated along all
// others.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "channels.h"
#include "moka/error.h"
#include "moka/shape.h"

namespace moka {

struct SpannedAxes {
  int first, last;

  // What `axis` and `num_axes` of `param` mean for a learned coefficient; -1: all axes from `axis`
  // on.
  static SpannedAxes Learned(const Shape& x, int64_t axis, int64_t num_axes,
                             const std::string& param) {
    if (num_axes < -1) {
      throw Error("num_axes is ", num_axes,
                  "; it must be at least 0, or -1 for all axes from axis on")
          .At(param + ".num_axes");
    }
    const int first = x.Axis(axis, param + ".axis");
    if (num_axes > x.axes() - first) {
      throw Error("num_axes ", num_axes, " from axis ", first, " goes beyond the last axis of ", x)
          .At(param + ".num_axes");
    }
    return {first, num_axes < 0 ? x.axes() : first + static_cast<int>(num_axes)};
  }

  // The same for a second bottom, `c`, which has to have the sizes of x from `axis` on; a scalar
  // goes with all of x.
  static SpannedAxes OfBottom(const Shape& x, const Shape& c, int64_t axis,
                              const std::string& param) {
    if (c.axes() == 0) return {0, 0};
    const int first = x.Axis(axis, param + ".axis");
    bool same = c.axes() <= x.axes() - first;
    for (int i = 0; same && i < c.axes(); ++i) same = c[i] == x[first + i];
    if (!same) {
      throw Error("bottom 1, ", c, ", does not have the sizes of bottom 0, ", x, ", from axis ",
                  first, " on")
          .At(param + ".axis");
    }
    return {first, first + c.axes()};
  }

  Shape Of(const Shape& x) const {
    return Shape(x.sizes().subspan(static_cast<size_t>(first), static_cast<size_t>(last - first)));
  }
  Channels View(const Shape& x) const {
    return {x.count(0, first), x.count(first, last), x.count_from(last)};
  }
};

// Where there are no items to sum over.
inline void ClearUnless(bool adds, Tensor* da) {
  if (da && !adds) da->Fill(0);
}
// da = or += the sums, `count` of them: the gradients of coefficients.
inline void AddGradients(bool add, const Sums* sums, double Sums::*which, int64_t count,
                         float* da) {
  for (int64_t c = 0; c < count; ++c) {
    da[c] = static_cast<float>(add ? da[c] + sums[c].*which : sums[c].*which);
  }
}
// The same for param k, if it is wanted, for the channels from `first` on.
inline void AddSums(BackwardPass& pass, int k, const double* sums, int64_t count, int64_t first) {
  if (!pass.wants_param(k)) return;
  float* da = pass.param_diff(k).data() + first;
  for (int64_t c = 0; c < count; ++c) {
    da[c] = static_cast<float>(pass.adds_param(k) ? da[c] + sums[c] : sums[c]);
  }
}

}  // namespace moka
