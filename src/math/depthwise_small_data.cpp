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
    flat = (layout.rows - h.reach()) * layout.row_width;
    phase_floats = WholeLines(flat + 16);
    taps = multiplier * h.kernel * w.kernel;
    floats = layout.floats();
    group = std::max<int64_t>(1, layout.group() / multiplier);
  }
  int64_t Scratch() const {
    return Carver::kAlignment + SmallCopies::Floats(layout) + group * multiplier * floats +
           (direct ? 0 : 4 * phase_floats) + 2 * WholeLines(taps) + WholeLines(2 * taps) +
           WholeLines(2 * h.size);
  }

  const ConvolutionGeometry& g;
  const DepthwiseKernels& kernels;
  const DepthwiseAxis h, w;
  const SmallLayout layout;
  int64_t multiplier, taps, floats, group;  // of the copies of a plane of dy; planes of dx
  bool direct;
  int64_t flat, phase_floats;  // of dx, or of one phase of it
};

class SmallDataWorker {
 public:
  SmallDataWorker(const SmallDataPlan& plan, std::span<float> scratch)
      : p_(plan), carver_(scratch), copies_(p_.layout, p_.kernels, carver_) {
    tiles_ = carver_.Take(p_.group * p_.multiplier * p_.floats);
    std::fill_n(tiles_, p_.group * p_.multiplier * p_.floats, 0.0f);
    if (!p_.direct) phases_ = carver_.Take(4 * p_.phase_floats);
    weights_ = carver_.Take(p_.taps);
    places_ = reinterpret_cast<int32_t*>(carver_.Take(p_.taps));
    offsets_ = reinterpret_cast<int64_t*>(carver_.Take(2 * p_.taps));
    rows_ = reinterpret_cast<int64_t*>(carver_.Take(2 * p_.h.size));
    FillTaps();
    if (!p_.direct) FillRows();
  }

  // Planes [first, last) of dx.
  void Run(const float* w, const float* dy, int64_t first, int64_t last, float* dx) {
    const int64_t m = p_.multiplier, planes = p_.g.batch * p_.g.outputs;
    for (int64_t i = first * m; i < last * m; ++i)
      copies_.Make(dy, planes, i, tiles_ + (i - first * m) * p_.floats);
    int64_t channel = first % p_.g.group;
    for (int64_t plane = first; plane < last; ++plane) {
      Sum(w + channel * p_.taps, tiles_ + (plane - first) * m * p_.floats,
          dx + plane * p_.h.size * p_.w.size);
      if (++channel == p_.g.group) channel = 0;
    }
  }

 private:
  void Sum(const float* w, const float* tiles, float* dx) {
    for (int64_t t = 0; t < p_.taps; ++t) weights_[t] = w[places_[t]];
    if (p_.direct) {
      p_.kernels.flat(tiles, {p_.taps, weights_, offsets_}, p_.flat, 0, dx);
      return;
    }
    for (int64_t i = 0; i < 4; ++i) {
      p_.kernels.flat(tiles, {ends_[i + 1] - ends_[i], weights_ + ends_[i], offsets_ + ends_[i]},
                      p_.flat, 0, phases_ + i * p_.phase_floats);
    }
    p_.kernels.merge(phases_, rows_, odd_, p_.h.size, p_.w.size, dx);
  }

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
    for (int64_t first = begin; first < end; first += plan.group)
      data.Run(w, dy, first, std::min(end, first + plan.group), dx);
  });
}

}  // namespace moka
