// The gradient of a convolution's x by columns, image by image:
//   p[c][i][j] = sum over outputs o of w[o][c][i][j] dy[o],
//   dx[c] = the sum over taps (i, j) of p[c][i][j], moved to where they read x.
// The products are those of y's pixels. Where x has few channels, or far more pixels than y, these
// are less work than those of x's pixels.
#pragma once

#include <cstdint>

#include "moka/math.h"

namespace moka {

// Whether this is the way; by the shape of an image alone.
bool ColumnsPay(const ConvolutionGeometry& g);
int64_t ColumnDataPackedFloats(const ConvolutionGeometry& g);
void ColumnDataPackWeights(Context& context, const ConvolutionGeometry& g, const float* w,
                           float* packed);
int64_t ColumnDataScratch(const ConvolutionGeometry& g);
void ColumnBackwardData(Context& context, const ConvolutionGeometry& g, const float* packed,
                        const float* dy, float* dx, WorkerScratch scratch);

}  // namespace moka
