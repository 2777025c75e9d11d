// Which passes are faster in tiles: a model of the time, from what was measured, as cycles of one
// core that does two vectors of products in each. What it takes of memory and other units grows
// with vectors of tiles alike on other processors.
#include <algorithm>
#include <initializer_list>

#include "math/winograd_cut.h"

namespace moka {
namespace {

constexpr double kLanes = 16, kFlops = 4 * kLanes;  // of a vector and of a cycle
constexpr double kNear = 3e6;                       // floats that stay in a cache
constexpr double kBytes = 6;                        // from beyond it in a cycle

// For a vector of tiles.
struct Transforms {
  double input = 0, output = 0, gradient = 0;  // a channel of x, an output of y, of dy
};
Transforms TransformsOf(WinogradTile tile) {
  switch (tile) {
    case WinogradTile::kF4x3:
      return {360, 300, 250};
    case WinogradTile::kF2x5:
      return {270, 150, 150};
    case WinogradTile::kF2x3:
      return {200, 110, 100};
    case WinogradTile::kNone:
      break;
  }
  return {};
}

// What an image takes must not be more in a larger batch than in a smaller one, so that a net that
// was planned for a large batch has the memory for a small one: hence nothing is rounded here, and
// what is cut into pieces is taken as if it were cut evenly.
double Vectors(const WinogradCut& cut) {
  return std::max(1.0, static_cast<double>(cut.tiles) / kLanes);
}
double EvenParts(const ConvolutionGeometry& g, const WinogradCut& cut) {
  const auto outputs = static_cast<double>(g.outputs / g.group);
  return std::clamp(256.0 / static_cast<double>(cut.tiles * g.group), 1.0,
                    std::max(1.0, outputs / 128));
}
double EvenChunks(const ConvolutionGeometry& g, const WinogradWeightsCut& cut) {
  const auto blocks = static_cast<double>(g.group * cut.output_blocks * cut.channel_blocks);
  return std::clamp(static_cast<double>(cut.tiles.tiles) / 128, 1.0, std::max(1.0, 16 / blocks));
}

double DirectCycles(const ConvolutionGeometry& g, double rate) {
  return 2.0 * static_cast<double>(g.batch * g.outputs * g.out_height() * g.out_width()) *
         static_cast<double>(g.channels / g.group * g.kernel_h * g.kernel_w) / (kFlops * rate);
}

double ForwardCycles(const ConvolutionGeometry& g, WinogradTile tile, bool packs) {
  const WinogradKind kind = KindOf(tile);
  const WinogradCut cut = CutWinograd(g, tile);
  const Transforms cost = TransformsOf(tile);
  const auto channels = static_cast<double>(g.channels / g.group),
             outputs = static_cast<double>(g.outputs / g.group),
             points = static_cast<double>(kind.points * kind.points), vectors = Vectors(cut);
  const double weights = points * channels * outputs;
  const bool far = weights > kNear;
  // A block of tiles cannot be faster than the weights come.
  const double products = std::max(vectors * weights / 2 / 0.93, far ? 4 * weights / kBytes : 0);
  const double pack = packs ? weights * (far ? 1.0 : 0.4) : 0;
  return static_cast<double>(g.group) *
         (products + pack +
          vectors * (cost.input * channels * EvenParts(g, cut) + cost.output * outputs));
}

double WeightsCycles(const ConvolutionGeometry& g, WinogradTile tile) {
  const WinogradKind kind = KindOf(tile);
  const WinogradWeightsCut cut = CutWinogradWeights(g, tile);
  const Transforms cost = TransformsOf(tile);
  const auto channels = static_cast<double>(g.channels / g.group),
             outputs = static_cast<double>(g.outputs / g.group),
             points = static_cast<double>(kind.points * kind.points), vectors = Vectors(cut.tiles);
  const double sums = points * channels * outputs;
  return static_cast<double>(g.group) *
         (vectors * sums / 2 / 0.88 + EvenChunks(g, cut) * sums +
          vectors * (cost.input * channels * static_cast<double>(cut.output_blocks) +
                     cost.gradient * outputs * static_cast<double>(cut.channel_blocks)));
}

double Cycles(const ConvolutionGeometry& g, ConvolutionPass pass, WinogradTile tile) {
  switch (pass) {
    case ConvolutionPass::kForward:
      return ForwardCycles(g, tile, false);
    case ConvolutionPass::kBackwardData:
      return ForwardCycles(TurnedAround(g), tile, true);
    case ConvolutionPass::kBackwardWeights:
      break;
  }
  return WeightsCycles(g, tile);
}

}  // namespace

WinogradTile ChooseWinograd(const ConvolutionGeometry& g, ConvolutionPass pass) {
  constexpr double kGain = 1.1;
  const bool weights = pass == ConvolutionPass::kBackwardWeights;
  const double direct = DirectCycles(pass == ConvolutionPass::kBackwardData ? TurnedAround(g) : g,
                                     weights ? 0.75 : 0.85);
  // The first that is fast enough, not the fastest: the larger the batch, the sooner that is kF4x3,
  // which needs most memory. The sums of small tiles for the weights, in more chunks, would need
  // more.
  for (const WinogradTile tile : {WinogradTile::kF4x3, WinogradTile::kF2x5, WinogradTile::kF2x3}) {
    if (!WinogradSuits(g, pass, tile) || (weights && tile == WinogradTile::kF2x3)) continue;
    if (Cycles(g, pass, tile) * kGain < direct) return tile;
  }
  return WinogradTile::kNone;
}

}  // namespace moka
