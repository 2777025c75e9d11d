// constant: y = value.
#include "draw.h"
#include "moka/registry.h"

namespace moka {
namespace {

class Constant final : public Filler {
 public:
  explicit Constant(const FillerParameter& filler) : value_(filler.value()) {
    CheckFinite("value", value_);
  }
  void Fill(const RandomStream&, Tensor& tensor) const override { tensor.Fill(value_); }

 private:
  const float value_;
};

}  // namespace

void RegisterConstantFiller(Registry& registry) { registry.AddFiller<Constant>("constant"); }

}  // namespace moka
