// The passes of a convolution as sliding products, group by group.
#include "math/direct_convolution.h"

#include <algorithm>

#include "math/chunk_sums.h"
#include "math/sliding.h"

namespace moka {
namespace {

int64_t GroupWeights(const ConvolutionGeometry& g) {
  return g.outputs / g.group * (g.channels / g.group) * g.kernel_h * g.kernel_w;
}

// Calls f(product, steps of w, the first of w's elements, floats of the group before).
template <typename F>
void ForEachPhase(const ConvolutionGeometry& g, const F& f) {
  const int64_t kernel = g.kernel_h * g.kernel_w, depth = g.channels / g.group * kernel;
  int64_t before = 0;
  for (int64_t i = 0; i < SlidingPhases(g); ++i) {
    const SlidingPhase phase = SlidingBackwardData(g, i);
    if (phase.product.out_plane() == 0) continue;
    const WeightSteps steps{.output = kernel,
                            .channel = depth,
                            .row = phase.tap_step_h * g.kernel_w,
                            .column = phase.tap_step_w};
    f(phase, steps, phase.first_tap_h * g.kernel_w + phase.first_tap_w, before);
    before += phase.product.outputs * phase.product.depth();
  }
}

// Whether there are pixels of dx that no tap meets.
bool AnyUnmet(const ConvolutionGeometry& g) {
  int64_t met = 0;
  ForEachPhase(g, [&](const SlidingPhase& phase, const WeightSteps&, int64_t, int64_t) {
    met += phase.product.out_plane();
  });
  return met < g.height * g.width;
}

void Clear(Context& context, int64_t count, float* y) {
  context.ParallelFor(count, 1 << 18,
                      [=](int64_t begin, int64_t end) { std::fill(y + begin, y + end, 0.0F); });
}

const float* At(const float* array, int64_t offset) {
  return array == nullptr ? nullptr : array + offset;
}

// The pieces of all groups.
template <typename F>
void ForEachPiece(Context& context, int64_t groups, int64_t pieces, const F& f) {
  context.ParallelFor(groups * pieces, 1, [&](int64_t begin, int64_t end, int worker) {
    for (int64_t piece = begin; piece < end; ++piece) f(piece / pieces, piece % pieces, worker);
  });
}

// Where the gradient of the weights is summed up.
struct Sums {
  int64_t row, chunk, group;  // floats of a row of sums, of a chunk, of a group
  int64_t bias_floats;

