// EuclideanLoss: loss = 1/(2N) sum (a - b)^2, with N the number of samples.
#include "difference_loss.h"
#include "moka/registry.h"

namespace moka {
namespace {

struct HalfSquare {
  static constexpr double kScale = 0.5;
  static double Value(double d) { return d * d; }
  static float Slope(float d) { return d; }
};

}  // namespace

void RegisterEuclideanLoss(Registry& registry) {
  registry.Add<DifferenceLoss<HalfSquare>>("EuclideanLoss");
}

}  // namespace moka
