// y[o][r][q] = bias[o] + sum over taps (i, j) of w[o][i][j] * x[o / multiplier][r * stride_h + i *
// dilation_h - pad_h][q * stride_w + j * dilation_w - pad_w].
#include <algorithm>

#include "math/depthwise.h"
#include "math/depthwise_strips.h"
#include "math/depthwise_tile.h"
#include "math/epilogue.h"

namespace moka {
namespace {

struct ForwardPlan {
  ForwardPlan(const ConvolutionGeometry& geometry, const DepthwiseKernels& k)
      : g(geometry), kernels(k), h(HeightOf(g)), w(WidthOf(g)), layout(InputTile(g)) {
    cut = CutForward(g, layout);
    span = (cut.rows - 1) * h.stride + h.dilation * (h.kernel - 1) + 1;
  }
  int64_t taps() const { return h.kernel * w.kernel; }
  int64_t Scratch() const {
    return Carver::kAlignment + WholeLines(layout.Floats(span)) + WholeLines(2 * taps());
  }

  const ConvolutionGeometry& g;
  const DepthwiseKernels& kernels;
  const DepthwiseAxis h, w;
  const TileLayout layout;
  DepthwiseCut cut;
  int64_t span;  // rows of a tile
};

struct ForwardArrays {
  const float *x, *w;
  const Epilogue& epilogue;
  float* y;
};

void Forward(Context& context, const ForwardPlan& plan, const ForwardArrays& a,
             WorkerScratch scratch) {
  const ConvolutionGeometry& g = plan.g;
  const float* bias = EarlyShift(a.epilogue);
  const int64_t tiles = plan.cut.tiles, multiplier = g.outputs / g.group;
  const int64_t in_plane = g.height * g.width, out_width = g.out_width(),
                out_plane = g.out_height() * out_width;
  const int64_t grain =
      std::max<int64_t>(1, 32768 / std::max<int64_t>(1, plan.cut.rows * out_width * multiplier));
  context.ParallelFor(
      g.batch * g.group * tiles, grain, [&](int64_t begin, int64_t end, int worker) {
        Carver carver(scratch(worker));
        const int64_t floats = plan.layout.Floats(plan.span);
        float* tile = carver.Take(floats);
        int64_t* offsets = reinterpret_cast<int64_t*>(carver.Take(2 * plan.taps()));
        FillInputOffsets(g, plan.layout, offsets);
        std::fill_n(tile, floats, 0.0f);
        for (int64_t piece = begin; piece < end; ++piece) {
          const int64_t row = piece % tiles * plan.cut.rows, plane = piece / tiles;
          const int64_t rows = std::min(plan.cut.rows, g.out_height() - row);
          FillTile(plan.kernels, plan.layout, a.x + plane * in_plane, row * g.stride_h - g.pad_h,
                   plan.span - (plan.cut.rows - rows) * g.stride_h, tile);
          for (int64_t u = 0; u < multiplier; ++u) {
            const int64_t output = plane % g.group * multiplier + u;
            plan.kernels.rows({.x = tile,
                               .x_step = g.stride_h * plan.layout.row_step(),
                               .y = a.y + (plane * multiplier + u) * out_plane + row * out_width,
                               .y_step = out_width,
                               .rows = rows,
                               .width = out_width,
                               .room = rows * out_width,
                               .start = bias != nullptr ? bias[output] : 0,
                               .ahead = a.x + plane * in_plane +
                                        ((row + rows) * g.stride_h - g.pad_h +
                                         plan.h.dilation * (plan.h.kernel - 1)) *
                                            g.width,
                               .ahead_step = u == 0 ? g.stride_h * 4 * g.width : 0},
                              {plan.taps(), a.w + output * plan.taps(), offsets});
            EpilogueTile(a.epilogue, a.y, plane / g.group, g.outputs, output, 1, out_plane,
                         row * out_width, rows * out_width)
                .End();
          }
        }
      });
}

}  // namespace

int64_t DepthwiseForwardScratch(const ConvolutionGeometry& g, const DepthwiseKernels& kernels) {
  return FitsStrips(g, StripUse::kForward, kernels) ? StripRowsScratch(g, kernels)
                                                    : ForwardPlan(g, kernels).Scratch();
}

void DepthwiseForward(Context& context, const ConvolutionGeometry& g, const float* x,
                      const float* w, const Epilogue& epilogue, float* y, WorkerScratch scratch,
                      const DepthwiseKernels& kernels) {
  if (FitsStrips(g, StripUse::kForward, kernels)) {
    StripRowsPass(context, g, StripUse::kForward, kernels, x, w, epilogue, y, scratch);
  } else {
    Forward(context, ForwardPlan(g, kernels), {x, w, epilogue, y}, scratch);
  }
}

}  // namespace moka
