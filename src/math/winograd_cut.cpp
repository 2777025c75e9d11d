// How Winograd convolution cuts its work, by shape alone.
#include "math/winograd_cut.h"

#include <algorithm>

namespace moka {

WinogradKind KindOf(WinogradTile tile) {
  switch (tile) {
    case WinogradTile::kF4x3:
      return {6, 4};
    case WinogradTile::kF2x5:
      return {6, 2};
    case WinogradTile::kF2x3:
      return {4, 2};
    case WinogradTile::kNone:
      break;
  }
  return {};
}

ConvolutionGeometry TurnedAround(const ConvolutionGeometry& g) {
  ConvolutionGeometry turned = g;
  turned.channels = g.outputs;
  turned.outputs = g.channels;
  turned.height = g.out_height();
  turned.width = g.out_width();
  turned.pad_h = g.kernel_h - 1 - g.pad_h;
  turned.pad_w = g.kernel_w - 1 - g.pad_w;
  return turned;
}

WinogradCut CutWinograd(const ConvolutionGeometry& g, WinogradTile tile) {
  constexpr int64_t kPieces = 8;  // wanted
  const WinogradKind kind = KindOf(tile);
  const int64_t outputs = g.outputs / g.group;
  WinogradCut cut;
  cut.rows = CeilDiv(g.out_height(), kind.step);
  cut.columns = CeilDiv(g.out_width(), kind.step);
  cut.tiles = g.batch * cut.rows * cut.columns;
  // Each block reads all weights, so it must not be small, nor leave a cache.
  const int64_t share = CeilDiv(CeilDiv(cut.tiles * g.group, kPieces), kWinogradLanes);
  cut.block = std::clamp<int64_t>(share * kWinogradLanes, kWinogradLanes, kWinogradMostTiles);
  cut.blocks = CeilDiv(cut.tiles, cut.block);
  const int64_t wanted = kPieces / std::max<int64_t>(1, cut.blocks * g.group);
  cut.parts = std::clamp<int64_t>(wanted, 1, std::max<int64_t>(1, outputs / 128));
  return cut;
}

WinogradWeightsCut CutWinogradWeights(const ConvolutionGeometry& g, WinogradTile tile) {
  constexpr int64_t kPieces = 16;
  const int64_t channels = g.channels / g.group, outputs = g.outputs / g.group;
  WinogradWeightsCut cut;
  cut.tiles = CutWinograd(g, tile);
  cut.tiles.block = kWinogradMostTiles;
  // The sums for one point stay in an L2 cache.
  cut.output_blocks = CeilDiv(outputs, 256);
  cut.outputs = CeilDiv(CeilDiv(outputs, cut.output_blocks), kWinogradLanes) * kWinogradLanes;
  cut.channel_blocks = CeilDiv(channels, 128);
  cut.channels = CeilDiv(channels, cut.channel_blocks);
  const int64_t wanted = CeilDiv(kPieces, g.group * cut.output_blocks * cut.channel_blocks);
  cut.chunks = std::clamp<int64_t>(std::min(g.batch, cut.tiles.tiles / 128), 1, wanted);
  return cut;
}

WinogradBlock::WinogradBlock(const WinogradCut& cut, int64_t begin, int64_t count, int64_t extra)
    : tiles(count) {
  const int64_t image_tiles = cut.rows * cut.columns;
  for (int64_t first = 0; first < count;) {
    const int64_t tile = begin + first, in_image = tile % image_tiles,
                  column = in_image % cut.columns,
                  length = std::min(cut.columns - column, count - first);
    run[runs++] = {tile / image_tiles, in_image / cut.columns, column, length, first, slots};
    for (int64_t i = 0; i < length; ++i) slot[first + i] = static_cast<int32_t>(slots + i);
    first += length;
    slots += length + extra;
  }
  for (int64_t i = count; i < kWinogradMostTiles; ++i) slot[i] = slot[i - 1] + 1;
}

int64_t MostSlots(const WinogradCut& cut, int64_t extra) {
  // The first and the last run may be cut off.
  return cut.block + extra * std::min(cut.block, cut.block / cut.columns + 2);
}

}  // namespace moka