  Sums(const ConvolutionGeometry& g, const SlidingProduct& p, const SlidingCut& cut)
      : row(SlidingSumsRow(p)),
        chunk(p.depth() * row),
        group(cut.most_chunks * chunk),
        bias_floats(2 * cut.most_chunks * g.outputs) {}
};

}  // namespace

int64_t DirectPackedFloats(const ConvolutionGeometry& g) { return g.group * GroupWeights(g); }

void DirectPackWeights(Context& context, const ConvolutionGeometry& g, ConvolutionPass pass,
                       const float* w, float* packed) {
  const int64_t size = GroupWeights(g), kernel = g.kernel_h * g.kernel_w;
  for (int64_t group = 0; group < g.group; ++group, w += size, packed += size) {
    if (pass == ConvolutionPass::kForward) {
      const SlidingProduct p = SlidingForward(g);
      PackSlidingWeights(
          context, p, w,
          {.output = p.channels * kernel, .channel = kernel, .row = g.kernel_w, .column = 1},
          packed);
      continue;
    }
    ForEachPhase(
        g, [&](const SlidingPhase& phase, const WeightSteps& steps, int64_t first, int64_t before) {
          if (phase.product.taps() > 0)
            PackSlidingWeights(context, phase.product, w + first, steps, packed + before);
        });
  }
}

int64_t DirectScratch(const ConvolutionGeometry& g, ConvolutionPass pass) {
  if (pass == ConvolutionPass::kBackwardData) {
    int64_t most = 0;
    ForEachPhase(g, [&](const SlidingPhase& phase, const WeightSteps&, int64_t, int64_t) {
      most = std::max(most, SlidingScratch(phase.product, g.group));
    });
    return most;
  }
  const SlidingProduct p = SlidingForward(g);
  return pass == ConvolutionPass::kForward
             ? SlidingScratch(p, g.group)
             : SlidingWeightsScratch(p, CutSlidingWeights(p, g.group));
}

int64_t DirectSharedScratch(const ConvolutionGeometry& g) {
  const SlidingProduct p = SlidingForward(g);
  const Sums sums(g, p, CutSlidingWeights(p, g.group));
  return sums.bias_floats + g.group * sums.group;
}

void DirectForward(Context& context, const ConvolutionGeometry& g, const float* x,
                   const float* packed, const Epilogue& e, float* y, WorkerScratch scratch) {
  SlidingProduct p = SlidingForward(g);
  const int64_t dense = p.y_image;
  if (e.y_image_stride != 0) p.y_image = e.y_image_stride;
  const SlidingCut cut = CutSliding(p, g.group);
  const float* x_end = x + g.batch * p.x_image;
  ForEachPiece(context, g.group, cut.pixel_tiles * cut.output_blocks,
               [&](int64_t group, int64_t piece, int worker) {
                 const int64_t o = group * p.outputs;
                 const SlidingArrays arrays{.x = x + group * p.channels * p.x_plane(),
                                            .x_end = x_end,
                                            .packed = packed + group * GroupWeights(g),
                                            .y = y + o * p.y_plane,
                                            .scale = At(e.scale, o),
                                            .shift = At(e.shift, o),
                                            .add = At(e.add, o * p.y_plane),
                                            .add_image = dense,
                                            .slope = e.slope};
                 SlidingPieces(p, cut, arrays, piece, piece + 1, scratch(worker));
               });
}

void DirectBackwardData(Context& context, const ConvolutionGeometry& g, const float* packed,
                        const float* dy, float* dx, WorkerScratch scratch) {
  if (!SpreadsHalf(g) && AnyUnmet(g)) Clear(context, g.batch * g.channels * g.height * g.width, dx);
  ForEachPhase(g, [&](const SlidingPhase& phase, const WeightSteps&, int64_t, int64_t before) {
    const SlidingProduct& p = phase.product;
    const SlidingCut cut = CutSliding(p, g.group);
    const float* dy_end = dy + g.batch * p.x_image;
    ForEachPiece(context, g.group, cut.pixel_tiles * cut.output_blocks,
                 [&](int64_t group, int64_t piece, int worker) {
                   const SlidingArrays arrays{.x = dy + group * p.channels * p.x_plane(),
                                              .x_end = dy_end,
                                              .packed = packed + group * GroupWeights(g) + before,
                                              .y = dx + group * p.outputs * p.y_plane +
                                                   phase.row * g.width + phase.column};
                   SlidingPieces(p, cut, arrays, piece, piece + 1, scratch(worker));
                 });
  });
}

void DirectBackwardWeights(Context& context, const ConvolutionGeometry& g, const float* x,
                           const float* dy, float* dw, bool add_dw, float* db, bool add_db,
                           WorkerScratch scratch, std::span<float> shared) {
  const SlidingProduct p = SlidingForward(g);
  const SlidingCut cut = CutSlidingWeights(p, g.group);
  const Sums sums(g, p, cut);
  double* bias = reinterpret_cast<double*>(shared.data());
  const auto arrays = [&](int64_t group) {
    const int64_t o = group * p.outputs;
    return SlidingWeightArrays{
        .x = x + group * p.channels * p.x_plane(),
        .x_end = x + g.batch * p.x_image,
        .dy = dy + o * p.y_plane,
        .dy_image = p.y_image,
        .sums = dw == nullptr ? nullptr : shared.data() + sums.bias_floats + group * sums.group,
        .sums_chunk = sums.chunk,
        .sums_row = sums.row,
        .bias = db == nullptr ? nullptr : bias + o,
        .bias_chunk = g.outputs};
  };
  ForEachPiece(context, g.group, cut.chunks * cut.channel_blocks * cut.output_blocks,
               [&](int64_t group, int64_t piece, int worker) {
                 SlidingWeightPieces(p, cut, arrays(group), piece, piece + 1, scratch(worker));
               });
  if (db != nullptr) AddBiasChunks(bias, cut.chunks, g.outputs, add_db, db);
  if (dw == nullptr) return;
  constexpr int64_t kStrip = 16;  // outputs
  ForEachPiece(
      context, g.group, (p.outputs + kStrip - 1) / kStrip, [&](int64_t group, int64_t strip, int) {
        SlidingAddChunks(p, cut.chunks, arrays(group), add_dw, strip * kStrip,
                         std::min(p.outputs, (strip + 1) * kStrip), dw + group * GroupWeights(g));
      });
}

}  // namespace moka
