// Clip: y = min(max(x, min), max).
// Caffe: in place, it takes y for x in Backward and lets the gradient of clipped values through.
// Caffe: min and max are required by its grammar, so that another fork's field 148 breaks the file.
#include <cmath>

#include "clip.pb.h"
#include "moka/elementwise.h"
#include "moka/functions.h"
#include "moka/registry.h"

namespace moka {
namespace {

class Clip final : public Layer {
 public:
  Clip(const LayerSpec& spec, const ClipParameter& params)
      : Layer(spec), min_(params.min()), max_(params.max()) {
    if (!params.has_min()) throw Error("min is missing").At("clip_param.min");
    if (!params.has_max()) throw Error("max is missing").At("clip_param.max");
    if (std::isnan(min_)) throw Error("min must be a number, but is nan").At("clip_param.min");
    if (!(max_ >= min_)) {
      throw Error("max must be at least min, ", min_, ", but is ", max_).At("clip_param.max");
    }
  }

  static LayerTraits Traits(const LayerSpec&, const ClipParameter&) { return GradientFromBottom(); }

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  void Forward(ForwardPass& pass) override {
    ForwardEach(pass, [a = min_, b = max_](float x) { return Clamp(x, a, b); });
  }

  // dx = dy where min <= x <= max, and 0 elsewhere. Of y alone one could not see which values were
  // clipped and which were there before.
  void Backward(BackwardPass& pass) override {
    BackwardFromBottom(pass, [a = min_, b = max_](float x, float dy) {
      return dy * (x < a ? 0.0f : (x > b ? 0.0f : 1.0f));
    });
  }

 private:
  const float min_, max_;
};

}  // namespace

void RegisterClip(Registry& registry) {
  registry.Add<Clip>("Clip", Field<ClipParameter>{"clip_param", 148});
}

}  // namespace moka
