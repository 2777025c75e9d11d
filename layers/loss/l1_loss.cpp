// L1Loss: loss = 1/N sum |a - b|, with N the number of samples.
// Both bottoms get a gradient; where a = b it is 0.
// Caffe: the layer is NVCaffe's; FlowNet's of the same name, with an l1_loss_param, is another.
#include <cmath>

#include "difference_loss.h"
#include "moka/registry.h"

namespace moka {
namespace {

struct Absolute {
  static constexpr double kScale = 1;
  static double Value(double d) { return std::abs(d); }
  static float Slope(float d) { return d > 0 ? 1 : d < 0 ? -1 : d; }  // a NaN stays
};

}  // namespace

void RegisterL1Loss(Registry& registry) { registry.Add<DifferenceLoss<Absolute>>("L1Loss"); }

}  // namespace moka
