// Winograd convolution backward for the weights: dU = sum over tiles of (A dy A') x (B' x B), then
// dw = G' dU G. Pieces are blocks of channels and outputs times chunks of images; each sums its
// tiles in order, and chunks are added in order: the bits depend on the shape alone.
#include <algorithm>

#include "math/chunk_sums.h"
#include "math/winograd_cut.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/winograd_backward_weights.cpp"
#include <hwy/foreach_target.h>

#include "math/winograd_tiles-inl.h"

#ifndef MOKA_MATH_WINOGRAD_BACKWARD_WEIGHTS_ONCE
#define MOKA_MATH_WINOGRAD_BACKWARD_WEIGHTS_ONCE
namespace moka {

// Tiles [begin, end) of all, some channels and some outputs of a group.
struct WeightsPiece {
  const ConvolutionGeometry& g;
  const WinogradCut& cut;
  int64_t begin, end;
  int64_t channels, outputs;
  const float *x, *dy;  // the first channel's and output's planes in the first image
  float* dw;            // of the first output and channel
  bool adds;
  double* bias;  // of the first output, to be set to the sums of dy, or null
  float* memory;
};

}  // namespace moka
#endif

HWY_BEFORE_NAMESPACE();
namespace moka::HWY_NAMESPACE {

// From dy of a block's tiles to A dy A', where vectors hold outputs: for each point and panel of
// kTileColumns outputs, (tiles, kTileColumns).
template <int points, int step>
class GradientTiles {
 public:
  GradientTiles(const ConvolutionGeometry& g, const WinogradBlock& block)
      : g_(g), block_(block), height_(g.out_height()), width_(g.out_width()) {}

  // dy: plane of the first of `outputs` in the first image; those of a vector beyond are 0.
  // bias: dy's sums are added to it, if not null.
  HWY_INLINE void Transform(const float* dy, int64_t outputs, float* to, int64_t to_point,
                            double* bias) {
    const Floats d;
    FloatVector sums = hn::Zero(d);
    for (int64_t r = 0; r < block_.runs; ++r) {
      const WinogradRun& run = block_.run[r];
      for (int64_t i = 0; i < run.count; i += kTiles) {
        const int64_t count = run.count - i < kTiles ? run.count - i : kTiles;
        Load(dy + run.image * g_.outputs * height_ * width_, outputs, run.row * step,
             (run.column + i) * step, count * step);
        if (bias != nullptr) sums = hn::Add(sums, Sum());
        for (int64_t tile = 0; tile < count; ++tile)
          TransformTile(tile, to + (run.first + i + tile) * kTileColumns, to_point);
      }
    }
    if (bias == nullptr) return;
    HWY_ALIGN float lanes[kLanes];
    hn::Store(sums, d, lanes);
    for (int64_t o = 0; o < outputs; ++o) bias[o] += lanes[o];
  }

 private:
  static constexpr int64_t kTiles = kLanes / step;  // as many as a vector has pixels of

  // pixels_[i][j] = dy[...][row + i][column + j], a vector of outputs.
  HWY_INLINE void Load(const float* dy, int64_t outputs, int64_t row, int64_t column,
                       int64_t count) {
    const Floats d;
    const int64_t plane = height_ * width_,
                  valid = width_ - column < count ? width_ - column : count;
    for (int i = 0; i < step; ++i) {
      FloatVector v[kLanes];
#pragma GCC unroll 16
      for (int64_t o = 0; o < kLanes; ++o) v[o] = hn::Zero(d);
      if (row + i < height_) {
        const float* from = dy + (row + i) * width_ + column;
        // What the next vector of outputs needs.
#pragma GCC unroll 16
        for (int64_t o = 0; o < kLanes; ++o) __builtin_prefetch(from + (kLanes + o) * plane);
        if (outputs == kLanes && valid == kLanes) {
#pragma GCC unroll 16
          for (int64_t o = 0; o < kLanes; ++o) v[o] = hn::LoadU(d, from + o * plane);
        } else {
#pragma GCC unroll 16
          for (int64_t o = 0; o < kLanes; ++o) {
            if (o < outputs) v[o] = LoadFirst(from + o * plane, valid);
          }
        }
        Turn(v);
      }
#pragma GCC unroll 16
      for (int64_t j = 0; j < kLanes; ++j) hn::Store(v[j], d, pixels_[i][j]);
    }
  }

  HWY_INLINE FloatVector Sum() const {
    const Floats d;
    FloatVector sums[step];
#pragma GCC unroll 4
    for (int i = 0; i < step; ++i) {
      sums[i] = hn::Load(d, pixels_[i][0]);
#pragma GCC unroll 16
      for (int64_t j = 1; j < kLanes; ++j) sums[i] = hn::Add(sums[i], hn::Load(d, pixels_[i][j]));
    }
    for (int i = 1; i < step; ++i) sums[0] = hn::Add(sums[0], sums[i]);
    return sums[0];
  }

