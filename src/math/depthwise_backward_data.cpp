// dx[c][h][w] = sum over the channel's outputs and taps (i, j) of w[i][j] * dy[r][q], for the (r,
// q) whose tap (i, j) reads (h, w). Padded rows and columns of dx of one phase take the same taps,
// and read neighbours in dy.
#include <algorithm>

#include "math/depthwise.h"
#include "math/depthwise_strips.h"
#include "math/depthwise_tile.h"

namespace moka {
namespace {

int64_t CeilOfQuotient(int64_t n, int64_t step) { return (n + step - 1) / step; }

struct DataPlan {
  DataPlan(const ConvolutionGeometry& geometry, const DepthwiseKernels& k)
      : g(geometry), kernels(k), h(HeightOf(g)), w(WidthOf(g)), layout(OutputTile(g)) {
    multiplier = g.outputs / g.group;
    cut = CutBackwardData(g, layout);
    span = (cut.rows + h.stride - 2) / h.stride + 1 + h.reach();
    columns = layout.columns - w.reach();
    direct = h.stride == 1 && w.stride == 1;
    has_gaps = h.phases < h.stride || w.phases < w.stride;
    phase_rows = CeilOfQuotient(cut.rows, h.stride);
    phase_step = WholeLines(columns);
  }

  int64_t taps() const { return Product(multiplier, h.kernel * w.kernel); }
  int64_t PhaseFloats() const {
    return direct ? 0 : Product(w.phases, Product(phase_rows, phase_step));
  }
  int64_t Scratch() const {
    return Carver::kAlignment + Product(multiplier, WholeLines(layout.Floats(span))) +
           WholeLines(PhaseFloats()) + WholeLines(taps()) + WholeLines(Product(2, taps()));
  }

  const ConvolutionGeometry& g;
  const DepthwiseKernels& kernels;
  const DepthwiseAxis h, w;
  const TileLayout layout;
  DepthwiseCut cut;
  int64_t multiplier, span, columns;  // of dx, of one phase
  bool direct;                        // no strides: the kernels write dx
  bool has_gaps;                      // some of dx is read by no tap
  int64_t phase_rows, phase_step;     // of dx, sorted by phase
};

// One worker's memory, and what it does with it.
class DataWorker {
 public:
  DataWorker(const DataPlan& plan, std::span<float> scratch) : p_(plan) {
    Carver carver(scratch);
    tile_floats_ = WholeLines(p_.layout.Floats(p_.span));
    tiles_ = carver.Take(p_.multiplier * tile_floats_);
    phases_ = carver.Take(p_.PhaseFloats());
    weights_ = carver.Take(p_.taps());
    offsets_ = reinterpret_cast<int64_t*>(carver.Take(2 * p_.taps()));
    std::fill_n(tiles_, p_.multiplier * tile_floats_, 0.0f);
    FillOffsets();
  }

  // Rows [first, last) of the plane dx. dy, w: the first of the channel's outputs.
  void Run(const float* w, const float* dy, int64_t first, int64_t last, float* dx) {
    const int64_t begin = first + p_.h.pad, end = last + p_.h.pad;  // padded rows
    const int64_t top = begin / p_.h.stride - p_.h.reach();
    const int64_t rows = (end - 1) / p_.h.stride - top + 1;
    for (int64_t u = 0; u < p_.multiplier; ++u) {
      FillTile(p_.kernels, p_.layout, dy + u * p_.h.out * p_.w.out, top, rows,
               tiles_ + u * tile_floats_);
    }
    float* to = dx + first * p_.w.size;
    if (!p_.direct) PrefetchForWriting(to, (last - first) * p_.w.size);
    if (p_.direct) {
      FillWeights(w);
      const DepthwiseRows task{.x = tiles_,
                               .x_step = p_.layout.row_step(),
                               .y = to,
                               .y_step = p_.w.size,
                               .rows = last - first,
                               .width = p_.w.size,
                               .room = (last - first) * p_.w.size,
                               .start = 0,
                               .ahead = dy + (top + rows) * p_.w.out,
                               .ahead_step = 4 * p_.multiplier * p_.w.out};
      p_.kernels.rows(task, {p_.taps(), weights_, offsets_});
      return;
    }
    if (p_.has_gaps) std::fill_n(to, (last - first) * p_.w.size, 0.0f);
    FillWeights(w);
    RunPhases(begin, end, dy + (top + rows) * p_.w.out, dx);
  }

 private:
  // Calls f(output, i, j) for the taps of a phase, in order.
  template <typename F>
  void ForEachTap(int64_t phase_h, int64_t phase_w, F f) const {
    for (int64_t u = 0; u < p_.multiplier; ++u) {
      for (int64_t i = phase_h; i < p_.h.kernel; i += p_.h.period) {
        for (int64_t j = phase_w; j < p_.w.kernel; j += p_.w.period) f(u, i, j);
      }
    }
  }
  template <typename F>
  void ForEachPhase(F f) const {
    for (int64_t i = 0; i < p_.h.phases; ++i) {
      for (int64_t j = 0; j < p_.w.phases; ++j) f(i, j);
    }
  }

