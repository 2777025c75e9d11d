// Kernels compiled once for each generation of x86-64, in namespaces avx512, avx2 and baseline.
// Unlike math/clones.h and moka/elementwise.h this is for code in vectors (vector_size): the
// compiler must know the processor when it reads comparisons of them. Define MOKA_KERNELS as the
// file with the kernels, which includes nothing but others of this kind; it has kLanes, the number
// of floats in a vector. Then call MOKA_BEST(F)(...), F of the best namespace.
#pragma once

#include "moka/elementwise.h"

#if MOKA_SEVERAL_VECTOR_SIZES
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4,prefer-vector-width=512")
namespace moka::avx512 {
namespace {
constexpr int kLanes = 16;
#include MOKA_KERNELS
}  // namespace
}  // namespace moka::avx512
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
namespace moka::avx2 {
namespace {
constexpr int kLanes = 8;
#include MOKA_KERNELS
}  // namespace
}  // namespace moka::avx2
#pragma GCC pop_options

#define MOKA_BEST(function)                                       \
  (__builtin_cpu_supports("x86-64-v4")   ? moka::avx512::function \
   : __builtin_cpu_supports("x86-64-v3") ? moka::avx2::function   \
                                         : moka::baseline::function)
#else
#define MOKA_BEST(function) moka::baseline::function
#endif

namespace moka::baseline {
namespace {
constexpr int kLanes = 4;
#include MOKA_KERNELS
}  // namespace
}  // namespace moka::baseline
