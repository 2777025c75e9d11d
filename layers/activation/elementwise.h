// Loops for layers that work on each element alone: y[i] = f(x[i]), dx[i] = g(x[i] or y[i], dy[i]).
#pragma once

#include <cstdint>

#include "moka/layer.h"

namespace moka {

// Elements in one piece of work: enough to be worth waking a thread, few enough for its cache.
inline constexpr int64_t kElementGrain = 16384;

// Traits of y = f(x). Element i is read before it is written, so y may take x's memory, and dx that
// of dy. Backward needs y alone:
inline LayerTraits GradientFromTop() {
  return LayerTraits()
      .BottomGradientReads(Reads::Top(0))
      .ParamGradientReads(Reads::Nothing())
      .MayShare(0, 0);
}

// Backward needs x: while it is still to come, the net does not let y overwrite x.
inline LayerTraits GradientFromBottom() {
  return GradientFromTop().BottomGradientReads(Reads::Bottom(0));
}

// c[i] = f(a[i]). c is a or lies apart from it: the pragma says so, or else the compiler would use
// vectors only in the second case.
template <typename F>
void ForEach(Pass& pass, const Tensor& a, Tensor& c, const F& f) {
  pass.ParallelFor(a.count(), kElementGrain,
                   [&f, a = a.data(), c = c.data()](int64_t i, int64_t end) {
                     const F g = f;  // its own: no write to c changes it
#pragma GCC ivdep
                     for (; i < end; ++i) c[i] = g(a[i]);
                   });
}

// c[i] = f(a[i], b[i]). c may be a or b.
template <typename F>
void ForEach(Pass& pass, const Tensor& a, const Tensor& b, Tensor& c, const F& f) {
  pass.ParallelFor(a.count(), kElementGrain,
                   [&f, a = a.data(), b = b.data(), c = c.data()](int64_t i, int64_t end) {
                     const F g = f;  // its own: no write to c changes it
#pragma GCC ivdep
                     for (; i < end; ++i) c[i] = g(a[i], b[i]);
                   });
}

// y = f(x)
template <typename F>
void ForwardEach(ForwardPass& pass, const F& f) {
  ForEach(pass, pass.bottom(0), pass.top(0), f);
}

// dx = g(y, dy), for traits GradientFromTop
template <typename G>
void BackwardFromTop(BackwardPass& pass, const G& g) {
  if (pass.wants_bottom(0)) ForEach(pass, pass.top(0), pass.top_diff(0), pass.bottom_diff(0), g);
}

// dx = g(x, dy), for traits GradientFromBottom
template <typename G>
void BackwardFromBottom(BackwardPass& pass, const G& g) {
  if (pass.wants_bottom(0)) ForEach(pass, pass.bottom(0), pass.top_diff(0), pass.bottom_diff(0), g);
}

}  // namespace moka
