// ReLU: y = x where x >= 0, and y = slope x elsewhere (slope 0 unless the file says otherwise).
// Caffe: in place, the gradient is wrong where the slope is negative; here the net keeps x for
// that.
#include "moka/registry.h"
#include "rectifier.h"
#include "relu.pb.h"

namespace moka {
namespace {

class ReLU final : public Rectifier {
 public:
  ReLU(const LayerSpec& spec, const ReLUParameter& params)
      : Rectifier(spec, params.negative_slope(), "relu_param") {}

  static LayerTraits Traits(const LayerSpec&, const ReLUParameter& params) {
    return SlopeTraits(params.negative_slope());
  }
};

}  // namespace

void RegisterReLU(Registry& registry) {
  registry.Add<ReLU>("ReLU", Field<ReLUParameter>{"relu_param", 123});
}

}  // namespace moka
