// How sliding products are cut: by their shape and the processor's vectors.
#include "math/sliding_cut.h"

namespace moka {
namespace {

constexpr int64_t kFewOutputs = 128;  // for which copies of pixels would not pay
constexpr int64_t kShortRow = 6;      // so long at least must runs of windows be

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

// Whether runs along rows of windows cost less than panels: rows are not too short, and tiles of
// the kernel have two vectors. The number of images makes no difference, so that memory for many is
// enough for few.
bool WeightsByRows(const SlidingProduct& p) {
  return (p.taps() > 1 || p.w.stride > 1) && p.w.out >= kShortRow &&
         p.w.out <= SlidingCut::kMostPixels && 2 * p.outputs > TileOfProcessor().columns;
}

}  // namespace

int64_t SlidingRowBlock(const SlidingProduct& p) { return Even(p.outputs, TileOfProcessor().rows); }

SlidingCut CutSliding(const SlidingProduct& p, int64_t group) {
  if (ByRows(p)) return CutRows(p);
  return InPlace(p, group) ? CutInPlace(p, group) : CutPanels(p, group);
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
