// How Winograd convolution cuts images into tiles, and tiles into blocks that stay in a cache. All
// of it depends on the geometry alone.
#pragma once

#include <cstdint>

#include "math/winograd.h"

namespace moka {

constexpr int64_t kWinogradLanes = 32;      // tiles of a block are a multiple of this
constexpr int64_t kWinogradMostTiles = 64;  // of a block
constexpr int64_t kWinogradOutputs = 128;   // of which a block has the sums at a time, at most

inline int64_t CeilDiv(int64_t n, int64_t step) { return (n + step - 1) / step; }

// points x points elements of x make step x step outputs.
struct WinogradKind {
  int64_t points = 0, step = 0;
  int64_t taps() const { return points - step + 1; }
};
WinogradKind KindOf(WinogradTile tile);

// The convolution that is the gradient for x of g: of dy, with weights turned around.
ConvolutionGeometry TurnedAround(const ConvolutionGeometry& g);

struct WinogradCut {
  int64_t rows = 0, columns = 0;  // of tiles, in an image
  int64_t tiles = 0;              // of all images
  int64_t block = 0, blocks = 0;  // tiles in a block
  int64_t parts = 1;              // of the outputs of a group: each repeats the transform of x
};
WinogradCut CutWinograd(const ConvolutionGeometry& g, WinogradTile tile);

// The gradient for w: of blocks of channels and outputs, over chunks of images.
struct WinogradWeightsCut {
  WinogradCut tiles;  // its block is also that of products; parts do not count
  int64_t channels = 0, channel_blocks = 0;
  int64_t outputs = 0, output_blocks = 0;
  int64_t chunks = 0;

  int64_t first_image(int64_t batch, int64_t chunk) const { return batch * chunk / chunks; }
};
WinogradWeightsCut CutWinogradWeights(const ConvolutionGeometry& g, WinogradTile tile);

// Tiles one after another in a row of tiles of one image. When a run is laid out as pixels, a few
// more follow it, which its last tiles need: runs begin at slots, each as wide as a step.
struct WinogradRun {
  int64_t image, row, column, count;
  int64_t first;  // its first tile, in the block
  int64_t slot;
};

// Tiles [begin, begin + tiles) of all, as runs.
struct WinogradBlock {
  // extra: slots that follow a run.
  WinogradBlock(const WinogradCut& cut, int64_t begin, int64_t count, int64_t extra);

  int64_t tiles = 0, slots = 0, runs = 0;
  WinogradRun run[kWinogradMostTiles];
  int32_t slot[kWinogradMostTiles];  // of each tile; those past the last have slots behind it
};

// The most slots of a block of so many tiles.
int64_t MostSlots(const WinogradCut& cut, int64_t extra);

// Rounds up to what keeps rows apart in a cache: an odd number of 16 floats.
inline int64_t OddLines(int64_t floats) { return (CeilDiv(floats, 16) | 1) * 16; }

// Floats of packed weights from one point to the next.
inline int64_t PackedPoint(int64_t outputs, int64_t channels) {
  return OddLines(outputs * channels);
}

// The first place from p on where a line of a cache begins; up to 15 floats later.
inline float* AlignToLine(float* p) {
  return p + (-reinterpret_cast<uintptr_t>(p) % 64) / sizeof(float);
}

}  // namespace moka
