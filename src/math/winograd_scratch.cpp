// Which tiles suit a convolution, and the memory that they need.
#include <algorithm>

#include "math/winograd_cut.h"

namespace moka {
namespace {

constexpr int64_t kMostLanes = 16;  // of any processor

// For InputTiles and OutputTiles of a block.
int64_t TilesScratch(const ConvolutionGeometry& g, const WinogradKind& kind,
                     const WinogradCut& cut) {
  const int64_t slots =
      CeilDiv(MostSlots(cut, (kind.points - 1) / kind.step), kMostLanes) * kMostLanes +
      2 * kMostLanes;
  const int64_t input = 2 * kind.points * kind.step * slots + g.width,
                output = kind.step * kind.step * cut.block;
  return std::max(input, output) + 16;
}

int64_t ForwardScratch(const ConvolutionGeometry& g, WinogradTile tile) {
  const WinogradKind kind = KindOf(tile);
  const WinogradCut cut = CutWinograd(g, tile);
  return kind.points * kind.points *
             (OddLines(cut.block * (g.channels / g.group)) +
              OddLines(cut.block * kWinogradOutputs)) +
         TilesScratch(g, kind, cut);
}

int64_t WeightsScratch(const ConvolutionGeometry& g, WinogradTile tile) {
  const WinogradKind kind = KindOf(tile);
  const WinogradWeightsCut cut = CutWinogradWeights(g, tile);
  return kind.points * kind.points *
             (OddLines(cut.channels * cut.outputs) + OddLines(cut.tiles.block * cut.channels) +
              OddLines(cut.tiles.block * cut.outputs)) +
         TilesScratch(g, kind, cut.tiles);
}

}  // namespace

bool WinogradSuits(const ConvolutionGeometry& g, ConvolutionPass pass, WinogradTile tile) {
  const WinogradKind kind = KindOf(tile);
  const int64_t taps = kind.taps();
  if (tile == WinogradTile::kNone || g.batch == 0) return false;
  if (g.kernel_h != taps || g.kernel_w != taps || g.stride_h != 1 || g.stride_w != 1 ||
      g.dilation_h != 1 || g.dilation_w != 1)
    return false;
  if (pass == ConvolutionPass::kBackwardData && (g.pad_h >= taps || g.pad_w >= taps)) return false;
  // A vector of tiles takes its pixels from two vectors of slots.
  const int64_t width = pass == ConvolutionPass::kBackwardData ? g.width : g.out_width();
  return width > kind.step || kind.points - kind.step < kind.step + 1;
}

int64_t WinogradScratch(const ConvolutionGeometry& g, ConvolutionPass pass, WinogradTile tile) {
  if (pass == ConvolutionPass::kBackwardWeights) return WeightsScratch(g, tile);
  return ForwardScratch(pass == ConvolutionPass::kBackwardData ? TurnedAround(g) : g, tile);
}

}  // namespace moka
