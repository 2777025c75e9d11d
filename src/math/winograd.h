// Convolution with fewer products: y = A' [sum over channels of (G w G') x (B' x B)] A for each
// tile of step x step outputs, where x is the product of each two elements and the tile of x has
// points x points elements. One product for each point in place of taps x taps for each output:
// F(4x4, 3x3) needs 4 times fewer, F(2x2, 5x5) 2.8 times, F(2x2, 3x3) 2.25 times.
//
// What is not finite in x spreads to the outputs of its whole tile, as a NaN.
#pragma once

#include <cstdint>
#include <span>

#include "math/tile.h"
#include "moka/math.h"

namespace moka {

enum class WinogradTile {
  kNone,
  kF4x3,  // F(4x4, 3x3)
  kF2x5,  // F(2x2, 5x5)
  kF2x3,  // F(2x2, 3x3)
};

// Whether a tile can do this pass at all.
bool WinogradSuits(const ConvolutionGeometry& g, ConvolutionPass pass, WinogradTile tile);
// The tile that a pass should use, by its shape alone; kNone where direct convolution is faster.
WinogradTile ChooseWinograd(const ConvolutionGeometry& g, ConvolutionPass pass);

// The same, but kNone if the geometry asks for exact sums.
WinogradTile WinogradOf(const ConvolutionGeometry& g, ConvolutionPass pass);

// The weights (outputs, channels / group, taps, taps) as products need them, for the forward pass
// or that of the data; into WinogradFilterFloats.
int64_t WinogradFilterFloats(const ConvolutionGeometry& g, WinogradTile tile);
void WinogradPackFilter(Context& context, const ConvolutionGeometry& g, ConvolutionPass pass,
                        WinogradTile tile, const float* w, float* packed);

// Floats that each worker needs, for this batch and every smaller one.
int64_t WinogradScratch(const ConvolutionGeometry& g, ConvolutionPass pass, WinogradTile tile);

// y = w * x with what `end` does to it (null: nothing); its scale and shift count all outputs, add
// is laid out as y. y_image: floats from one image of y to the next; 0: dense, as add always is.
void WinogradForward(Context& context, const ConvolutionGeometry& g, WinogradTile tile,
                     const float* x, const float* packed, const TileEnd* end, float* y,
                     WorkerScratch scratch, int64_t y_image = 0);
// dx = gradient for x; assigned.
void WinogradBackwardData(Context& context, const ConvolutionGeometry& g, WinogradTile tile,
                          const float* packed, const float* dy, float* dx, WorkerScratch scratch);

// dw = or += gradient for w. shared: WinogradSharedScratch floats.
int64_t WinogradSharedScratch(const ConvolutionGeometry& g, WinogradTile tile);
void WinogradBackwardWeights(Context& context, const ConvolutionGeometry& g, WinogradTile tile,
                             const float* x, const float* dy, float* dw, bool add_dw, float* db,
                             bool add_db, WorkerScratch scratch, std::span<float> shared);

}  // namespace moka
