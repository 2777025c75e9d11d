// Winograd convolution forward, and backward for the data, which is the same with the weights
// turned around. For each block of tiles: x to its transform, a product for each point, the sums to
// y; all while the block is in a cache.
#include <algorithm>

#include "math/winograd_cut.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/winograd_forward.cpp"
#include <hwy/foreach_target.h>

#include "math/winograd_tiles-inl.h"

#ifndef MOKA_MATH_WINOGRAD_FORWARD_ONCE
#define MOKA_MATH_WINOGRAD_FORWARD_ONCE
namespace moka {

// Weights of one group: element (output, channel, tap) at w[output * output_step + channel *
// channel_step + tap], the taps in reverse if turned.
struct FilterView {
  const float* w;
  int64_t output_step, channel_step;
  bool turned;
};

// A block of tiles and a part of the outputs, of one group.
struct ForwardPiece {
  const ConvolutionGeometry& g;
  const WinogradCut& cut;
  int64_t block, part;
  const float* x;       // the first of the group's planes
  const float* packed;  // of the group
  const TileEnd* end;   // of the group
  float* y;             // the first of the group's planes
  int64_t y_image;      // floats from one image to the next
  float* memory;
};

}  // namespace moka
#endif

HWY_BEFORE_NAMESPACE();
namespace moka::HWY_NAMESPACE {

// packed: for each point, for each of RowTiles, (channels, rows) of U = G w G'.
template <int points, int step, bool turned>
void PackRows(const FilterView& view, int64_t outputs, int64_t channels, int64_t tile,
              float* packed) {
  constexpr int taps = points - step + 1, kAll = taps * taps;
  const RowTiles tiles(outputs);
  const int64_t rows = tiles.rows(tile), begin = tiles.begin(tile),
                point = PackedPoint(outputs, channels);
  for (int64_t row = 0; row < rows; row += kLanes) {
    const int64_t count = rows - row < kLanes ? rows - row : kLanes;
    for (int64_t c = 0; c < channels; ++c) {
      const float* w = view.w + (begin + row) * view.output_step + c * view.channel_step;
      float* to = packed + begin * channels + c * rows + row;
      FloatVector tap[RoundToLanes(kAll)];
#pragma GCC unroll 8
      for (int64_t t = 0; t < kAll; t += kLanes) {
        FloatVector part[kLanes];
#pragma GCC unroll 16
        for (int64_t i = 0; i < kLanes; ++i) {
          const float* from = w + (i < count ? i : 0) * view.output_step + t;
          __builtin_prefetch(from + 4 * view.channel_step);
          part[i] = LoadFirst(from, kAll - t < kLanes ? kAll - t : kLanes);
        }
        Turn(part);
#pragma GCC unroll 16
        for (int64_t i = 0; i < kLanes; ++i) tap[t + i] = part[i];
      }
      FloatVector half[points][taps];
#pragma GCC unroll 5
      for (int j = 0; j < taps; ++j) {
        FloatVector in[taps], out[points];
#pragma GCC unroll 5
        for (int i = 0; i < taps; ++i)
          in[i] = tap[turned ? kAll - 1 - (i * taps + j) : i * taps + j];
        TransformFilter(in, out);
#pragma GCC unroll 6
        for (int i = 0; i < points; ++i) half[i][j] = out[i];
      }
#pragma GCC unroll 6
      for (int i = 0; i < points; ++i) {
        FloatVector out[points];
        TransformFilter(half[i], out);
#pragma GCC unroll 6
        for (int j = 0; j < points; ++j) {
          StoreFirst(out[j], count, to + (i * points + j) * point);
          __builtin_prefetch(to + (i * points + j) * point + 4 * rows, 1);  // for channels to come
        }
      }
    }
  }
}

template <int points, int step>
void RunForward(const ForwardPiece& p) {
  constexpr int kPoints = points * points;
  const ConvolutionGeometry& g = p.g;
  const int64_t channels = g.channels / g.group, outputs = g.outputs / g.group;
  const int64_t begin = p.block * p.cut.block,
                count = p.cut.tiles - begin < p.cut.block ? p.cut.tiles - begin : p.cut.block;
  const WinogradBlock block(p.cut, begin, count, InputTiles<points, step>::kExtra);
  const int64_t panels = (count + kTileColumns - 1) / kTileColumns;
  const RowTiles tiles(outputs);
  const int64_t first_tile = tiles.count * p.part / p.cut.parts,
                last_tile = tiles.count * (p.part + 1) / p.cut.parts;

  float* memory = p.memory;
  const Panels v{memory, OddLines(panels * channels * kTileColumns), channels * kTileColumns};
  memory += kPoints * v.point;
  constexpr int64_t kMostRows = kWinogradOutputs / kTileRows * kTileRows;
  const Panels m{memory, OddLines(panels * kMostRows * kTileColumns), kMostRows * kTileColumns};
  memory += kPoints * m.point;

  const int64_t plane = g.height * g.width, out_plane = g.out_height() * g.out_width();
  {
    InputTiles<points, step> input(g, block, memory);
    for (int64_t c = 0; c < channels; ++c) input.Transform(p.x + c * plane, v, c);
  }
  OutputTiles<points, step> output(g, block, memory);
  TileProduct t;
  t.depth = channels;
  t.c_step = kTileColumns;
  for (int64_t begin_tile = first_tile; begin_tile < last_tile;
       begin_tile += kMostRows / kTileRows) {
    const int64_t end_tile = begin_tile + kMostRows / kTileRows < last_tile
                                 ? begin_tile + kMostRows / kTileRows
                                 : last_tile;
    const int64_t first = tiles.begin(begin_tile), last = tiles.begin(end_tile);
    for (int z = 0; z < kPoints; ++z) {
      for (int64_t i = begin_tile; i < end_tile; ++i) {
        t.a = p.packed + z * PackedPoint(outputs, channels) + tiles.begin(i) * channels;
        // The weights come from far, each but once for a block: the next ones meanwhile.
        t.fetch = t.a + tiles.rows(i) * channels;
        t.fetch_step = (tiles.rows(i) + panels - 1) / panels;
        for (int64_t tile = 0; tile < count;
             tile += kTileColumns, t.fetch += channels * t.fetch_step) {
          t.b = v.at(z, 0, tile);
          t.c = m.at(z, tiles.begin(i) - first, tile);
          TileOf<Broadcast::kPacked>(tiles.rows(i), count - tile)(t);
        }
      }
    }
    for (int64_t o = first; o < last; ++o) {
      output.Transform(m, o - first);
      const float* add =
          p.end != nullptr && p.end->add != nullptr ? p.end->add + o * out_plane : nullptr;
      output.Write(p.y + o * out_plane, p.y_image, add, g.outputs * out_plane, p.end, o);
    }
  }
}

void ForwardOf(const ForwardPiece& p, WinogradTile tile) {
  if (tile == WinogradTile::kF4x3) RunForward<6, 4>(p);
  if (tile == WinogradTile::kF2x5) RunForward<6, 2>(p);
  if (tile == WinogradTile::kF2x3) RunForward<4, 2>(p);
}

template <int points, int step>
void PackRows(const FilterView& view, int64_t outputs, int64_t channels, int64_t i, float* packed) {
  if (view.turned) {
    PackRows<points, step, true>(view, outputs, channels, i, packed);
  } else {
    PackRows<points, step, false>(view, outputs, channels, i, packed);
  }
}

void PackOf(const FilterView& view, int64_t outputs, int64_t channels, int64_t i, WinogradTile tile,
            float* packed) {
  if (tile == WinogradTile::kF4x3) PackRows<6, 4>(view, outputs, channels, i, packed);
  if (tile == WinogradTile::kF2x5) PackRows<6, 2>(view, outputs, channels, i, packed);
  if (tile == WinogradTile::kF2x3) PackRows<4, 2>(view, outputs, channels, i, packed);
}

int64_t RowTileCount(int64_t rows) { return RowTiles(rows).count; }

}  // namespace moka::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moka {

