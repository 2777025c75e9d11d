// The gradient of the weights of 1x1 convolutions with more outputs than channels.
#pragma once

#include <cstdint>
#include <span>

#include "moka/math.h"

namespace moka {

// Stride 1, no pad, more outputs than channels.
bool IsWidePointwise(const ConvolutionGeometry& g);
// A worker's floats, and those needed once.
int64_t PointwiseWeightsScratch(const ConvolutionGeometry& g);
int64_t PointwiseWeightsShared(const ConvolutionGeometry& g);
void PointwiseBackwardWeights(Context& context, const ConvolutionGeometry& g, const float* x,
                              const float* dy, float* dw, bool add_dw, float* db, bool add_db,
                              WorkerScratch scratch, std::span<float> shared);

}  // namespace moka
