// y (m, p) = w (m, k) columns (k, p), tile by tile, and the epilogue while the tile is in a cache.
#include <algorithm>

#include "math/convolution_lowering.h"
#include "math/depthwise.h"
#include "math/epilogue.h"

namespace moka {
namespace {

// Images that lie apart come one after the other.
void ForwardDepthwise(Context& context, ConvolutionGeometry g, const float* x, const float* w,
                      Epilogue e, float* y, WorkerScratch scratch) {
  const int64_t in = g.channels * g.height * g.width;
  const int64_t out = g.outputs * g.out_height() * g.out_width();
  const int64_t stride = e.y_image_stride == 0 ? out : e.y_image_stride;
  const int64_t images = stride == out || g.batch == 0 ? 1 : g.batch;
  g.batch /= images;
  e.y_image_stride = 0;
  for (int64_t image = 0; image < images; ++image, x += in, y += stride) {
    DepthwiseForward(context, g, x, w, e, y, scratch);
    if (e.add != nullptr) e.add += out;
  }
}

}  // namespace

void ConvolveForward(Context& context, const ConvolutionGeometry& g, const float* x, const float* w,
                     const Epilogue& epilogue, float* y, WorkerScratch scratch) {
  if (IsDepthwise(g)) return ForwardDepthwise(context, g, x, w, epilogue, y, scratch);
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
          const EpilogueTile out(epilogue, y, image, g.outputs, group * m, m, plane,
                                 row * out_width, tile.pixels());
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
