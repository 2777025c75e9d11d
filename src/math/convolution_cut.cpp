// How the passes of a convolution cut their work, by shape alone.
#include <algorithm>

#include "math/convolution_lowering.h"
#include "math/depthwise.h"

namespace moka {
namespace {

constexpr int64_t kTileFloats =
    98304;  // 384 KB of columns: they stay in an L2 of 512 KB and more, with room for y and w
constexpr int64_t kPieces = 24;  // wanted: enough to keep a few threads evenly busy
constexpr int64_t kDepth = 96;   // rows of columns below which products get slow

int64_t Ceil(int64_t n, int64_t step) { return (n + step - 1) / step; }

// Cuts n into even parts of at most `most`.
int64_t Even(int64_t n, int64_t most) {
  most = std::clamp<int64_t>(most, 1, n);
  return Ceil(n, Ceil(n, most));
}

void SetRows(const ConvolutionGeometry& g, int64_t most, ConvolutionCut& cut) {
  cut.rows = Even(g.out_height(), most);
  cut.row_tiles = Ceil(g.out_height(), cut.rows);
}

// Blocks of channels: few enough to fit a tile of the whole image, but not so few that products get
// slow.
void SetChannels(const ConvolutionGeometry& g, int64_t least_blocks, ConvolutionCut& cut) {
  const int64_t channels = g.channels / g.group, kernel = g.kernel_h * g.kernel_w;
  const int64_t fit = kTileFloats / (kernel * g.out_height() * g.out_width());
  const int64_t most = std::min(fit, channels / std::max<int64_t>(1, least_blocks));
  cut.channels = Even(channels, std::max(most, Ceil(kDepth, kernel)));
  cut.channel_blocks = Ceil(channels, cut.channels);
  SetRows(g, kTileFloats / (cut.channels * kernel * g.out_width()), cut);
}

}  // namespace

ConvolutionCut CutForward(const ConvolutionGeometry& g) {
  ConvolutionCut cut;
  cut.channels = g.channels / g.group;
  const int64_t fit = kTileFloats / (cut.channels * g.kernel_h * g.kernel_w * g.out_width());
  // One image alone is cut further, down to some 64 pixels.
  const int64_t tiles = Ceil(kPieces, std::max<int64_t>(1, g.batch * g.group));
  const int64_t share = std::max(Ceil(g.out_height(), tiles), Ceil(64, g.out_width()));
  SetRows(g, std::min(fit, share), cut);
  return cut;
}

ConvolutionCut CutBackwardData(const ConvolutionGeometry& g) {
  ConvolutionCut cut;
  SetChannels(g, Ceil(kPieces, std::max<int64_t>(1, g.batch * g.group)), cut);
  return cut;
}

ConvolutionCut CutBackwardWeights(const ConvolutionGeometry& g) {
  ConvolutionCut cut;
  SetChannels(g, Ceil(kPieces, g.group), cut);
  cut.images =
      Even(std::max<int64_t>(1, g.batch), Ceil(g.batch * cut.channel_blocks * g.group, kPieces));
  cut.chunks = Ceil(std::max<int64_t>(1, g.batch), cut.images);
  return cut;
}

int64_t MostChunks(const ConvolutionGeometry& g) {
  const ConvolutionCut cut = CutBackwardWeights(g);
  return std::min(std::max<int64_t>(1, g.batch), Ceil(kPieces, cut.channel_blocks * g.group));
}

int64_t ConvolutionScratch(const ConvolutionGeometry& g) {
  if (IsDepthwise(g)) return DepthwiseScratch(g);
  return std::max(
      {TileFloats(g, CutForward(g)), TileFloats(g, CutBackwardData(g)), BackwardWeightsFloats(g)});
}

}  // namespace moka
