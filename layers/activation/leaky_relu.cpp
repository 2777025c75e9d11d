// LeakyReLU: y = x where x >= 0, and y = slope x elsewhere: its gradient is never 0, no unit dies.
// Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.
#include "leaky_relu.pb.h"
#include "moka/registry.h"
#include "rectifier.h"

namespace moka {
namespace {

class LeakyReLU final : public Rectifier {
 public:
  LeakyReLU(const LayerSpec& spec, const LeakyReLUParameter& params)
      : Rectifier(spec, params.negative_slope(), "leaky_relu_param") {}

  static LayerTraits Traits(const LayerSpec&, const LeakyReLUParameter& params) {
    return SlopeTraits(params.negative_slope());
  }
};

}  // namespace

void RegisterLeakyReLU(Registry& registry) {
  registry.Add<LeakyReLU>("LeakyReLU", Field<LeakyReLUParameter>{"leaky_relu_param", 5001});
}

}  // namespace moka
