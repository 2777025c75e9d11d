// y = w * x, and what the epilogue says.
#include "math/depthwise.h"
#include "math/direct_convolution.h"
#include "math/epilogue.h"
#include "math/winograd.h"

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

void ConvolveForward(Context& context, const ConvolutionGeometry& g, const float* x,
                     const PackedWeights& w, const Epilogue& epilogue, float* y,
                     WorkerScratch scratch) {
  if (IsDepthwise(g)) return ForwardDepthwise(context, g, x, w.w, epilogue, y, scratch);
  const WinogradTile tile = WinogradOf(g, ConvolutionPass::kForward);
  if (tile == WinogradTile::kNone)
    return DirectForward(context, g, x, w.packed, epilogue, y, scratch);
  const TileEnd end{epilogue.scale, epilogue.shift, epilogue.add, epilogue.slope};
  WinogradForward(context, g, tile, x, w.packed, &end, y, scratch, epilogue.y_image_stride);
}

void ConvolveForward(Context& context, const ConvolutionGeometry& g, const float* x, const float* w,
                     const Epilogue& epilogue, float* y, WorkerScratch scratch) {
  const auto packed = PackInScratch(context, g, ConvolutionPass::kForward, w, scratch);
  ConvolveForward(context, g, x, packed, epilogue, y, scratch);
}

void ConvolveForward(Context& context, const ConvolutionGeometry& g, const float* x, const float* w,
                     const float* bias, float* y, WorkerScratch scratch) {
  ConvolveForward(context, g, x, w, Epilogue{.shift = bias}, y, scratch);
}

}  // namespace moka
