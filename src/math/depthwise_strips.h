// Rows in strips of one vector, read where they are:
//   result[r][q] = start + sum over (i, j) of weight[i][j] * x[row of (r, i)][column of (q, j)]
// Tables say which row and column these are, or that there are none: in the pad, or between those
// that a stride writes on the way back. Columns in one or two vectors are moved by a permutation
// that also puts in the zeros, so that nothing is padded or copied.
#pragma once

#include <cstdint>

#include "math/depthwise_kernels.h"
#include "math/depthwise_tile.h"
#include "moka/math.h"

namespace moka {

// What a result is made for.
enum class StripUse { kForward, kBackward, kSums };

// Whether this pass goes this way.
bool FitsStrips(const ConvolutionGeometry& g, StripUse use, const DepthwiseKernels& kernels);

// A worker's tables: from x to y, from dy to dx, or from x to dw.
class StripTables {
 public:
  StripTables(const ConvolutionGeometry& g, StripUse use, const DepthwiseKernels& kernels,
              Carver& carver);
  static int64_t Floats(const ConvolutionGeometry& g, const DepthwiseKernels& kernels);

  const DepthwiseStrips& strips() const { return strips_; }

 private:
  void FillColumns(const DepthwiseAxis& w, StripUse use, int lanes, DepthwiseColumns& strip,
                   int64_t* at, int32_t* places) const;

  DepthwiseStrips strips_;
};

// Rows shorter than a vector are read beyond their end. Of planes [first, last) of all `planes`,
// each of `size` floats in rows of `width`, where those end that can be read where they are;
// `first` if none can.
int64_t ReadableInPlace(int64_t width, int64_t size, int64_t first, int64_t last, int64_t planes);

// y from x with an epilogue, or dx from dy, then given as x and y, without.
int64_t StripRowsScratch(const ConvolutionGeometry& g, const DepthwiseKernels& kernels);
void StripRowsPass(Context& context, const ConvolutionGeometry& g, StripUse use,
                   const DepthwiseKernels& kernels, const float* x, const float* w,
                   const Epilogue& epilogue, float* y, WorkerScratch scratch);

}  // namespace moka
