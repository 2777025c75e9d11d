#include "math/winograd.h"
namespace moka {
WinogradTile ChooseWinograd(const ConvolutionGeometry& g, ConvolutionPass pass) {
  if (pass == ConvolutionPass::kBackwardWeights) return WinogradTile::kNone;
  if (g.channels / g.group < 16 || g.outputs / g.group < 16) return WinogradTile::kNone;
  for (auto t : {WinogradTile::kF4x3, WinogradTile::kF2x5}) if (WinogradSuits(g, pass, t)) return t;
  return WinogradTile::kNone;
}
int64_t WinogradSharedScratch(const ConvolutionGeometry&, WinogradTile) { return 0; }
void WinogradBackwardWeights(Context&, const ConvolutionGeometry&, WinogradTile, const float*, const float*, float*, bool, WorkerScratch, std::span<float>) {}
}
