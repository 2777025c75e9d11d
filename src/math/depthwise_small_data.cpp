// dx of small planes, from copies of dy: without strides all of dx at once, with strides of 2 the
// four phases of its padded rows and columns, which are then merged.
#include <algorithm>

#include "math/depthwise_small.h"

namespace moka {
namespace {

struct SmallDataPlan {
  SmallDataPlan(const ConvolutionGeometry& geometry, const DepthwiseKernels& k)
      : g(geometry), kernels(k), h(HeightOf(g)), w(WidthOf(g)), layout(SmallOutput(g)) {
    multiplier = g.outputs / g.group;
    direct = h.stride == 1 && w.stride == 1;
    phases = direct ? 1 : 4;
    flat = (layout.rows - h.reach()) * layout.row_width;
    phase_floats = WholeLines(flat + 16);
    taps = multiplier * h.kernel * w.kernel;
    floats = layout.floats();
    group = std::max<int64_t>(1, layout.group() / multiplier);
  }
  int64_t Scratch() const {
    return Carver::kAlignment + SmallCopies::Floats(layout) + group * multiplier * floats +
           (direct ? 0 : group * phases * phase_floats) + WholeLines(group * taps) +
           WholeLines(taps) + WholeLines(2 * taps) + WholeLines(2 * h.size);
  }

  const ConvolutionGeometry& g;
  const DepthwiseKernels& kernels;
  const DepthwiseAxis h, w;
  const SmallLayout layout;
  int64_t multiplier, taps, floats, group;  // of the copies of a plane of dy; planes of dx
  bool direct;
  int64_t phases;
  int64_t flat, phase_floats;  // of dx, or of one phase of it
};

class SmallDataWorker {
 public:
  SmallDataWorker(const SmallDataPlan& plan, std::span<float> scratch)
      : p_(plan), carver_(scratch), copies_(p_.layout, p_.kernels, carver_) {
    tiles_ = carver_.Take(p_.group * p_.multiplier * p_.floats);
    std::fill_n(tiles_, p_.group * p_.multiplier * p_.floats, 0.0f);
    if (!p_.direct) phases_ = carver_.Take(p_.group * p_.phases * p_.phase_floats);
    weights_ = carver_.Take(p_.group * p_.taps);
    places_ = reinterpret_cast<int32_t*>(carver_.Take(p_.taps));
    offsets_ = reinterpret_cast<int64_t*>(carver_.Take(2 * p_.taps));
    rows_ = reinterpret_cast<int64_t*>(carver_.Take(2 * p_.h.size));
    FillTaps();
    if (!p_.direct) FillRows();
  }

  // Planes [first, last) of dx, of one image. w: of their first output.
  void Run(const float* w, const float* dy, int64_t first, int64_t last, float* dx) {
    const int64_t m = p_.multiplier, planes = last - first, in_plane = p_.h.size * p_.w.size;
    copies_.Make(dy, p_.g.batch * p_.g.outputs, first * m, last * m, tiles_);
    for (int64_t i = 0; i < planes; ++i) {
      for (int64_t t = 0; t < p_.taps; ++t) weights_[i * p_.taps + t] = w[i * p_.taps + places_[t]];
    }
    for (int64_t i = 0; i < p_.phases; ++i) {
      p_.kernels.planes(
          {.planes = planes,
           .n = p_.flat,
           .x = tiles_,
           .x_step = m * p_.floats,
           .taps = {ends_[i + 1] - ends_[i], weights_ + ends_[i], offsets_ + ends_[i]},
           .weights_step = p_.taps,
           .start = nullptr,
           .start_step = 0,
           .y = p_.direct ? dx + first * in_plane : phases_ + i * p_.phase_floats,
           .y_step = p_.direct ? in_plane : p_.phases * p_.phase_floats});
    }
    for (int64_t i = 0; i < planes && !p_.direct; ++i) {
      p_.kernels.merge(phases_ + i * p_.phases * p_.phase_floats, rows_, odd_, p_.h.size, p_.w.size,
                       dx + (first + i) * in_plane);
    }
  }

 private:
  // Taps sorted by phase: where each reads, and where its weight lies.
  void FillTaps() {
    const DepthwiseAxis &h = p_.h, &w = p_.w;
    int64_t taps = 0, *end = ends_;
    *end++ = 0;
    for (int64_t phase_h = 0; phase_h < h.phases; ++phase_h) {
      for (int64_t phase_w = 0; phase_w < w.phases; ++phase_w) {
        for (int64_t u = 0; u < p_.multiplier; ++u) {
          for (int64_t i = phase_h; i < h.kernel; i += h.period) {
            for (int64_t j = phase_w; j < w.kernel; j += w.period) {
              offsets_[taps] = u * p_.floats + p_.layout.lead() + w.Shift(j) * p_.layout.copy() +
                               (h.reach() - h.Shift(i)) * p_.layout.row_width;
              places_[taps++] = static_cast<int32_t>((u * h.kernel + i) * w.kernel + j);
            }
          }
        }
        *end++ = taps;
      }
    }
  }

  // Where the even columns of each row of dx lie in phases_, and the odd ones from there.
  void FillRows() {
    const DepthwiseAxis &h = p_.h, &w = p_.w;
    int64_t columns[2];
    for (int64_t j = 0; j < 2; ++j) {
      const int64_t column = (w.Phase(j) + w.pad) % 2;
      columns[column] = j * p_.phase_floats + (column + w.pad) / 2 - w.pad / 2;
    }
    odd_ = columns[1] - columns[0];
    for (int64_t row = 0; row < h.size; ++row) {
      const int64_t i = h.Phase(0) == (row + h.pad) % 2 ? 0 : 1;
      rows_[row] = 2 * i * p_.phase_floats + ((row + h.pad) / 2 - h.pad / 2) * p_.layout.row_width +
                   columns[0];
    }
  }

  const SmallDataPlan& p_;
  Carver carver_;
  SmallCopies copies_;
  float *tiles_, *phases_ = nullptr, *weights_;
  int32_t* places_;
  int64_t *offsets_, *rows_;
  int64_t ends_[5] = {}, odd_ = 0;
};

}  // namespace

int64_t SmallDataScratch(const ConvolutionGeometry& g, const DepthwiseKernels& kernels) {
  return SmallDataPlan(g, kernels).Scratch();
}

void SmallBackwardData(Context& context, const ConvolutionGeometry& g,
                       const DepthwiseKernels& kernels, const float* w, const float* dy, float* dx,
                       WorkerScratch scratch) {
  const SmallDataPlan plan(g, kernels);
  const int64_t in_plane = g.height * g.width;
  const int64_t grain = std::max<int64_t>(1, 32768 / (in_plane * plan.multiplier));
  context.ParallelFor(g.batch * g.group, grain, [&](int64_t begin, int64_t end, int worker) {
    SmallDataWorker data(plan, scratch(worker));
    for (int64_t first = begin, last; first < end; first = last) {
      const int64_t channel = first % g.group;
      last = std::min({end, first + plan.group, first + g.group - channel});
      data.Run(w + channel * plan.taps, dy, first, last, dx);
    }
  });
}

}  // namespace moka
