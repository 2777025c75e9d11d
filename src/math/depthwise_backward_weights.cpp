// dw[o][i][j] = sum over images and (r, q) of dy[o][r][q] * x at tap (i, j); db[o] = sum of dy[o].
//
// A piece is a block of channels and a chunk of slices (the tiles of rows of all images). Sums run
// in float, over 16 lanes and at most some hundred numbers each; beyond that in double, in order.
#include <algorithm>
#include <optional>

#include "math/depthwise.h"
#include "math/depthwise_strips.h"
#include "math/depthwise_tile.h"

namespace moka {
namespace {

constexpr int64_t kPieces = 24;          // wanted: enough to keep a few threads evenly busy
constexpr int64_t kMostInOneLane = 128;  // numbers that are summed in float
constexpr int64_t kBlockFloats = 8192;   // of neighbouring planes: memory is read in long runs

int64_t CeilOfQuotient(int64_t n, int64_t step) { return (n + step - 1) / step; }

struct WeightsPlan {
  WeightsPlan(const ConvolutionGeometry& geometry, const DepthwiseKernels& k)
      : g(geometry), kernels(k), h(HeightOf(g)), w(WidthOf(g)), layout(InputTile(g)) {
    multiplier = g.outputs / g.group;
    strips = FitsStrips(g, StripUse::kSums, k);
    cut = strips ? CutStrips() : CutForward(g, layout);
    span = (cut.rows - 1) * h.stride + h.dilation * (h.kernel - 1) + 1;
    taps = h.kernel * w.kernel;
    sums = Product(multiplier, taps + 1);
    // `lanes` floats cannot be read from each element of dy: it is copied.
    narrow = w.out < k.lanes;
    // Even chunks; most_chunks holds for smaller batches too, of which even chunks may be more.
    const int64_t plane = std::max<int64_t>(1, g.height * g.width);
    block = std::clamp<int64_t>(kBlockFloats / plane, 1, CeilOfQuotient(g.group, kPieces));
    blocks = CeilOfQuotient(g.group, block);
    const int64_t wanted = CeilOfQuotient(kPieces, blocks);
    slices = g.batch * cut.tiles;
    most_chunks = std::clamp<int64_t>(slices, 1, wanted);
    chunk = std::max<int64_t>(1, CeilOfQuotient(slices, most_chunks));
    chunks = std::max<int64_t>(1, CeilOfQuotient(slices, chunk));
  }

  // Rows that are summed before the lanes are moved: as many as a lane takes.
  DepthwiseCut CutStrips() const {
    const int64_t strips_of_row = CeilOfQuotient(w.out, kernels.lanes);
    int64_t rows = std::max<int64_t>(1, kMostInOneLane / strips_of_row);
    if (rows > 4) rows -= rows % 4;
    rows = std::clamp<int64_t>(h.out, 1, rows);
    return {rows, CeilOfQuotient(h.out, rows)};
  }
  // Copies of planes that cannot be read in place.
  int64_t CopyOfX() const { return w.size < 16 || w.out < 16 ? h.size * w.size + 16 : 0; }
  int64_t CopyOfDy() const {
    return w.size < 16 || w.out < 16 ? Product(multiplier, h.out * w.out) + 16 : 0;
  }
  int64_t strips_scratch() const {
    return strips ? StripTables::Floats(g, kernels) + WholeLines(CopyOfX()) + WholeLines(CopyOfDy())
                  : 0;
  }
  int64_t Scratch() const {
    return Carver::kAlignment + (strips ? 0 : WholeLines(layout.Floats(span))) + strips_scratch() +
           (narrow && !strips ? 16 * cut.rows : 0) + WholeLines(2 * taps) +
           Product(48 * block, sums);
  }
  int64_t SharedScratch() const { return Product(most_chunks, Product(2 * g.group, sums)); }

