// Threshold: y = 1 where x > threshold, and y = 0 elsewhere; it has no gradient.
// Caffe: makes a NaN 0; here it stays NaN, so that it is noticed.
#include <cmath>

#include "moka/elementwise.h"
#include "moka/registry.h"
#include "threshold.pb.h"

namespace moka {
namespace {

class Threshold final : public Layer {
 public:
  Threshold(const LayerSpec& spec, const ThresholdParameter& params)
      : Layer(spec), threshold_(params.threshold()) {
    if (std::isnan(threshold_)) {
      throw Error("threshold must be a number, but is nan").At("threshold_param.threshold");
    }
  }

  static LayerTraits Traits(const LayerSpec&, const ThresholdParameter&) {
    return LayerTraits().MayShare(0, 0).NoBackward();
  }

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  void Forward(ForwardPass& pass) override {
    ForwardEach(pass, [t = threshold_](float x) { return x > t ? 1.0f : (x <= t ? 0.0f : x); });
  }

 private:
  const float threshold_;
};

}  // namespace

void RegisterThreshold(Registry& registry) {
  registry.Add<Threshold>("Threshold", Field<ThresholdParameter>{"threshold_param", 128});
}

}  // namespace moka