HWY_EXPORT(RowTileCount);
HWY_EXPORT(ForwardOf);
HWY_EXPORT(PackOf);

int64_t WinogradFilterFloats(const ConvolutionGeometry& g, WinogradTile tile) {
  const int64_t points = KindOf(tile).points;
  return points * points * g.group * PackedPoint(g.outputs / g.group, g.channels / g.group);
}

void WinogradPackFilter(Context& context, const ConvolutionGeometry& g, ConvolutionPass pass,
                        WinogradTile tile, const float* w, float* packed) {
  const bool turned = pass == ConvolutionPass::kBackwardData;
  const int64_t taps = g.kernel_h * g.kernel_w, channels = g.channels / g.group,
                outputs = g.outputs / g.group, points = KindOf(tile).points;
  const int64_t rows = turned ? channels : outputs, depth = turned ? outputs : channels;
  const int64_t tiles = HWY_DYNAMIC_DISPATCH(RowTileCount)(rows);
  context.ParallelFor(g.group * tiles, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t group = i / tiles;
      const FilterView view{w + group * outputs * channels * taps, turned ? taps : channels * taps,
                            turned ? channels * taps : taps, turned};
      HWY_DYNAMIC_DISPATCH(PackOf)
      (view, rows, depth, i % tiles, tile,
       packed + group * points * points * PackedPoint(rows, depth));
    }
  });
}

void WinogradForward(Context& context, const ConvolutionGeometry& g, WinogradTile tile,
                     const float* x, const float* packed, const TileEnd* end, float* y,
                     WorkerScratch scratch, int64_t y_image) {
  const WinogradCut cut = CutWinograd(g, tile);
  const int64_t channels = g.channels / g.group, outputs = g.outputs / g.group,
                plane = g.height * g.width, out_plane = g.out_height() * g.out_width(),
                points = KindOf(tile).points;
  context.ParallelFor(
      g.group * cut.blocks * cut.parts, 1, [&](int64_t begin, int64_t stop, int worker) {
        for (int64_t piece = begin; piece < stop; ++piece) {
          const int64_t part = piece % cut.parts, block = piece / cut.parts % cut.blocks,
                        group = piece / cut.parts / cut.blocks, first = group * outputs;
          TileEnd own;
          if (end != nullptr) {
            own = *end;
            if (end->scale != nullptr) own.scale += first;
            if (end->shift != nullptr) own.shift += first;
            if (end->add != nullptr) own.add += first * out_plane;
          }
          HWY_DYNAMIC_DISPATCH(ForwardOf)
          ({g, cut, block, part, x + group * channels * plane,
            packed + group * points * points * PackedPoint(outputs, channels),
            end != nullptr ? &own : nullptr, y + first * out_plane,
            y_image == 0 ? g.outputs * out_plane : y_image, AlignToLine(scratch(worker).data())},
           tile);
        }
      });
}

void WinogradBackwardData(Context& context, const ConvolutionGeometry& g, WinogradTile tile,
                          const float* packed, const float* dy, float* dx, WorkerScratch scratch) {
  WinogradForward(context, TurnedAround(g), tile, dy, packed, nullptr, dx, scratch);
}

}  // namespace moka
#endif
