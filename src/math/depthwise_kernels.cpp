// Which kernels this processor runs.
#include "math/depthwise_kernels.h"

namespace moka {

std::span<const DepthwiseKernels* const> AllDepthwiseKernels() {
#ifdef MOKA_DEPTHWISE_GENERATIONS
  static const DepthwiseKernels* const all[] = {&kDepthwiseKernelsV1, &kDepthwiseKernelsV3,
                                                &kDepthwiseKernelsV4};
  static const size_t count = __builtin_cpu_supports("x86-64-v4")   ? 3
                              : __builtin_cpu_supports("x86-64-v3") ? 2
                                                                    : 1;
  return {all, count};
#else
  static const DepthwiseKernels* const all[] = {&kDepthwiseKernelsV1};
  return all;
#endif
}

const DepthwiseKernels& BestDepthwiseKernels() { return *AllDepthwiseKernels().back(); }

}  // namespace moka