  const ConvolutionGeometry& g;
  const DepthwiseKernels& kernels;
  const DepthwiseAxis h, w;
  const TileLayout layout;
  DepthwiseCut cut;
  int64_t multiplier, span, taps, sums;  // of a channel
  bool strips, narrow;
  int64_t block, blocks;  // channels
  int64_t slices, most_chunks, chunk, chunks;
};

class WeightsWorker {
 public:
  WeightsWorker(const WeightsPlan& plan, std::span<float> scratch)
      : p_(plan), lanes_(p_.kernels.lanes), carver_(scratch) {
    floats_ = carver_.Take(16 * p_.block * p_.sums);
    doubles_ = reinterpret_cast<double*>(carver_.Take(32 * p_.block * p_.sums));
    std::fill_n(floats_, lanes_ * p_.block * p_.sums, 0.0f);
    if (p_.strips) {
      tables_.emplace(p_.g, StripUse::kSums, p_.kernels, carver_);
      tile_ = carver_.Take(p_.CopyOfX());
      dy_ = carver_.Take(p_.CopyOfDy());
      return;
    }
    offsets_ = reinterpret_cast<int64_t*>(carver_.Take(2 * p_.taps));
    FillInputOffsets(p_.g, p_.layout, offsets_);
    tile_ = carver_.Take(p_.layout.Floats(p_.span));
    std::fill_n(tile_, p_.layout.Floats(p_.span), 0.0f);
    if (!p_.narrow) return;
    dy_ = carver_.Take(16 * p_.cut.rows);
    std::fill_n(dy_, 16 * p_.cut.rows, 0.0f);
  }

  // Output rows [row, row + rows) of planes [first, first + channels) of all.
  void Add(int64_t channels, const float* x, const float* dy, int64_t first, int64_t row,
           int64_t rows) {
    const int64_t in_plane = p_.h.size * p_.w.size, out_plane = p_.h.out * p_.w.out;
    dy += first * p_.multiplier * out_plane;
    if (p_.strips) {
      AddPlanes(channels, x, dy, first, row, rows);
      return;
    }
    const int64_t filled = filled_;
    const bool moved = moved_;
    for (int64_t c = 0; c < channels; ++c) {
      filled_ = filled, moved_ = moved;  // the lanes of each channel fill alike
      FillTile(p_.kernels, p_.layout, x + (first + c) * in_plane, row * p_.h.stride - p_.h.pad,
               p_.span - (p_.cut.rows - rows) * p_.h.stride, tile_);
      AddTile(c, dy + c * p_.multiplier * out_plane + row * p_.w.out, rows);
    }
  }

  // sums: one for each tap and the bias, for each output.
  void Finish(int64_t channels, double* sums) {
    Move(0, channels);
    p_.kernels.add_lanes(channels * p_.sums, doubles_, sums);
  }

 private:
  // dy: of plane `first`.
  void AddPlanes(int64_t channels, const float* x, const float* dy, int64_t first, int64_t row,
                 int64_t rows) {
    const int64_t planes = p_.g.batch * p_.g.group, in_plane = p_.h.size * p_.w.size,
                  dy_planes = p_.multiplier * p_.h.out * p_.w.out;
    MakeRoom(0, channels, rows * tables_->strips().strip_count);
    for (int64_t c = 0, last; c < channels; c = last) {
      last = std::min(ReadableInPlace(p_.w.size, in_plane, first + c, first + channels, planes),
                      ReadableInPlace(p_.w.out, dy_planes, first + c, first + channels, planes)) -
             first;
      const float *x_plane = x + (first + c) * in_plane, *dy_plane = dy + c * dy_planes;
      if (last == c) {
        std::copy_n(x_plane, in_plane, tile_);
        std::copy_n(dy_plane, dy_planes, dy_);
        x_plane = tile_, dy_plane = dy_, last = c + 1;
      }
      p_.kernels.strip_sums(tables_->strips(), {.planes = last - c,
                                                .outputs = p_.multiplier,
                                                .begin = row,
                                                .end = row + rows,
                                                .x = x_plane,
                                                .dy = dy_plane,
                                                .sums = Lanes(c, 0)});
    }
  }

