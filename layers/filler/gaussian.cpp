// gaussian: y normal with mean and standard deviation; if sparse, all but about `sparse` inputs of
// each output are 0.
#include "draw.h"
#include "moka/registry.h"

namespace moka {
namespace {

// Draws that decide something else than an element's value are taken from here on.
constexpr uint64_t kSecondDraws = uint64_t{1} << 61;

class Gaussian final : public Filler {
 public:
  explicit Gaussian(const FillerParameter& filler)
      : mean_(filler.mean()), std_(filler.std()), sparse_(filler.sparse()) {
    CheckFinite("mean", mean_);
    CheckFinite("std", std_);
    if (std_ < 0) throw Error("the filler's std is ", std_, "; it must be 0 or more").At("std");
    if (sparse_ < -1) {
      throw Error("the filler's sparse is ", sparse_, "; it must be 0 or more, or -1 for all")
          .At("sparse");
    }
  }

  void Check(const Shape& shape) const override {
    if (sparse_ >= 0 && shape.axes() == 0) {
      throw Error("the filler's sparse, ", sparse_, ", needs an axis of outputs; the shape is ",
                  shape)
          .At("sparse");
    }
  }

  void Fill(const RandomStream& random, Tensor& tensor) const override {
    FillGaussian(mean_, std_, random, tensor);
    if (sparse_ < 0 || tensor.count() == 0) return;
    const double kept = static_cast<double>(sparse_) / static_cast<double>(tensor.shape()[0]);
    for (int64_t i = 0; i < tensor.count(); ++i) {
      if (random.Uniform(kSecondDraws + static_cast<uint64_t>(i)) >= kept) tensor.data()[i] = 0;
    }
  }

 private:
  const float mean_, std_;
  const int32_t sparse_;
};

}  // namespace

void RegisterGaussianFiller(Registry& registry) { registry.AddFiller<Gaussian>("gaussian"); }

}  // namespace moka
