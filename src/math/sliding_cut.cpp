// How sliding products are cut: by their shape and the processor's vectors.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "math/sliding.h"

namespace moka {
namespace {

constexpr int64_t kPanelFloats = 98304;  // 384 KB: panels stay in an L2 of 512 KB and more
constexpr int64_t kDepth = 320;       // of a panel: the products' sums stay in registers that long
constexpr int64_t kLongDepth = 512;   // if there would be many such parts, and copies are plain
constexpr int64_t kFewOutputs = 128;  // for which copies of pixels would not pay
constexpr int64_t kShortRow = 6;      // so long at least must runs of windows be
constexpr int64_t kPieces = 16;       // wanted: enough to keep a few threads evenly busy

int64_t Ceil(int64_t n, int64_t step) { return (n + step - 1) / step; }
int64_t RoundUp(int64_t n, int64_t step) { return Ceil(n, step) * step; }

// n in even parts of at most `most`.
int64_t Even(int64_t n, int64_t most) {
  if (n <= 0) return 1;
  return Ceil(n, Ceil(n, std::clamp<int64_t>(most, 1, n)));
}

// What an axis' taps span of the elements that are taken, and their stride; as WindowOf of
// sliding_windows-inl.h.
struct Span {
  int64_t stride, reach;
};
Span SpanOf(const SlidingAxis& a) {
  if (a.taps <= 1) return {1, 0};
  const int64_t sample = std::gcd(a.stride, a.step);
  return {a.stride / sample, (a.taps - 1) * std::abs(a.step) / sample};
}

bool IsDirect(const SlidingAxis& a) {
  const int64_t last = a.first + (a.taps - 1) * a.step;
  return a.stride == 1 && a.taps > 0 && std::min(a.first, last) >= 0 &&
         std::max(a.first, last) + a.out <= a.size;
}

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

// Tiles of even size of at most `most` pixels.
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

// Of all panels of a tile.
int64_t PanelFloats(const SlidingProduct& p, const SlidingCut& cut) {
  return (cut.channels * p.taps() + 1) * cut.most_pixels;
}
// Of sums that cannot go straight to y: of all outputs if they come in several parts.
int64_t SumFloats(const SlidingProduct& p, const SlidingCut& cut) {
  return (cut.channel_blocks > 1 ? p.outputs : cut.row_block) * cut.most_pixels;
}
int64_t WindowFloats(const SlidingCut& cut) {
  return cut.channels * cut.window_rows * cut.row_floats + 4 * TileOfProcessor().columns;
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

// 1x1 kernels whose pixels are those of x, side by side.
bool IsPlain(const SlidingProduct& p) {
  return p.taps() == 1 && IsDirect(p.h) && IsDirect(p.w) && p.h.out == 1 && p.w.out == p.w.size &&
         p.y_row == p.w.out && p.y_column == 1;
}

// Whether these are multiplied where they are.
bool InPlace(const SlidingProduct& p, int64_t group) {
  const SlidingTile tile = TileOfProcessor();
  if (!IsPlain(p)) return false;
  const int64_t lanes = tile.columns / 2, rounded = RoundUp(p.w.out, lanes);
  return p.pixels() * group >= kPieces * 4 * tile.columns && p.outputs <= kFewOutputs &&
         20 * (rounded - p.w.out) <= p.w.out;
}
SlidingCut CutInPlace(const SlidingProduct& p, int64_t group) {
  const SlidingTile tile = TileOfProcessor();
  SlidingCut cut;
  cut.in_place = cut.direct = true;
  cut.row_block = SlidingRowBlock(p);
  cut.channels = p.channels;
  cut.outputs = p.outputs;
  const int64_t wanted = std::min(p.pixels(), Ceil(p.pixels() * group, 2 * kPieces));
  cut.pixels = RoundUp(wanted, tile.columns);
  cut.pixel_tiles = Ceil(p.pixels(), cut.pixels);
  cut.most_pixels = SlidingCut::kMostInPlace * tile.columns;
  return cut;
}

// Whether windows of whole rows are multiplied where they lie: if the vectors that the rows do not
// fill cost less than a copy that fills them.
bool ByRows(const SlidingProduct& p) {
  const int64_t lanes = TileOfProcessor().columns / 2, unused = RoundUp(p.w.out, lanes) - p.w.out;
  return p.taps() > 1 && p.depth() <= 3 * kDepth && p.outputs <= kFewOutputs &&
         p.images * p.h.out >= kPieces && unused * p.outputs < 8 * p.w.out;
}
SlidingCut CutRows(const SlidingProduct& p) {
  const Span h = SpanOf(p.h), w = SpanOf(p.w);
  SlidingCut cut;
  cut.by_rows = true;
  cut.row_block = SlidingRowBlock(p);
  cut.channels = p.channels;
  cut.outputs = p.outputs;
  cut.most_pixels = TileOfProcessor().columns;  // one tile of the kernel at a time
  cut.row_floats = (p.w.out + w.reach / w.stride) * w.stride;
  const int64_t fit = kPanelFloats / (p.channels * cut.row_floats * h.stride);
  const int64_t most_rows = std::clamp<int64_t>(fit, 1, p.h.out), all = p.images * p.h.out;
  const int64_t rows = Even(all, std::min(most_rows, Ceil(all, 2 * kPieces)));
  cut.window_rows = most_rows * h.stride + 2 * (h.reach + 1);  // of two images
  cut.pixels = rows * p.w.out;
  cut.pixel_tiles = Ceil(all, rows);
  return cut;
}

// Tiles of whole rows.
void SetRows(const SlidingProduct& p, SlidingCut& cut) {
  const Span h = SpanOf(p.h), w = SpanOf(p.w);
  cut.row_floats = (p.w.out + w.reach / w.stride) * w.stride;
  const int64_t of_row = cut.outputs * p.w.out + cut.channels * cut.row_floats * h.stride;
  const int64_t fit = std::min(kPanelFloats / of_row, SlidingCut::kMostPixels / p.w.out);
  const int64_t most_rows = std::max<int64_t>(1, fit);
  const int64_t images = p.h.out == 0 ? 1 : (most_rows + p.h.out - 2) / p.h.out + 1;
  cut.window_rows = most_rows * h.stride + images * (h.reach + 1);
  cut.most_pixels = most_rows * p.w.out;
  const int64_t all = p.images * p.h.out, rows = Even(all, most_rows);
  cut.pixels = rows * p.w.out;
  cut.pixel_tiles = Ceil(all, rows);
}

}  // namespace

int64_t SlidingRowBlock(const SlidingProduct& p) { return Even(p.outputs, TileOfProcessor().rows); }

SlidingCut CutSliding(const SlidingProduct& p, int64_t group) {
  if (ByRows(p)) return CutRows(p);
  return InPlace(p, group) ? CutInPlace(p, group) : CutPanels(p, group);
}

// Whether runs along rows of windows cost less than panels: rows are not too short, and tiles of
// the kernel have two vectors. The number of images makes no difference, so that memory for many is
// enough for few.
bool WeightsByRows(const SlidingProduct& p) {
  return (p.taps() > 1 || p.w.stride > 1) && p.w.out >= kShortRow &&
         p.w.out <= SlidingCut::kMostPixels && 2 * p.outputs > TileOfProcessor().columns;
}

SlidingCut CutSlidingWeights(const SlidingProduct& p, int64_t group) {
  const SlidingTile tile = TileOfProcessor();
  SlidingCut cut;
  cut.by_rows = WeightsByRows(p);
  cut.in_place = IsPlain(p) && p.w.out >= 256;  // for runs that are long enough
  cut.channels = Even(p.channels, (cut.by_rows ? 2 : 1) * kDepth / p.taps());
  cut.channel_blocks = Ceil(p.channels, cut.channels);
  cut.outputs = RoundUp(Even(p.outputs, 256), tile.columns);
  cut.output_blocks = Ceil(p.outputs, cut.outputs);
  cut.row_block = Even(cut.channels * p.taps(), tile.rows);
  const int64_t blocks = cut.channel_blocks * cut.output_blocks * group;
  cut.most_chunks = 2 * blocks > kPieces ? 1 : Ceil(kPieces, blocks);
  if (cut.by_rows) {
    SetRows(p, cut);
  } else {
    const int64_t laid_out = (cut.in_place ? 0 : cut.channels * p.taps()) + cut.outputs;
    SetPixels(p, kPanelFloats / laid_out, cut);
    SetTiles(p, std::min(cut.most_chunks, Ceil(p.pixels(), 4 * tile.columns)), cut);
  }
  cut.chunks = std::clamp<int64_t>(cut.pixel_tiles, 1, cut.most_chunks);
  return cut;
}

SlidingTilePixels PixelsOf(const SlidingProduct& p, const SlidingCut& cut, int64_t tile) {
  if (!cut.wide) {
    const int64_t begin = tile * cut.pixels;
    return {begin, std::min(cut.pixels, p.pixels() - begin)};
  }
  const int64_t in_row = Ceil(p.w.out, cut.pixels), column = tile % in_row * cut.pixels;
  return {tile / in_row * p.w.out + column, std::min(cut.pixels, p.w.out - column)};
}

int64_t SlidingScratch(const SlidingProduct& p, int64_t group) {
  const auto floats = [&](const SlidingCut& cut) {
    return SumFloats(p, cut) + PanelFloats(p, cut) + WindowFloats(cut);
  };
  const int64_t panels = floats(CutPanels(p, group));  // fewer images may need them
  if (InPlace(p, group)) return std::max(panels, floats(CutInPlace(p, group)));
  return ByRows(p) ? std::max(panels, floats(CutRows(p))) : panels;
}

int64_t SlidingLayoutFloats(const SlidingProduct& p, const SlidingCut& cut) {
  const int64_t columns = TileOfProcessor().columns;
  if (cut.in_place) return 0;
  return RoundUp(cut.by_rows ? cut.channels * p.taps() : PanelFloats(p, cut), columns);
}

int64_t SlidingWeightsScratch(const SlidingProduct& p, const SlidingCut& cut) {
  return SlidingLayoutFloats(p, cut) +
         RoundUp(cut.outputs, TileOfProcessor().columns) * cut.most_pixels + WindowFloats(cut);
}

int64_t SlidingSumsRow(const SlidingProduct& p) {
  return RoundUp(p.outputs, TileOfProcessor().columns);
}

}  // namespace moka
