// The gradient of the weights of a 1x1 convolution with more outputs than channels:
// dw[o][c] = sum over pixels of dy[o][pixel] x[c][pixel]. Both sides are alike here, so the one
// with fewer rows is turned: dy takes the place of the windows, x that of dy.
#include "math/pointwise_weights.h"

#include "math/chunk_sums.h"
#include "math/sliding.h"

namespace moka {
namespace {

SlidingProduct Swapped(const ConvolutionGeometry& g) {
  const SlidingProduct p = SlidingForward(g);
  SlidingProduct q = p;
  q.channels = p.outputs, q.outputs = p.channels;
  q.x_image = p.y_image, q.y_image = p.x_image;
  return q;
}

int64_t ChunkFloats(const SlidingProduct& q) { return q.depth() * SlidingSumsRow(q); }

// Of the sums of dy, which are doubles, of a chunk.
int64_t BiasFloats(const ConvolutionGeometry& g) { return 2 * g.outputs; }

}  // namespace

bool IsWidePointwise(const ConvolutionGeometry& g) {
  return g.kernel_h == 1 && g.kernel_w == 1 && g.stride_h == 1 && g.stride_w == 1 && g.pad_h == 0 &&
         g.pad_w == 0 && g.outputs > g.channels;
}

int64_t PointwiseWeightsScratch(const ConvolutionGeometry& g) {
  const SlidingProduct q = Swapped(g);
  return SlidingWeightsScratch(q, CutSlidingWeights(q, g.group));
}

int64_t PointwiseWeightsShared(const ConvolutionGeometry& g) {
  const SlidingProduct q = Swapped(g);
  const int64_t chunks = CutSlidingWeights(q, g.group).most_chunks;
  return chunks * (BiasFloats(g) + g.group * ChunkFloats(q));
}

void PointwiseBackwardWeights(Context& context, const ConvolutionGeometry& g, const float* x,
                              const float* dy, float* dw, bool add_dw, float* db, bool add_db,
                              WorkerScratch scratch, std::span<float> shared) {
  const SlidingProduct q = Swapped(g);
  const SlidingCut cut = CutSlidingWeights(q, g.group);
  // One chunk whose rows fill vectors is dw itself.
  const bool straight = cut.most_chunks == 1 && q.outputs == SlidingSumsRow(q);
  const int64_t pieces = cut.chunks * cut.channel_blocks * cut.output_blocks;
  double* const bias = reinterpret_cast<double*>(shared.data());
  const auto sums = [&](int64_t group) {
    return (straight ? dw : shared.data() + cut.most_chunks * BiasFloats(g)) +
           group * cut.most_chunks * ChunkFloats(q);
  };
  context.ParallelFor(g.group * pieces, 1, [&](int64_t begin, int64_t end, int worker) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t group = piece / pieces;
      const SlidingWeightArrays arrays{
          .x = dy + group * q.channels * q.x_plane(),
          .x_end = dy + g.batch * q.x_image,
          .dy = x + group * q.outputs * q.x_plane(),
          .dy_image = q.y_image,
          .sums = sums(group),
          .sums_chunk = ChunkFloats(q),
          .sums_row = SlidingSumsRow(q),
          .bias = nullptr,
          .bias_chunk = 0,
          .x_sums = db == nullptr ? nullptr : bias + group * q.channels,
          .x_sums_chunk = g.outputs,
          .adds = straight && add_dw};
      SlidingWeightPieces(q, cut, arrays, piece % pieces, piece % pieces + 1, scratch(worker));
    }
  });
  if (db != nullptr) AddBiasChunks(bias, cut.chunks, g.outputs, add_db, db);
  if (straight) return;
  context.ParallelFor(g.group * q.channels, 16, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      const float* row = sums(o / q.channels) + o % q.channels * SlidingSumsRow(q);
      AddChunks(row, cut.chunks, ChunkFloats(q), q.outputs, add_dw, dw + o * q.outputs);
    }
  });
}

}  // namespace moka
