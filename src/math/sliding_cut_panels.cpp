// Cuts of sliding products whose windows are laid out in panels, by what they would cost.
#include <cmath>
#include <limits>

#include "math/sliding_cut.h"

namespace moka {
namespace {

constexpr int64_t kLongDepth = 512;  // if there would be many such parts, and copies are plain

// What depends on the size of a tile, whatever the number of images.
void SetWindows(const SlidingProduct& p, SlidingCut& cut) {
  const Span h = SpanOf(p.h), w = SpanOf(p.w);
  const int64_t width = cut.wide ? std::min(cut.most_pixels, p.w.out) : p.w.out;
  cut.row_floats = (width + w.reach / w.stride) * w.stride;
  const int64_t pixels = cut.most_pixels;
  const int64_t rows = cut.wide ? 1 : (pixels + p.w.out - 2) / p.w.out + 1;
  const int64_t images = cut.wide ? 1 : (pixels + p.out_plane() - 2) / p.out_plane() + 1;
  cut.window_rows = cut.direct ? 0 : rows * h.stride + images * (h.reach + 1);
}

// What a pixel tile of a cut costs a worker, in products of a vector of pixels with one output's
// weights, for so many pixels and outputs. In estimates: laying out windows as much as the products
// of 12 outputs (samples of rows: 40), reading an output's weights as those of 8 pixels, and a tile
// of the kernel with one vector a tenth more than half of one with two.
double TileCost(const SlidingProduct& p, const SlidingCut& cut, int64_t pixels, int64_t outputs) {
  const double layout = p.taps() == 1 && !cut.direct ? 40 : 12;
  const int64_t lanes = TileOfProcessor().columns / 2, vectors = Ceil(pixels, lanes);
  return (static_cast<double>(vectors) + (vectors % 2 == 0 ? 0 : 0.1)) *
             (static_cast<double>(outputs) + layout) +
         8.0 / static_cast<double>(lanes) * static_cast<double>(outputs);
}

// The time that two threads take, each with its half of the pieces; whoever is done first takes the
// last ones of the other.
double TimeOfTwo(const SlidingProduct& p, int64_t group, const SlidingCut& cut) {
  const int64_t tiles = cut.pixel_tiles, blocks = cut.output_blocks;
  const int64_t last_pixels = cut.wide ? cut.pixels : p.pixels() - (tiles - 1) * cut.pixels;
  const int64_t last_outputs = p.outputs - (blocks - 1) * cut.outputs;
  const double cost = TileCost(p, cut, cut.pixels, cut.outputs),
               cost_of_last = TileCost(p, cut, last_pixels, cut.outputs);
  const double row = static_cast<double>(blocks - 1) * cost +
                     TileCost(p, cut, cut.pixels, last_outputs),  // all outputs of a tile
      last_row = static_cast<double>(blocks - 1) * cost_of_last +
                 TileCost(p, cut, last_pixels, last_outputs);
  const double all = static_cast<double>(tiles - 1) * row + last_row;
  const int64_t half = (tiles * blocks * group + 1) / 2, whole = half / (tiles * blocks);
  const int64_t rest = half % (tiles * blocks);
  const double first =
      static_cast<double>(whole) * all + static_cast<double>(rest / blocks) * row +
      static_cast<double>(rest % blocks) * (rest / blocks == tiles - 1 ? cost_of_last : cost);
  const double second = static_cast<double>(group) * all - first;
  const double more = std::max(first, second), less = std::min(first, second);
  const double piece = first > second ? cost : cost_of_last;
  const double taken = piece * std::max(0.0, std::ceil((more - less - piece) / (2 * piece)));
  return std::max(more - taken, less + taken);
}

// What a cut costs, over the products alone; more for a few pieces, which would leave more threads
// without work.
double CostOf(const SlidingProduct& p, int64_t group, const SlidingCut& cut) {
  const int64_t pieces = cut.output_blocks * cut.pixel_tiles * group;
  const double shortage = static_cast<double>(kPieces) / static_cast<double>(pieces) - 1;
  const double products = static_cast<double>(p.pixels() * p.outputs * group) /
                          static_cast<double>(TileOfProcessor().columns);
  return TimeOfTwo(p, group, cut) / products + 0.04 * std::max(0.0, shortage);
}

// Pieces that each take part of the outputs and of the pixels: those that cost least.
void SetPieces(const SlidingProduct& p, int64_t group, SlidingCut& cut) {
  if (p.pixels() == 0) return;
  const int64_t most_tiles = Ceil(p.pixels(), 2 * TileOfProcessor().columns);
  const int64_t blocks = Ceil(p.outputs, cut.row_block);
  double least = std::numeric_limits<double>::infinity();
  SlidingCut best = cut;
  for (int64_t parts = 1; parts <= std::max<int64_t>(1, blocks / 5); ++parts) {
    cut.outputs = Ceil(blocks, parts) * cut.row_block;
    cut.output_blocks = Ceil(p.outputs, cut.outputs);
    const int64_t wanted = Ceil(kPieces, cut.output_blocks * group);
    for (const int64_t tiles :
         {Ceil(wanted, 2), wanted - 1, wanted, Ceil(3 * wanted, 2), 2 * wanted}) {
      SetTiles(p, std::min(most_tiles, tiles), cut);
      const double cost = CostOf(p, group, cut);
      if (cost < least) least = cost, best = cut;
    }
  }
  cut = best;
}

}  // namespace

void SetPixels(const SlidingProduct& p, int64_t most, SlidingCut& cut) {
  const int64_t columns = TileOfProcessor().columns;
  cut.direct = IsDirect(p.h) && IsDirect(p.w);
  cut.most_pixels = RoundUp(std::clamp<int64_t>(most, columns, SlidingCut::kMostPixels), columns);
  cut.wide = !cut.direct && p.w.out > cut.most_pixels;
  SetWindows(p, cut);
}
void SetTiles(const SlidingProduct& p, int64_t tiles, SlidingCut& cut) {
  const int64_t columns = TileOfProcessor().columns, all = cut.wide ? p.w.out : p.pixels();
  if (p.pixels() == 0) return;
  tiles = std::max(tiles, Ceil(all, cut.most_pixels));
  cut.pixels = RoundUp(Ceil(all, tiles), columns / 2);
  cut.pixel_tiles = Ceil(all, cut.pixels) * (cut.wide ? p.images * p.h.out : 1);
}

SlidingCut CutPanels(const SlidingProduct& p, int64_t group) {
  const int64_t taps = std::max<int64_t>(1, p.taps());
  SlidingCut cut;
  cut.row_block = SlidingRowBlock(p);
  const bool plain = p.taps() == 1 && IsDirect(p.h) && IsDirect(p.w) && p.channels > 3 * kDepth;
  cut.channels = Even(p.channels, (plain ? kLongDepth : kDepth) / taps);
  cut.channel_blocks = Ceil(p.channels, cut.channels);
  SetPixels(p, kPanelFloats / (cut.channels * taps), cut);
  SetPieces(p, group, cut);
  return cut;
}

}  // namespace moka
