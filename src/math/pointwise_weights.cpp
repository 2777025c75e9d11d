// The gradient of the weights of a 1x1 convolution with more outputs than channels:
// dw[o][c] = sum over pixels of dy[o][pixel] x[c][pixel]. Both sides are alike here, so the one
// with fewer rows is turned: dy takes the place of the windows, x that of dy.
#include "math/pointwise_weights.h"

#include <algorithm>

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

// dw (rows, n) = or += the sum over chunks.
void AddRows(const SlidingProduct& q, int64_t chunks, const float* sums, bool add, int64_t row,
             float* dw) {
  constexpr int64_t kStrip = 256;  // in the nearest cache
  const float* from = sums + row * SlidingSumsRow(q);
  dw += row * q.outputs;
  for (int64_t begin = 0; begin < q.outputs; begin += kStrip) {
    const int64_t n = std::min(kStrip, q.outputs - begin);
    float sum[kStrip];
    std::copy_n(from + begin, n, sum);
    for (int64_t chunk = 1; chunk < chunks; ++chunk) {
      const float* more = from + chunk * ChunkFloats(q) + begin;
      for (int64_t c = 0; c < n; ++c) sum[c] += more[c];
    }
    for (int64_t c = 0; c < n; ++c) dw[begin + c] = add ? dw[begin + c] + sum[c] : sum[c];
  }
}

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
  return g.group * CutSlidingWeights(q, g.group).most_chunks * ChunkFloats(q);
}

void PointwiseBackwardWeights(Context& context, const ConvolutionGeometry& g, const float* x,
                              const float* dy, float* dw, bool add, WorkerScratch scratch,
                              std::span<float> shared) {
  const SlidingProduct q = Swapped(g);
  const SlidingCut cut = CutSlidingWeights(q, g.group);
  // One chunk whose rows fill vectors is dw itself.
  const bool straight = cut.most_chunks == 1 && q.outputs == SlidingSumsRow(q);
  const int64_t pieces = cut.chunks * cut.channel_blocks * cut.output_blocks;
  const auto sums = [&](int64_t group) {
    return (straight ? dw : shared.data()) + group * cut.most_chunks * ChunkFloats(q);
  };
  context.ParallelFor(g.group * pieces, 1, [&](int64_t begin, int64_t end, int worker) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t group = piece / pieces;
      const SlidingWeightArrays arrays{.x = dy + group * q.channels * q.x_plane(),
                                       .x_end = dy + g.batch * q.x_image,
                                       .dy = x + group * q.outputs * q.x_plane(),
                                       .dy_image = q.y_image,
                                       .sums = sums(group),
                                       .sums_chunk = ChunkFloats(q),
                                       .sums_row = SlidingSumsRow(q),
                                       .bias = nullptr,
                                       .bias_chunk = 0,
                                       .adds = straight && add};
      SlidingWeightPieces(q, cut, arrays, piece % pieces, piece % pieces + 1, scratch(worker));
    }
  });
  if (straight) return;
  context.ParallelFor(g.group * q.channels, 16, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      const int64_t group = o / q.channels;
      AddRows(q, cut.chunks, sums(group), add, o % q.channels, dw + group * q.channels * q.outputs);
    }
  });
}

}  // namespace moka
