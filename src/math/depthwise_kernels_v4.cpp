// depthwise_kernels.h for x86-64-v4.
#include "math/depthwise_kernels.h"

#ifdef MOKA_DEPTHWISE_GENERATIONS
#pragma GCC target("arch=x86-64-v4")

#define MOKA_DEPTHWISE_STRIPS

namespace moka {
namespace {
constexpr int kLanes = 16;
#include "math/depthwise_kernels_all.h"
}  // namespace

constinit const DepthwiseKernels kDepthwiseKernelsV4 = kKernels;

}  // namespace moka

#endif
