// Depthwise convolution, the case of one channel in each group: all passes are sums of shifted
// rows, without lowering.
//
// Rows are read where they are, a vector at a time (depthwise_strips.h), if the kernel is 3x3 or
// 5x5 with a stride of 1 or 2, or if they are no longer than a vector. Otherwise, and on processors
// without permutations, they are copied with their pad and sorted by phase (depthwise_tile.h), so
// that each tap reads neighbouring floats whatever the stride.
#pragma once

#include <cstdint>
#include <span>

#include "math/depthwise_kernels.h"
#include "moka/math.h"

namespace moka {

// Whether these kernels take a convolution over. (They are right for more outputs too.)
bool IsDepthwise(const ConvolutionGeometry& g);

// As the functions of moka/math.h, but y is dense; the scratch too.
int64_t DepthwiseScratch(const ConvolutionGeometry& g,
                         const DepthwiseKernels& kernels = BestDepthwiseKernels());
int64_t DepthwiseSharedScratch(const ConvolutionGeometry& g,
                               const DepthwiseKernels& kernels = BestDepthwiseKernels());
void DepthwiseForward(Context& context, const ConvolutionGeometry& g, const float* x,
                      const float* w, const Epilogue& epilogue, float* y, WorkerScratch scratch,
                      const DepthwiseKernels& kernels = BestDepthwiseKernels());
void DepthwiseBackwardData(Context& context, const ConvolutionGeometry& g, const float* w,
                           const float* dy, float* dx, WorkerScratch scratch,
                           const DepthwiseKernels& kernels = BestDepthwiseKernels());
void DepthwiseBackwardWeights(Context& context, const ConvolutionGeometry& g, const float* x,
                              const float* dy, float* dw, bool add_dw, float* db, bool add_db,
                              WorkerScratch scratch, std::span<float> shared,
                              const DepthwiseKernels& kernels = BestDepthwiseKernels());

// The worker's scratch of each pass.
int64_t DepthwiseForwardScratch(const ConvolutionGeometry& g, const DepthwiseKernels& kernels);
int64_t DepthwiseDataScratch(const ConvolutionGeometry& g, const DepthwiseKernels& kernels);

}  // namespace moka