  // Offsets and weights, those of one phase side by side. The kernel lies mirrored in a tile.
  void FillOffsets() {
    int64_t* to = offsets_;
    ForEachPhase([&](int64_t phase_h, int64_t phase_w) {
      ForEachTap(phase_h, phase_w, [&](int64_t u, int64_t i, int64_t j) {
        *to++ = u * tile_floats_ + (p_.h.reach() - p_.h.Shift(i)) * p_.layout.row_step() +
                p_.w.reach() - p_.w.Shift(j);
      });
    });
  }
  void FillWeights(const float* w) {
    float* to = weights_;
    ForEachPhase([&](int64_t phase_h, int64_t phase_w) {
      ForEachTap(phase_h, phase_w, [&](int64_t u, int64_t i, int64_t j) {
        *to++ = w[(u * p_.h.kernel + i) * p_.w.kernel + j];
      });
    });
  }

  void RunPhases(int64_t begin, int64_t end, const float* ahead, float* dx) {
    const DepthwiseAxis &h = p_.h, &w = p_.w;
    int64_t taps = 0;
    for (int64_t i = 0; i < h.phases; ++i) {
      // Padded row phase + stride * a; a in [first, last).
      const int64_t phase = h.Phase(i);
      const int64_t first = CeilOfQuotient(begin - phase, h.stride),
                    last = CeilOfQuotient(end - phase, h.stride);
      for (int64_t j = 0; j < w.phases; ++j) {
        const int64_t count = p_.multiplier * h.Taps(i) * w.Taps(j);
        const DepthwiseRows task{.x = tiles_ + (first - begin / h.stride) * p_.layout.row_step(),
                                 .x_step = p_.layout.row_step(),
                                 .y = phases_ + j * p_.phase_rows * p_.phase_step,
                                 .y_step = p_.phase_step,
                                 .rows = last - first,
                                 .width = p_.columns,
                                 .room = (last - first) * p_.phase_step,
                                 .start = 0,
                                 .ahead = ahead,
                                 .ahead_step = i + j == 0 ? 4 * p_.w.out : 0};
        p_.kernels.rows(task, {count, weights_ + taps, offsets_ + taps});
        taps += count;
      }
      Merge(last - first, dx + (phase + first * h.stride - h.pad) * w.size);
    }
  }

  // Rows of dx, a stride apart, from their phases.
  void Merge(int64_t rows, float* dx) {
    const DepthwiseAxis& w = p_.w;
    const int64_t step = p_.h.stride * w.size;
    const float* from[2] = {};
    for (int64_t j = 0; j < w.phases; ++j) {
      // The first column of the phase, and where it lies among the phase's.
      const int64_t phase = w.Phase(j);
      const int64_t column = ((phase - w.pad) % w.stride + w.stride) % w.stride;
      const int64_t at = (column + w.pad) / w.stride - w.pad / w.stride;
      const float* x = phases_ + j * p_.phase_rows * p_.phase_step + at;
      if (w.stride == 2 && w.phases == 2) {
        from[column] = x;
      } else if (column < w.size) {
        SpreadRows(x, p_.phase_step, dx + column, step, rows,
                   CeilOfQuotient(w.size - column, w.stride), w.stride);
      }
    }
    if (from[0] != nullptr)
      p_.kernels.interleave(from[0], from[1], p_.phase_step, dx, step, rows, w.size);
  }

  const DataPlan& p_;
  int64_t tile_floats_;
  float *tiles_, *phases_, *weights_;
  int64_t* offsets_;
};

}  // namespace

int64_t DepthwiseDataScratch(const ConvolutionGeometry& g, const DepthwiseKernels& kernels) {
  if (g.height * g.width == 0) return 0;
  return FitsStrips(g, StripUse::kBackward, kernels) ? StripRowsScratch(g, kernels)
                                                     : DataPlan(g, kernels).Scratch();
}

void DepthwiseBackwardData(Context& context, const ConvolutionGeometry& g, const float* w,
                           const float* dy, float* dx, WorkerScratch scratch,
                           const DepthwiseKernels& kernels) {
  const int64_t in_plane = g.height * g.width, out_plane = g.out_height() * g.out_width();
  if (g.batch * in_plane == 0) return;
  if (FitsStrips(g, StripUse::kBackward, kernels)) {
    StripRowsPass(context, g, StripUse::kBackward, kernels, dy, w, {}, dx, scratch);
    return;
  }
  const DataPlan plan(g, kernels);
  const int64_t tiles = plan.cut.tiles, kernel = g.kernel_h * g.kernel_w;
  const int64_t grain = std::max<int64_t>(1, 32768 / (plan.cut.rows * g.width));
  context.ParallelFor(g.batch * g.group * tiles, grain,
                      [&](int64_t begin, int64_t end, int worker) {
                        DataWorker data(plan, scratch(worker));
                        for (int64_t piece = begin; piece < end; ++piece) {
                          const int64_t row = piece % tiles * plan.cut.rows, plane = piece / tiles;
                          data.Run(w + plane % g.group * plan.multiplier * kernel,
                                   dy + plane * plan.multiplier * out_plane, row,
                                   std::min(row + plan.cut.rows, g.height), dx + plane * in_plane);
                        }
                      });
}

}  // namespace moka
