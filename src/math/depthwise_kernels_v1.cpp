// depthwise_kernels.h for x86-64-v1 and all other processors.
#include "math/depthwise_kernels.h"

namespace moka {
namespace {
constexpr int kLanes = 4;
#include "math/depthwise_kernels_all.h"
}  // namespace

constinit const DepthwiseKernels kDepthwiseKernelsV1 = kKernels;

}  // namespace moka
