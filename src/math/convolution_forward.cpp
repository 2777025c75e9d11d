// y = w * x, and what the epilogue says.
#include "math/depthwise.h"
#include "math/direct_convolution.h"
#include "math/epilogue.h"
#include "math/winograd.h"

namespace moka {

void ConvolveForward(Context& context, const ConvolutionGeometry& g, const float* x,
                     const PackedWeights& w, const Epilogue& epilogue, float* y,
                     WorkerScratch scratch) {
  if (IsDepthwise(g)) {
    DepthwiseForward(context, g, x, w.w, EarlyShift(epilogue), y, scratch);
    return ApplyEpilogue(context, g, epilogue, y);
  }
  const WinogradTile tile = WinogradOf(g, ConvolutionPass::kForward);
  if (tile == WinogradTile::kNone)
    return DirectForward(context, g, x, w.packed, epilogue, y, scratch);
  const TileEnd end{epilogue.scale, epilogue.shift, epilogue.add, epilogue.slope};
  WinogradForward(context, g, tile, x, w.packed, &end, y, scratch);
}

void ConvolveForward(Context& context, const ConvolutionGeometry& g, const float* x, const float* w,
                     const Epilogue& epilogue, float* y, WorkerScratch scratch) {
  const auto packed = PackInScratch(context, g, ConvolutionPass::kForward, w, scratch);
  ConvolveForward(context, g, x, packed, epilogue, y, scratch);
}

void ConvolveForward(Context& context, const ConvolutionGeometry& g, const float* x, const float* w,
                     const float* bias, float* y, WorkerScratch scratch) {
  ConvolveForward(context, g, x, w, Epilogue{.shift = bias}, y, scratch);
}

}  // namespace moka
