// Blocks of channels, tiles of pixels and chunks of images; and which convolutions are, in truth,
// over two axes of space.
#include "math/convolution_nd_cut.h"

#include <algorithm>

namespace moka {
namespace {

using Axis = ConvolutionNdGeometry::Axis;

constexpr int64_t kTileFloats = 98304;  // as those over two axes: they stay in a level-2 cache
constexpr int64_t kPieces = 24;
constexpr int64_t kDepth = 96;        // rows of columns below which products get slow
constexpr int64_t kPixels = 64;       // and columns
constexpr int64_t kLongRow = 262144;  // floats: a single row of tiles that is longer is cut instead

int64_t Ceil(int64_t n, int64_t step) { return (n + step - 1) / step; }

// Cuts n into even parts of at most `most`.
int64_t Even(int64_t n, int64_t most) {
  most = std::clamp<int64_t>(most, 1, n);
  return Ceil(n, Ceil(n, most));
}

// Pixels that a tile has even if its columns are then more than kTileFloats.
int64_t LeastPixels(const ConvolutionNdGeometry& g) { return std::min(g.out_plane(), kPixels); }

// At least so many blocks and tiles, but neither so many that products get slow.
ConvolutionNdCut CutTiles(const ConvolutionNdGeometry& g, int64_t blocks, int64_t tiles) {
  ConvolutionNdCut cut;
  const int64_t channels = g.channels / g.group, kernel = g.kernel(), plane = g.out_plane();
  const int64_t fit = kTileFloats / LeastPixels(g) / kernel;
  cut.channels = Even(channels, std::min(fit, std::max(channels / blocks, Ceil(kDepth, kernel))));
  cut.blocks = Ceil(channels, cut.channels);
  int64_t pixels = std::min(kTileFloats / (cut.channels * kernel), Ceil(plane, tiles));
  pixels = std::max(pixels / 16 * 16, LeastPixels(g));  // whole vectors
  cut.pixels = std::min(Ceil(Even(plane, pixels), 16) * 16, pixels);
  cut.tiles = Ceil(plane, cut.pixels);
  return cut;
}

// Pieces that each image of each group must be cut into.
int64_t Share(int64_t parts) { return Ceil(kPieces, std::max<int64_t>(1, parts)); }

}  // namespace

ConvolutionNdCut CutNdForward(const ConvolutionNdGeometry& g) {
  return CutTiles(g, 1, Share(g.batch * g.group));
}

ConvolutionNdCut CutNdBackwardData(const ConvolutionNdGeometry& g) {
  return CutTiles(g, Share(g.batch * g.group), 1);
}

ConvolutionNdCut CutNdBackwardWeights(const ConvolutionNdGeometry& g) {
  ConvolutionNdCut cut = CutTiles(g, Share(g.group), 1);
  const int64_t batch = std::max<int64_t>(1, g.batch);
  cut.images = Even(batch, Ceil(batch * cut.blocks * g.group, kPieces));
  cut.chunks = Ceil(batch, cut.images);
  return cut;
}

int64_t MostNdChunks(const ConvolutionNdGeometry& g) {
  const ConvolutionNdCut cut = CutNdBackwardWeights(g);
  return std::min(std::max<int64_t>(1, g.batch), Ceil(kPieces, cut.blocks * g.group));
}

int64_t MostNdPixels(const ConvolutionNdGeometry& g) {
  return std::min(g.out_plane(), std::max(kTileFloats / g.kernel(), kPixels));
}

int64_t MostNdColumns(const ConvolutionNdGeometry& g) {
  const int64_t kernel = g.kernel();
  return std::min(g.channels / g.group * kernel * g.out_plane(),
                  std::max(kTileFloats, kernel * LeastPixels(g)));
}

std::optional<ConvolutionGeometry> AsPlanes(const ConvolutionNdGeometry& g) {
  // Without axes along which nothing happens; then with those joined that are only walked along.
  const auto pointwise = [](const Axis& a) { return a.kernel == 1 && a.stride == 1 && a.pad == 0; };
  std::array<Axis, ConvolutionNdGeometry::kMaxAxes> axes;
  size_t count = 0, dropped = 0;
  for (const Axis& a : g.space()) {
    const bool one = a.size == 1 && a.kernel == 1 && a.pad == 0;
    if (one && g.axes - static_cast<int>(dropped) > 2) {
      ++dropped;
    } else {
      axes[count++] = a;
    }
  }
  for (size_t k = 1; k < count && count > 2;) {
    if (!pointwise(axes[k - 1]) || !pointwise(axes[k])) {
      ++k;
      continue;
    }
    axes[k - 1].size *= axes[k].size;
    std::copy(axes.begin() + k + 1, axes.begin() + count, axes.begin() + k);
    --count;
  }
  if (count > 2) return std::nullopt;
  if (count == 1) {
    const int64_t columns = g.channels / g.group * axes[0].kernel * axes[0].out();
    const bool depthwise = g.group > 1 && g.channels == g.group;  // those have their own loops
    if (columns > kLongRow && !depthwise) return std::nullopt;
    axes[1] = axes[0];
    axes[0] = Axis();
  }
  const Axis &h = axes[0], &w = axes[1];
  return ConvolutionGeometry{.batch = g.batch,
                             .channels = g.channels,
                             .height = h.size,
                             .width = w.size,
                             .outputs = g.outputs,
                             .group = g.group,
                             .kernel_h = h.kernel,
                             .kernel_w = w.kernel,
                             .stride_h = h.stride,
                             .stride_w = w.stride,
                             .pad_h = h.pad,
                             .pad_w = w.pad,
                             .dilation_h = h.dilation,
                             .dilation_w = w.dilation,
                             .exact = g.exact};
}

}  // namespace moka