  HWY_INLINE void TransformTile(int64_t tile, float* to, int64_t to_point) {
    const Floats d;
    FloatVector half[points][step];
#pragma GCC unroll 4
    for (int j = 0; j < step; ++j) {
      FloatVector in[step], out[points];
#pragma GCC unroll 4
      for (int i = 0; i < step; ++i) in[i] = hn::Load(d, pixels_[i][tile * step + j]);
      TransformGradient(in, out);
#pragma GCC unroll 6
      for (int i = 0; i < points; ++i) half[i][j] = out[i];
    }
#pragma GCC unroll 6
    for (int i = 0; i < points; ++i) {
      FloatVector out[points];
      TransformGradient(half[i], out);
#pragma GCC unroll 6
      for (int j = 0; j < points; ++j) hn::StoreU(out[j], d, to + (i * points + j) * to_point);
    }
  }

  const ConvolutionGeometry& g_;
  const WinogradBlock& block_;
  const int64_t height_, width_;
  HWY_ALIGN float pixels_[step][kLanes][kLanes];
};

// dw [+]= G' u G for a vector of outputs and one channel; output_step in dw.
template <int points, int taps>
HWY_INLINE void StoreWeights(const float* u, int64_t u_point, int64_t outputs, float* dw,
                             int64_t output_step, bool adds) {
  const Floats d;
  constexpr int kAll = taps * taps;
  FloatVector half[taps][points];
  for (int j = 0; j < points; ++j) {
    FloatVector in[points], out[taps];
    for (int i = 0; i < points; ++i) in[i] = hn::LoadU(d, u + (i * points + j) * u_point);
    TransformSums(in, out);
    for (int i = 0; i < taps; ++i) half[i][j] = out[i];
  }
  FloatVector tap[(kAll + kLanes - 1) / kLanes * kLanes];
  for (int64_t i = kAll; i < RoundToLanes(kAll); ++i) tap[i] = hn::Zero(d);
  for (int i = 0; i < taps; ++i) {
    FloatVector out[taps];
    TransformSums(half[i], out);
    for (int j = 0; j < taps; ++j) tap[i * taps + j] = out[j];
  }
  for (int64_t t = 0; t < kAll; t += kLanes) {
    const int64_t count = kAll - t < kLanes ? kAll - t : kLanes;
    FloatVector part[kLanes];
    for (int64_t i = 0; i < kLanes; ++i) part[i] = tap[t + i];
    Turn(part);
    for (int64_t i = 0; i < outputs; ++i) {
      float* to = dw + i * output_step + t;
      StoreFirst(adds ? hn::Add(LoadFirst(to, count), part[i]) : part[i], count, to);
    }
  }
}

template <int points, int step>
void RunWeights(const WeightsPiece& p) {
  constexpr int kPoints = points * points, kTaps = points - step + 1;
  const ConvolutionGeometry& g = p.g;
  const int64_t columns = (p.outputs + kTileColumns - 1) / kTileColumns * kTileColumns;
  float* memory = p.memory;
  const int64_t sums_point = OddLines(p.channels * columns);
  float* const sums = memory;
  memory += kPoints * sums_point;
  const int64_t panels = (p.cut.block + kTileColumns - 1) / kTileColumns;
  const Panels v{memory, OddLines(panels * p.channels * kTileColumns), p.channels * kTileColumns};
  memory += kPoints * v.point;
  const int64_t m_point = OddLines(columns * p.cut.block);
  float* const m = memory;
  memory += kPoints * m_point;

  for (int64_t o = 0; p.bias != nullptr && o < p.outputs; ++o) p.bias[o] = 0;
  for (int64_t begin = p.begin; begin < p.end; begin += p.cut.block) {
    const int64_t count = p.end - begin < p.cut.block ? p.end - begin : p.cut.block;
    const WinogradBlock block(p.cut, begin, count, InputTiles<points, step>::kExtra);
    InputTiles<points, step> input(g, block, memory);
    for (int64_t c = 0; c < p.channels; ++c) input.Transform(p.x + c * g.height * g.width, v, c);
    GradientTiles<points, step> gradient(g, block);
    for (int64_t o = 0; o < p.outputs; o += kLanes) {
      gradient.Transform(p.dy + o * g.out_height() * g.out_width(),
                         p.outputs - o < kLanes ? p.outputs - o : kLanes,
                         m + o / kTileColumns * kTileColumns * p.cut.block + o % kTileColumns,
                         m_point, p.bias == nullptr ? nullptr : p.bias + o);
    }
    const RowTiles rows(p.channels);
    TileProduct t;
    t.depth = count;
    t.a_next = v.panel;
    t.c_step = columns;
    t.adds = begin != p.begin;
    for (int z = 0; z < kPoints; ++z) {
      for (int64_t o = 0; o < p.outputs; o += kTileColumns) {
        t.b = m + z * m_point + o * p.cut.block;
        for (int64_t i = 0; i < rows.count; ++i) {
          t.a = v.at(z, rows.begin(i), 0);
          t.c = sums + z * sums_point + rows.begin(i) * columns + o;
          TileOf<Broadcast::kPanel>(rows.rows(i), p.outputs - o)(t);
        }
      }
    }
  }
  const int64_t output_step = g.channels / g.group * kTaps * kTaps;
  for (int64_t o = 0; o < p.outputs; o += kLanes) {
    for (int64_t c = 0; c < p.channels; ++c) {
      StoreWeights<points, kTaps>(sums + c * columns + o, sums_point,
                                  p.outputs - o < kLanes ? p.outputs - o : kLanes,
                                  p.dw + o * output_step + c * kTaps * kTaps, output_step, p.adds);
    }
  }
}

void WeightsOf(const WeightsPiece& p, WinogradTile tile) {
  if (tile == WinogradTile::kF4x3) RunWeights<6, 4>(p);
  if (tile == WinogradTile::kF2x5) RunWeights<6, 2>(p);
  if (tile == WinogradTile::kF2x3) RunWeights<4, 2>(p);
}

}  // namespace moka::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moka {

