// Small planes, whose rows fit one vector: rows are loaded once, and moved for each column of the
// kernel by a permutation that also puts in the zeros of the pad, or of the stride on the way back.
#pragma once

#include <cstdint>

#include "math/depthwise_kernels.h"
#include "math/depthwise_tile.h"
#include "moka/math.h"

namespace moka {

// Whether all passes of this geometry go this way.
bool IsSmall(const ConvolutionGeometry& g, const DepthwiseKernels& kernels);

// A worker's tables: from x to y, or from dy to dx.
class SmallTables {
 public:
  SmallTables(const ConvolutionGeometry& g, bool backward, const DepthwiseKernels& kernels,
              Carver& carver);
  static int64_t Floats(const ConvolutionGeometry& g);  // of Carver

  const DepthwiseSmall& layout() const { return layout_; }

 private:
  DepthwiseSmall layout_;
};

// Vectors are read beyond the end of a plane. Of planes [first, last) of all `planes`, each of
// `size` floats, where those end that can be read where they are; `first` if none can.
int64_t SmallReadable(int64_t size, int64_t first, int64_t last, int64_t planes);

// y from x, or (backward) dx from dy: given as x and y, too.
int64_t SmallRowsScratch(const ConvolutionGeometry& g);
void SmallRowsPass(Context& context, const ConvolutionGeometry& g, bool backward,
                   const DepthwiseKernels& kernels, const float* x, const float* w,
                   const float* bias, float* y, WorkerScratch scratch);

}  // namespace moka
