// positive_unitball: each row, a slice of the first axis, is positive and sums to 1.
#include "draw.h"
#include "moka/registry.h"

namespace moka {
namespace {

class PositiveUnitBall final : public Filler {
 public:
  explicit PositiveUnitBall(const FillerParameter&) {}

  void Fill(const RandomStream& random, Tensor& tensor) const override {
    FillUniform(0, 1, random, tensor);
    if (tensor.count() == 0) return;
    const int64_t rows = tensor.shape().size_or_1(0);
    const int64_t length = tensor.count() / rows;
    for (int64_t row = 0; row < rows; ++row) {
      float* y = tensor.data() + row * length;
      double sum = 0;
      for (int64_t i = 0; i < length; ++i) sum += y[i];
      for (int64_t i = 0; i < length; ++i) {
        // All of a very short row may be drawn as 0.
        y[i] = static_cast<float>(sum > 0 ? y[i] / sum : 1.0 / static_cast<double>(length));
      }
    }
  }
};

}  // namespace

void RegisterPositiveUnitBallFiller(Registry& registry) {
  registry.AddFiller<PositiveUnitBall>("positive_unitball");
}

}  // namespace moka
