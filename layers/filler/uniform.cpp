// uniform: y from [min, max).
#include "draw.h"
#include "moka/registry.h"

namespace moka {
namespace {

class Uniform final : public Filler {
 public:
  explicit Uniform(const FillerParameter& filler) : min_(filler.min()), max_(filler.max()) {
    CheckFinite("min", min_);
    CheckFinite("max", max_);
    if (min_ > max_)
      throw Error("the filler's min, ", min_, ", is larger than its max, ", max_).At("min");
  }
  void Fill(const RandomStream& random, Tensor& tensor) const override {
    FillUniform(min_, max_, random, tensor);
  }

 private:
  const float min_, max_;
};

}  // namespace

void RegisterUniformFiller(Registry& registry) { registry.AddFiller<Uniform>("uniform"); }

}  // namespace moka
