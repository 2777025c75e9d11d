// Convolution as products with windows that slide (sliding.h), for any geometry.
#pragma once

#include <cstdint>
#include <span>

#include "moka/math.h"

namespace moka {

int64_t DirectPackedFloats(const ConvolutionGeometry& g);
void DirectPackWeights(Context& context, const ConvolutionGeometry& g, ConvolutionPass pass,
                       const float* w, float* packed);
// A worker's floats.
int64_t DirectScratch(const ConvolutionGeometry& g, ConvolutionPass pass);
int64_t DirectSharedScratch(const ConvolutionGeometry& g);

void DirectForward(Context& context, const ConvolutionGeometry& g, const float* x,
                   const float* packed, const Epilogue& epilogue, float* y, WorkerScratch scratch);
void DirectBackwardData(Context& context, const ConvolutionGeometry& g, const float* packed,
                        const float* dy, float* dx, WorkerScratch scratch);
// dw and db may be null.
void DirectBackwardWeights(Context& context, const ConvolutionGeometry& g, const float* x,
                           const float* dy, float* dw, bool add_dw, float* db, bool add_db,
                           WorkerScratch scratch, std::span<float> shared);

// w packed for a pass at the end of worker 0's scratch, of ConvolutionScratch(g) floats.
PackedWeights PackInScratch(Context& context, const ConvolutionGeometry& g, ConvolutionPass pass,
                            const float* w, WorkerScratch scratch);

}  // namespace moka
