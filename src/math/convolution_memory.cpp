// What the passes of a convolution need of memory, and the weights in the layout of a pass.
#include <algorithm>

#include "math/column_data.h"
#include "math/depthwise.h"
#include "math/direct_convolution.h"
#include "math/pointwise_weights.h"
#include "math/winograd.h"

namespace moka {

WinogradTile WinogradOf(const ConvolutionGeometry& g, ConvolutionPass pass) {
  return g.exact ? WinogradTile::kNone : ChooseWinograd(g, pass);
}

int64_t PackedWeightsFloats(const ConvolutionGeometry& g, ConvolutionPass pass) {
  if (IsDepthwise(g) || pass == ConvolutionPass::kBackwardWeights) return 0;
  if (pass == ConvolutionPass::kBackwardData && ColumnsPay(g)) return ColumnDataPackedFloats(g);
  const WinogradTile tile = WinogradOf(g, pass);
  return tile == WinogradTile::kNone ? DirectPackedFloats(g) : WinogradFilterFloats(g, tile);
}

void PackWeights(Context& context, const ConvolutionGeometry& g, ConvolutionPass pass,
                 const float* w, std::span<float> packed) {
  if (PackedWeightsFloats(g, pass) == 0) return;
  if (pass == ConvolutionPass::kBackwardData && ColumnsPay(g))
    return ColumnDataPackWeights(context, g, w, packed.data());
  const WinogradTile tile = WinogradOf(g, pass);
  if (tile == WinogradTile::kNone) return DirectPackWeights(context, g, pass, w, packed.data());
  WinogradPackFilter(context, g, pass, tile, w, packed.data());
}

PackedWeights PackInScratch(Context& context, const ConvolutionGeometry& g, ConvolutionPass pass,
                            const float* w, WorkerScratch scratch) {
  const int64_t floats = PackedWeightsFloats(g, pass);
  if (floats == 0) return {w, nullptr};
  const std::span<float> packed = scratch(0).last(static_cast<size_t>(floats));
  PackWeights(context, g, pass, w, packed);
  return {w, packed.data()};
}

int64_t ConvolutionScratch(const ConvolutionGeometry& g, ConvolutionPass pass) {
  if (IsDepthwise(g)) return DepthwiseScratch(g);
  if (pass == ConvolutionPass::kBackwardData && ColumnsPay(g)) return ColumnDataScratch(g);
  const WinogradTile tile = WinogradOf(g, pass);
  int64_t direct = DirectScratch(g, pass);  // of the weights' gradient: that of the bias
  if (pass == ConvolutionPass::kBackwardWeights && IsWidePointwise(g))
    direct = std::max(direct, PointwiseWeightsScratch(g));
  return tile == WinogradTile::kNone ? direct : std::max(direct, WinogradScratch(g, pass, tile));
}

int64_t ConvolutionScratch(const ConvolutionGeometry& g) {
  int64_t most = 0;
  for (const auto pass : {ConvolutionPass::kForward, ConvolutionPass::kBackwardData,
                          ConvolutionPass::kBackwardWeights}) {
    most = std::max(most, ConvolutionScratch(g, pass) + PackedWeightsFloats(g, pass));
  }
  return most;
}

int64_t ConvolutionSharedScratch(const ConvolutionGeometry& g) {
  if (IsDepthwise(g)) return DepthwiseSharedScratch(g);
  const WinogradTile tile = WinogradOf(g, ConvolutionPass::kBackwardWeights);
  int64_t direct = DirectSharedScratch(g);
  if (IsWidePointwise(g)) direct = std::max(direct, PointwiseWeightsShared(g));
  return tile == WinogradTile::kNone ? direct : std::max(direct, WinogradSharedScratch(g, tile));
}

}  // namespace moka
