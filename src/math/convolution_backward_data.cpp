// dx = the gradient of <w * x, dy> for x.
#include "math/column_data.h"
#include "math/depthwise.h"
#include "math/direct_convolution.h"
#include "math/winograd.h"

namespace moka {

void ConvolveBackwardData(Context& context, const ConvolutionGeometry& g, const PackedWeights& w,
                          const float* dy, float* dx, WorkerScratch scratch) {
  if (IsDepthwise(g)) return DepthwiseBackwardData(context, g, w.w, dy, dx, scratch);
  if (ColumnsPay(g)) return ColumnBackwardData(context, g, w.packed, dy, dx, scratch);
  const WinogradTile tile = WinogradOf(g, ConvolutionPass::kBackwardData);
  if (tile == WinogradTile::kNone) return DirectBackwardData(context, g, w.packed, dy, dx, scratch);
  WinogradBackwardData(context, g, tile, w.packed, dy, dx, scratch);
}

void ConvolveBackwardData(Context& context, const ConvolutionGeometry& g, const float* w,
                          const float* dy, float* dx, WorkerScratch scratch) {
  const auto packed = PackInScratch(context, g, ConvolutionPass::kBackwardData, w, scratch);
  ConvolveBackwardData(context, g, packed, dy, dx, scratch);
}

}  // namespace moka
