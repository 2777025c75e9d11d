// Softplus: y = log(1 + exp(beta x)) / beta, which lies above ReLU by at most log(2) / beta.
#include <cmath>

#include "moka/registry.h"
#include "smooth_rectifier.h"
#include "softplus.pb.h"

namespace moka {
namespace {

class Softplus final : public SmoothRectifier {
 public:
  Softplus(const LayerSpec& spec, const SoftplusParameter& params)
      : SmoothRectifier(spec, params.beta()) {
    if (!(params.beta() > 0) || !std::isfinite(params.beta())) {
      throw Error("beta must be positive and finite, but is ", params.beta())
          .At("softplus_param.beta");
    }
  }

  static LayerTraits Traits(const LayerSpec&, const SoftplusParameter&) {
    return GradientFromTop();
  }
};

}  // namespace

void RegisterSoftplus(Registry& registry) {
  registry.Add<Softplus>("Softplus", Field<SoftplusParameter>{"softplus_param", 5002});
}

}  // namespace moka
