// dx += scatter(w' (k, m) dy (m, p)), tile by tile, in order within an image and a block of
// channels.
#include <algorithm>

#include "math/convolution_lowering.h"
#include "math/depthwise.h"

namespace moka {

void ConvolveBackwardData(Context& context, const ConvolutionGeometry& g, const float* w,
                          const float* dy, float* dx, WorkerScratch scratch) {
  if (IsDepthwise(g)) return DepthwiseBackwardData(context, g, w, dy, dx, scratch);
  const ConvolutionCut cut = CutBackwardData(g);
  const int64_t channels = g.channels / g.group, m = g.outputs / g.group;
  const int64_t kernel = g.kernel_h * g.kernel_w, k = channels * kernel;
  const int64_t in_plane = g.height * g.width, out_width = g.out_width(),
                out_plane = g.out_height() * out_width;
  context.ParallelFor(
      g.batch * g.group * cut.channel_blocks, 1, [&](int64_t begin, int64_t end, int worker) {
        for (int64_t piece = begin; piece < end; ++piece) {
          const int64_t first = piece % cut.channel_blocks * cut.channels,
                        group = piece / cut.channel_blocks % g.group;
          const int64_t image = piece / cut.channel_blocks / g.group,
                        count = std::min(cut.channels, channels - first);
          float* to = dx + (image * g.channels + group * channels + first) * in_plane;
          const float* from = dy + (image * g.outputs + group * m) * out_plane;
          std::fill_n(to, count * in_plane, 0.0f);
          for (int64_t row = 0; row < g.out_height(); row += cut.rows) {
            ConvolutionTile tile(g, count, row, std::min(cut.rows, g.out_height() - row),
                                 scratch(worker));
            const MatrixView columns = tile.Columns(to);
            SerialGemm(context, Transpose::kYes, Transpose::kNo, tile.depth(), tile.pixels(), m, 1,
                       w + group * m * k + first * kernel, k, from + row * out_width, out_plane, 0,
                       columns.data, columns.stride);
            tile.Scatter(to);
          }
        }
      });
}

}  // namespace moka
