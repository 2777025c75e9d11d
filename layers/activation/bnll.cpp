// BNLL ("binomial normal log likelihood", Caffe's name for Softplus): y = log(1 + exp(x)).
// Caffe: in place, Backward takes y for x; here it reads y alone.
#include "moka/registry.h"
#include "smooth_rectifier.h"

namespace moka {
namespace {

class BNLL final : public SmoothRectifier {
 public:
  explicit BNLL(const LayerSpec& spec) : SmoothRectifier(spec, 1) {}

  static LayerTraits Traits(const LayerSpec&) { return GradientFromTop(); }
};

}  // namespace

void RegisterBNLL(Registry& registry) { registry.Add<BNLL>("BNLL"); }

}  // namespace moka
