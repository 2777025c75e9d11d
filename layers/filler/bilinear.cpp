// bilinear: the kernel with which a Deconvolution of stride f interpolates,
// y = (1 - |i / f - c|) (1 - |j / f - c|).
#include "draw.h"
#include "moka/registry.h"

namespace moka {
namespace {

class Bilinear final : public Filler {
 public:
  explicit Bilinear(const FillerParameter&) {}

  void Check(const Shape& shape) const override {
    if (shape.axes() != 4) {
      throw Error("the bilinear filler needs a shape of 4 axes; ", shape, " has ", shape.axes())
          .At("type");
    }
    if (shape[2] != shape[3]) {
      throw Error("the bilinear filler needs a square kernel; that of ", shape, " is ", shape[2],
                  " by ", shape[3])
          .At("type");
    }
  }

  void Fill(const RandomStream&, Tensor& tensor) const override {
    const int64_t w = tensor.shape()[3];
    const int64_t f = (w + 1) / 2;
    const float c = static_cast<float>(2 * f - 1 - f % 2) / static_cast<float>(2 * f);
    const auto weight = [&](int64_t x) {
      return 1 - std::abs(static_cast<float>(x) / static_cast<float>(f) - c);
    };
    for (int64_t i = 0; i < tensor.count(); ++i) {
      tensor.data()[i] = weight(i % w) * weight(i / w % w);
    }
  }
};

}  // namespace

void RegisterBilinearFiller(Registry& registry) { registry.AddFiller<Bilinear>("bilinear"); }

}  // namespace moka
