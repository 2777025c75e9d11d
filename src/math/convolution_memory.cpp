// What the passes of a convolution need of memory, and the weights in the layout of a pass.
#include <algorithm>

#include "math/depthwise.h"
#include "math/direct_convolution.h"

namespace moka {

int64_t PackedWeightsFloats(const ConvolutionGeometry& g, ConvolutionPass pass) {
  if (IsDepthwise(g) || pass == ConvolutionPass::kBackwardWeights) return 0;
  return DirectPackedFloats(g);
}

void PackWeights(Context& context, const ConvolutionGeometry& g, ConvolutionPass pass,
                 const float* w, std::span<float> packed) {
  if (PackedWeightsFloats(g, pass) > 0) DirectPackWeights(context, g, pass, w, packed.data());
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
  return IsDepthwise(g) ? DepthwiseScratch(g) : DirectScratch(g, pass);
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
  return IsDepthwise(g) ? DepthwiseSharedScratch(g) : DirectSharedScratch(g);
}

}  // namespace moka
