// y (m, p) = w (m, k) columns (k, p), tile by tile, and the epilogue while the tile is in a cache.
#include <algorithm>

#include "math/convolution_lowering.h"
#include "math/depthwise.h"
#include "math/epilogue.h"

namespace moka {

void ConvolveForward(Context& context, const ConvolutionGeometry& g, const float* x, const float* w,
                     const Epilogue& epilogue, float* y, WorkerScratch scratch) {
  if (IsDepthwise(g)) {
    DepthwiseForward(context, g, x, w, EarlyShift(epilogue), y, scratch);
    return ApplyEpilogue(context, g, epilogue, y);
  }
  const ConvolutionCut cut = CutForward(g);
  const int64_t channels = g.channels / g.group, m = g.outputs / g.group,
                k = channels * g.kernel_h * g.kernel_w;
  const int64_t out_width = g.out_width(), plane = g.out_height() * out_width;
  context.ParallelFor(
      g.batch * g.group * cut.row_tiles, 1, [&](int64_t begin, int64_t end, int worker) {
        for (int64_t piece = begin; piece < end; ++piece) {
          const int64_t row = piece % cut.row_tiles * cut.rows,
                        group = piece / cut.row_tiles % g.group;
          const int64_t image = piece / cut.row_tiles / g.group;
          ConvolutionTile tile(g, channels, row, std::min(cut.rows, g.out_height() - row),
                               scratch(worker));
          const auto columns =
              tile.Lower(x + (image * g.channels + group * channels) * g.height * g.width);
          const EpilogueTile out(epilogue, y, m, tile.pixels(), plane,
                                 (image * g.outputs + group * m) * plane + row * out_width,
                                 group * m);
          SerialGemm(context, Transpose::kNo, Transpose::kNo, m, tile.pixels(), k, 1,
                     w + group * m * k, k, columns.data, columns.stride, out.Begin(), out.data(),
                     plane);
          out.End();
        }
      });
}

void ConvolveForward(Context& context, const ConvolutionGeometry& g, const float* x, const float* w,
                     const float* bias, float* y, WorkerScratch scratch) {
  ConvolveForward(context, g, x, w, Epilogue{.shift = bias}, y, scratch);
}

}  // namespace moka
