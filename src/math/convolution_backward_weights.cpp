// dw = or += the gradient of <w * x, dy> for w, db that for a bias.
#include "math/depthwise.h"
#include "math/direct_convolution.h"
#include "math/pointwise_weights.h"
#include "math/winograd.h"

namespace moka {
namespace {

// db[o] = or += the sum of dy's planes of output o, in the order of the images.
void BackwardBias(Context& context, const ConvolutionGeometry& g, const float* dy, float* db,
                  bool add) {
  const auto plane = static_cast<size_t>(g.out_height() * g.out_width());
  context.ParallelFor(g.outputs, 1, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      double sum = add ? db[o] : 0;
      for (int64_t n = 0; n < g.batch; ++n)
        sum += Sum(context, {dy + static_cast<size_t>(n * g.outputs + o) * plane, plane});
      db[o] = static_cast<float>(sum);
    }
  });
}

}  // namespace

void ConvolveBackwardWeights(Context& context, const ConvolutionGeometry& g, const float* x,
                             const float* dy, float* dw, bool add_dw, float* db, bool add_db,
                             WorkerScratch scratch, std::span<float> shared) {
  if (IsDepthwise(g)) {
    DepthwiseBackwardWeights(context, g, x, dy, dw, add_dw, db, add_db, scratch, shared);
    return;
  }
  const WinogradTile tile = WinogradOf(g, ConvolutionPass::kBackwardWeights);
  if (tile == WinogradTile::kNone && !IsWidePointwise(g)) {
    DirectBackwardWeights(context, g, x, dy, dw, add_dw, db, add_db, scratch, shared);
    return;
  }
  if (dw == nullptr) {
    if (db != nullptr) BackwardBias(context, g, dy, db, add_db);
  } else if (tile != WinogradTile::kNone) {
    WinogradBackwardWeights(context, g, tile, x, dy, dw, add_dw, db, add_db, scratch, shared);
  } else {
    PointwiseBackwardWeights(context, g, x, dy, dw, add_dw, db, add_db, scratch, shared);
  }
}

}  // namespace moka
