// How the passes over any number of axes of space cut their work, by shape alone.
#pragma once

#include <cstdint>
#include <optional>

#include "moka/convolution_nd.h"

namespace moka {

struct ConvolutionNdCut {
  int64_t channels = 1, blocks = 1;  // channels of one group in a block, and blocks
  int64_t pixels = 1, tiles = 1;     // output pixels of a tile, and tiles
  int64_t images = 1, chunks = 1;    // images in a chunk, and chunks (backward weights)
};
ConvolutionNdCut CutNdForward(const ConvolutionNdGeometry& g);
ConvolutionNdCut CutNdBackwardData(const ConvolutionNdGeometry& g);
ConvolutionNdCut CutNdBackwardWeights(const ConvolutionNdGeometry& g);

// What no cut of this geometry, for any batch, goes beyond: pixels and floats of a tile's columns.
int64_t MostNdPixels(const ConvolutionNdGeometry& g);
int64_t MostNdColumns(const ConvolutionNdGeometry& g);
// Nor the chunks, for this batch and every smaller one.
int64_t MostNdChunks(const ConvolutionNdGeometry& g);

// The same convolution over two axes of space, if that is possible without long tiles.
std::optional<ConvolutionGeometry> AsPlanes(const ConvolutionNdGeometry& g);

}  // namespace moka