  void AddTile(int64_t channel, const float* dy, int64_t rows) {
    const int64_t width = p_.w.out;
    for (int64_t q = 0; q < width; q += lanes_) {
      MakeRoom(channel, 1, rows);
      // The last strip of a wide row overlaps the one before, by lanes that do not count.
      const int64_t at = p_.narrow ? 0 : std::min(q, width - lanes_);
      DepthwiseStrip strip{.x = tile_ + at,
                           .x_step = p_.h.stride * p_.layout.row_step(),
                           .dy = nullptr,
                           .dy_step = p_.narrow ? 16 : width,
                           .rows = rows,
                           .first = static_cast<int>(q - at),
                           .last = static_cast<int>(std::min(lanes_, width - at))};
      for (int64_t u = 0; u < p_.multiplier; ++u) {
        strip.dy = dy + u * p_.h.out * width + at;
        if (p_.narrow) {
          p_.kernels.gather(strip.dy, width, dy_, 16, rows, width, 1);
          strip.dy = dy_;
        }
        p_.kernels.sums(strip, {p_.taps, nullptr, offsets_}, Lanes(channel, u));
      }
    }
  }

  float* Lanes(int64_t channel, int64_t output) {
    return floats_ + lanes_ * (channel * p_.sums + output * (p_.taps + 1));
  }
  // Before `count` more numbers are added to each lane.
  void MakeRoom(int64_t first, int64_t channels, int64_t count) {
    if (filled_ + count > kMostInOneLane && filled_ > 0) {
      Move(first, channels);
      filled_ = 0, moved_ = true;
    }
    filled_ += count;
  }
  void Move(int64_t first, int64_t channels) {
    p_.kernels.move(lanes_ * channels * p_.sums, !moved_, Lanes(first, 0),
                    doubles_ + lanes_ * first * p_.sums);
  }

  const WeightsPlan& p_;
  const int64_t lanes_;
  Carver carver_;
  std::optional<StripTables> tables_;
  float *tile_, *dy_ = nullptr, *floats_;  // with strips, tile_ and dy_ are copies of planes
  int64_t* offsets_ = nullptr;
  double* doubles_;
  int64_t filled_ = 0;  // numbers in each lane
  bool moved_ = false;  // once at least
};

}  // namespace

int64_t DepthwiseScratch(const ConvolutionGeometry& g, const DepthwiseKernels& kernels) {
  return std::max({DepthwiseForwardScratch(g, kernels), DepthwiseDataScratch(g, kernels),
                   WeightsPlan(g, kernels).Scratch()});
}
int64_t DepthwiseSharedScratch(const ConvolutionGeometry& g, const DepthwiseKernels& kernels) {
  return WeightsPlan(g, kernels).SharedScratch();
}

void DepthwiseBackwardWeights(Context& context, const ConvolutionGeometry& g, const float* x,
                              const float* dy, float* dw, bool add_dw, float* db, bool add_db,
                              WorkerScratch scratch, std::span<float> shared,
                              const DepthwiseKernels& kernels) {
  const WeightsPlan plan(g, kernels);
  const int64_t tiles = plan.cut.tiles;
  double* sums = reinterpret_cast<double*>(shared.data());
  context.ParallelFor(plan.chunks * plan.blocks, 1, [&](int64_t begin, int64_t end, int worker) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t channel = piece % plan.blocks * plan.block, chunk = piece / plan.blocks;
      const int64_t channels = std::min(plan.block, g.group - channel);
      WeightsWorker weights(plan, scratch(worker));
      const int64_t last = std::min(plan.slices, (chunk + 1) * plan.chunk);
      for (int64_t slice = chunk * plan.chunk; slice < last; ++slice) {
        const int64_t row = slice % tiles * plan.cut.rows,
                      plane = slice / tiles * g.group + channel;
        weights.Add(channels, x, dy, plane, row, std::min(plan.cut.rows, g.out_height() - row));
      }
      weights.Finish(channels, sums + (chunk * g.group + channel) * plan.sums);
    }
  });

  // (chunks, outputs, taps + 1), added over the chunks in order.
  const int64_t outputs = g.outputs, taps = plan.taps;
  context.ParallelFor(outputs, std::max<int64_t>(1, 4096 / taps), [&](int64_t begin, int64_t end) {
    for (int64_t output = begin; output < end; ++output) {
      for (int64_t t = 0; t <= taps; ++t) {
        double sum = 0;
        for (int64_t chunk = 0; chunk < plan.chunks; ++chunk)
          sum += sums[(chunk * outputs + output) * (taps + 1) + t];
        float* to = t == taps ? db + output : dw + output * taps + t;
        if ((t == taps ? db : dw) == nullptr) continue;
        *to = static_cast<float>((t == taps ? add_db : add_dw) ? *to + sum : sum);
      }
    }
  });
}

}  // namespace moka
