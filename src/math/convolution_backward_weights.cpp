// dw = or += the gradient of <w * x, dy> for w, db that for a bias.
#include "math/depthwise.h"
#include "math/direct_convolution.h"
#include "math/pointwise_weights.h"
#include "math/winograd.h"

namespace moka {

void ConvolveBackwardWeights(Context& context, const ConvolutionGeometry& g, const float* x,
                             const float* dy, float* dw, bool add_dw, float* db, bool add_db,
                             WorkerScratch scratch, std::span<float> shared) {
  if (IsDepthwise(g)) {
    DepthwiseBackwardWeights(context, g, x, dy, dw, add_dw, db, add_db, scratch, shared);
    return;
  }
  const WinogradTile tile = WinogradOf(g, ConvolutionPass::kBackwardWeights);
  if (tile != WinogradTile::kNone && dw != nullptr) {
    WinogradBackwardWeights(context, g, tile, x, dy, dw, add_dw, scratch, shared);
    dw = nullptr;
  } else if (IsWidePointwise(g) && dw != nullptr) {
    PointwiseBackwardWeights(context, g, x, dy, dw, add_dw, scratch, shared);
    dw = nullptr;
  }
  if (dw != nullptr || db != nullptr)
    DirectBackwardWeights(context, g, x, dy, dw, add_dw, db, add_db, scratch, shared);
}

}  // namespace moka
