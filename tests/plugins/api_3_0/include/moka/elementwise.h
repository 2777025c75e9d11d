// Loops for layers that work on each element alone: y[i] = f(x[i]), dx[i] = g(x[i] or y[i], dy[i]).
// They run in code for the best vectors that the processor has. moka/functions.h has the functions
// to go with them.
#pragma once

#include <cstdint>

#include "moka/layer.h"

// Code for several processors in one program, where the compiler can do it. Not if it was told
// of a better processor than every x86-64, and not under sanitizers.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__AVX2__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MOKA_SEVERAL_VECTOR_SIZES 1
#else
#define MOKA_SEVERAL_VECTOR_SIZES 0
#endif

namespace moka {
namespace internal {

#if MOKA_SEVERAL_VECTOR_SIZES
// flatten: all that f calls becomes part of the function, and so is compiled for its processor.
template <typename F>
__attribute__((target("arch=x86-64-v4"), flatten, noinline)) void RunOnAvx512(F f) {
  f();
}
template <typename F>
__attribute__((target("arch=x86-64-v3"), flatten, noinline)) void RunOnAvx2(F f) {
  f();
}
#endif

}  // namespace internal

// f(), compiled for the best vectors that the processor has: AVX-512, AVX2 or those of every
// x86-64. For a piece of a pass, such as pass.ParallelFor(n, grain, [=](int64_t i, int64_t end) {
// Vectorised([=] { for (...) y[i] = ...; }); }). Vectors need from f:
//   captures by value, so that no store into y can change what is captured;
//   loops without a branch, as `?:` between two values, and without a call into another file;
//   #pragma GCC ivdep before a loop whose arrays are the same or apart, but never overlap;
//   -O3 (CMake's Release): -O2 makes few vectors.
template <typename F>
void Vectorised(F f) {
#if MOKA_SEVERAL_VECTOR_SIZES
  if (__builtin_cpu_supports("x86-64-v4")) return internal::RunOnAvx512(f);
  if (__builtin_cpu_supports("x86-64-v3")) return internal::RunOnAvx2(f);
#endif
  f();
}

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

// Backward needs neither.
inline LayerTraits GradientFromNothing() {
  return GradientFromTop().BottomGradientReads(Reads::Nothing());
}

// Asks for `count` floats from p on, which will be read soon; they may lie beyond the array.
// Without it, a loop that computes much for each element has too few reads under way for the
// memory's speed.
inline void ReadAhead(const float* p, int64_t count) {
  for (int64_t i = 0; i < count; i += 16) __builtin_prefetch(p + i);
}
inline constexpr int64_t kAhead = 2048, kAheadBlock = 512;  // how far, and how many at a time

// c[i] = f(a[i]). c is a or lies apart from it: the pragma says so, or else the compiler would use
// vectors only in the second case.
template <typename F>
void ForEach(Pass& pass, const Tensor& a, Tensor& c, F f) {
  pass.ParallelFor(a.count(), kElementGrain,
                   [f, a = a.data(), c = c.data()](int64_t begin, int64_t end) {
                     Vectorised([=] {
                       for (int64_t at = begin; at < end; at += kAheadBlock) {
                         ReadAhead(a + at + kAhead, kAheadBlock);
                         const int64_t stop = at + kAheadBlock < end ? at + kAheadBlock : end;
#pragma GCC ivdep
                         for (int64_t i = at; i < stop; ++i) c[i] = f(a[i]);
                       }
                     });
                   });
}

// c[i] = f(a[i], b[i]). c may be a or b.
template <typename F>
void ForEach(Pass& pass, const Tensor& a, const Tensor& b, Tensor& c, F f) {
  pass.ParallelFor(a.count(), kElementGrain,
                   [f, a = a.data(), b = b.data(), c = c.data()](int64_t begin, int64_t end) {
                     Vectorised([=] {
                       for (int64_t at = begin; at < end; at += kAheadBlock) {
                         ReadAhead(a + at + kAhead, kAheadBlock);
                         ReadAhead(b + at + kAhead, kAheadBlock);
                         const int64_t stop = at + kAheadBlock < end ? at + kAheadBlock : end;
#pragma GCC ivdep
                         for (int64_t i = at; i < stop; ++i) c[i] = f(a[i], b[i]);
                       }
                     });
                   });
}

// y = f(x)
template <typename F>
void ForwardEach(ForwardPass& pass, F f) {
  ForEach(pass, pass.bottom(0), pass.top(0), f);
}

// dx = g(y, dy), for traits GradientFromTop
template <typename G>
void BackwardFromTop(BackwardPass& pass, G g) {
  if (pass.wants_bottom(0)) ForEach(pass, pass.top(0), pass.top_diff(0), pass.bottom_diff(0), g);
}

// dx = g(x, dy), for traits GradientFromBottom
template <typename G>
void BackwardFromBottom(BackwardPass& pass, G g) {
  if (pass.wants_bottom(0)) ForEach(pass, pass.bottom(0), pass.top_diff(0), pass.bottom_diff(0), g);
}

// dx = g(dy), for traits GradientFromNothing
template <typename G>
void BackwardFromNothing(BackwardPass& pass, G g) {
  if (pass.wants_bottom(0)) ForEach(pass, pass.top_diff(0), pass.bottom_diff(0), g);
}

}  // namespace moka