HWY_EXPORT(WeightsOf);

namespace {

int64_t WeightCount(const ConvolutionGeometry& g) {
  return g.outputs * (g.channels / g.group) * g.kernel_h * g.kernel_w;
}

}  // namespace

int64_t WinogradSharedScratch(const ConvolutionGeometry& g, WinogradTile tile) {
  const int64_t chunks = CutWinogradWeights(g, tile).chunks, bias = chunks * 2 * g.outputs;
  return bias + (chunks == 1 ? 0 : chunks * WeightCount(g));
}

void WinogradBackwardWeights(Context& context, const ConvolutionGeometry& g, WinogradTile tile,
                             const float* x, const float* dy, float* dw, bool add_dw, float* db,
                             bool add_db, WorkerScratch scratch, std::span<float> shared) {
  const WinogradWeightsCut cut = CutWinogradWeights(g, tile);
  const int64_t channels = g.channels / g.group, outputs = g.outputs / g.group,
                taps = g.kernel_h * g.kernel_w, image_tiles = cut.tiles.rows * cut.tiles.columns;
  double* const bias = reinterpret_cast<double*>(shared.data());
  float* const sums = shared.data() + cut.chunks * 2 * g.outputs;
  const int64_t pieces = g.group * cut.output_blocks * cut.channel_blocks * cut.chunks;
  context.ParallelFor(pieces, 1, [&](int64_t begin, int64_t end, int worker) {
    for (int64_t piece = begin; piece < end; ++piece) {
      int64_t rest = piece;
      const int64_t channel = rest % cut.channel_blocks * cut.channels;
      rest /= cut.channel_blocks;
      const int64_t output = rest % cut.output_blocks * cut.outputs;
      rest /= cut.output_blocks;
      const int64_t group = rest % g.group, chunk = rest / g.group;
      float* to = cut.chunks == 1 ? dw : sums + chunk * WeightCount(g);
      const int64_t first_output = group * outputs + output,
                    first_channel = group * channels + channel;
      HWY_DYNAMIC_DISPATCH(WeightsOf)
      ({g, cut.tiles, cut.first_image(g.batch, chunk) * image_tiles,
        cut.first_image(g.batch, chunk + 1) * image_tiles,
        std::min(cut.channels, channels - channel), std::min(cut.outputs, outputs - output),
        x + first_channel * g.height * g.width, dy + first_output * g.out_height() * g.out_width(),
        to + (first_output * channels + channel) * taps, cut.chunks == 1 && add_dw,
        db == nullptr || channel > 0 ? nullptr : bias + chunk * g.outputs + first_output,
        AlignToLine(scratch(worker).data())},
       tile);
    }
  });
  if (db != nullptr) AddBiasChunks(bias, cut.chunks, g.outputs, add_db, db);
  const int64_t count = WeightCount(g);
  if (cut.chunks > 1) AddChunks(context, sums, cut.chunks, count, count, add_dw, dw);
}

}  // namespace moka
#endif
