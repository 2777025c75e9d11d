// dw[o][i][j] = sum over images and (r, q) of dy[o][r][q] * x at tap (i, j); db[o] = sum of dy[o].
//
// A piece is a block of channels and a chunk of slices (the tiles of rows of all images). Sums run
// in float, over 16 lanes and some 64 numbers each; beyond that in double, in order.
#include <algorithm>

#include "math/depthwise.h"
#include "math/depthwise_rows.h"
#include "math/depthwise_tile.h"

namespace moka {

void FillInputOffsets(const ConvolutionGeometry& g, const TileLayout& layout, int64_t* offsets);
int64_t ForwardScratch(const ConvolutionGeometry& g);
int64_t BackwardDataScratch(const ConvolutionGeometry& g);

namespace {

constexpr int64_t kPieces = 24;         // wanted: enough to keep a few threads evenly busy
constexpr int64_t kMostInOneLane = 64;  // numbers that are summed in float
constexpr int64_t kBlockFloats = 8192;  // of neighbouring planes: memory is read in long runs

int64_t CeilOfQuotient(int64_t n, int64_t step) { return (n + step - 1) / step; }

struct WeightsPlan {
  explicit WeightsPlan(const ConvolutionGeometry& geometry)
      : g(geometry), h(HeightOf(g)), w(WidthOf(g)), layout(InputTile(g)) {
    multiplier = g.outputs / g.group;
    cut = CutForward(g, layout);
    span = (cut.rows - 1) * h.stride + h.dilation * (h.kernel - 1) + 1;
    taps = h.kernel * w.kernel;
    narrow = w.out < 16;
    if (h.stride == 1 && w.stride == 1 && h.dilation == 1 && w.dilation == 1)
      dense = DenseSumKernelFor(h.kernel, w.kernel);
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

  int64_t sums() const { return Product(multiplier, taps + 1); }  // of a channel
  int64_t Scratch() const {
    return Carver::kAlignment + WholeLines(layout.Floats(span)) +
           (narrow ? WholeLines(16 * cut.rows) : 0) + WholeLines(2 * taps) +
           Product(48 * block, sums());
  }
  int64_t SharedScratch() const { return Product(most_chunks, Product(2 * g.group, sums())); }

  const ConvolutionGeometry& g;
  const DepthwiseAxis h, w;
  const TileLayout layout;
  DepthwiseCut cut;
  int64_t multiplier, span, taps;
  bool narrow;  // rows of dy are copied: 16 floats could not be read from each
  DepthwiseSumKernel dense = nullptr;
  int64_t block, blocks;  // channels
  int64_t slices, most_chunks, chunk, chunks;
};

class WeightsWorker {
 public:
  WeightsWorker(const WeightsPlan& plan, std::span<float> scratch) : p_(plan) {
    Carver carver(scratch);
    const int64_t floats = p_.layout.Floats(p_.span);
    tile_ = carver.Take(floats);
    if (p_.narrow) dy_ = carver.Take(16 * p_.cut.rows);
    offsets_ = reinterpret_cast<int64_t*>(carver.Take(2 * p_.taps));
    lanes_ = carver.Take(16 * p_.block * p_.sums());
    sums_ = reinterpret_cast<double*>(carver.Take(32 * p_.block * p_.sums()));
    std::fill_n(tile_, floats, 0.0f);
    if (p_.narrow) std::fill_n(dy_, 16 * p_.cut.rows, 0.0f);
    FillInputOffsets(p_.g, p_.layout, offsets_);
    std::fill_n(lanes_, 16 * p_.block * p_.sums(), 0.0f);
    std::fill_n(sums_, 16 * p_.block * p_.sums(), 0.0);
  }

  // Output rows [row, row + rows) of these channels, of which x and dy hold the first.
  void Add(int64_t channels, const float* x, const float* dy, int64_t row, int64_t rows) {
    const int64_t filled = filled_;
    for (int64_t c = 0; c < channels; ++c) {
      filled_ = filled;
      FillTile(p_.layout, x + c * p_.h.size * p_.w.size, row * p_.h.stride - p_.h.pad,
               p_.span - (p_.cut.rows - rows) * p_.h.stride, tile_);
      AddTile(c, dy + (c * p_.multiplier * p_.h.out + row) * p_.w.out, rows);
    }
  }

  // sums: one for each tap and the bias, for each output.
  void Finish(int64_t channels, double* sums) {
    for (int64_t c = 0; c < channels; ++c) Move(c);
    for (int64_t i = 0; i < channels * p_.sums(); ++i) {
      sums[i] = 0;
      for (int64_t lane = 0; lane < 16; ++lane) sums[i] += sums_[16 * i + lane];
    }
  }

 private:
  void AddTile(int64_t channel, const float* dy, int64_t rows) {
    const int64_t width = p_.w.out;
    for (int64_t q = 0; q < width; q += 16) {
      if (filled_ + rows > kMostInOneLane) Move(channel), filled_ = 0;
      filled_ += rows;
      // The last strip of a wide row overlaps the one before, by lanes that do not count.
      const int64_t at = p_.narrow ? 0 : std::min(q, width - 16);
      DepthwiseStrip strip{.x = tile_ + at,
                           .x_step = p_.h.stride * p_.layout.row_step(),
                           .dy_step = p_.narrow ? 16 : width,
                           .rows = rows,
                           .first = static_cast<int>(q - at),
                           .last = static_cast<int>(std::min<int64_t>(16, width - at))};
      for (int64_t u = 0; u < p_.multiplier; ++u) {
        strip.dy = dy + u * p_.h.out * width + at;
        if (p_.narrow) {
          CopyRows(strip.dy, width, dy_, 16, rows, width);
          strip.dy = dy_;
        }
        (p_.dense ? p_.dense : SumTapsOfStrip)(
            strip, {p_.taps, nullptr, offsets_},
            lanes_ + 16 * (channel * p_.sums() + u * (p_.taps + 1)));
      }
    }
  }

  void Move(int64_t channel) {
    const int64_t at = 16 * channel * p_.sums();
    MoveLanes(p_.sums(), lanes_ + at, sums_ + at);
  }

  const WeightsPlan& p_;
  float *tile_, *dy_ = nullptr, *lanes_;
  int64_t* offsets_;
  double* sums_;
  int64_t filled_ = 0;  // numbers in each lane
};

}  // namespace

int64_t DepthwiseScratch(const ConvolutionGeometry& g) {
  return std::max({ForwardScratch(g), BackwardDataScratch(g), WeightsPlan(g).Scratch()});
}
int64_t DepthwiseSharedScratch(const ConvolutionGeometry& g) {
  return WeightsPlan(g).SharedScratch();
}

void DepthwiseBackwardWeights(Context& context, const ConvolutionGeometry& g, const float* x,
                              const float* dy, float* dw, bool add_dw, float* db, bool add_db,
                              WorkerScratch scratch, std::span<float> shared) {
  const WeightsPlan plan(g);
  const int64_t tiles = plan.cut.tiles;
  const int64_t in_plane = g.height * g.width, out_plane = g.out_height() * g.out_width();
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
        weights.Add(channels, x + plane * in_plane, dy + plane * plan.multiplier * out_plane, row,
                    std::min(plan.cut.rows, g.out_height() - row));
      }
      weights.Finish(channels, sums + (chunk * g.group + channel) * plan.sums());
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
