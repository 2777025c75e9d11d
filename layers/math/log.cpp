// Log: y = log(shift + scale x), to base e unless the file says otherwise.
// Caffe: in place, it takes y for x in Backward.
#include "affine.h"
#include "log.pb.h"
#include "moka/elementwise.h"
#include "moka/functions.h"
#include "moka/registry.h"

namespace moka {
namespace {

class Log final : public Layer {
 public:
  Log(const LayerSpec& spec, const LogParameter& params)
      : Layer(spec), log_base_(LogOfBase(params.base(), "log_param.base")) {
    if (log_base_ == 0)
      throw Error("base must not be 1: there is no such logarithm").At("log_param.base");
    u_ = {static_cast<double>(Finite(params.scale(), "log_param.scale")),
          static_cast<double>(Finite(params.shift(), "log_param.shift"))};
  }

  static LayerTraits Traits(const LayerSpec&, const LogParameter&) { return GradientFromBottom(); }

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  // log(u) / log(base), u = shift + scale x
  void Forward(ForwardPass& pass) override {
    const auto factor = static_cast<float>(1 / log_base_);
    if (u_.is_identity()) {
      ForwardEach(pass, [=](float x) { return factor * moka::Log(x); });
    } else {
      ForwardEach(pass, [=, u = u_](float x) { return factor * moka::Log(u(x)); });
    }
  }

  // dy/dx = scale / (u log(base))
  void Backward(BackwardPass& pass) override {
    const auto factor = static_cast<float>(u_.scale / log_base_);
    if (u_.is_identity()) {
      BackwardFromBottom(pass, [=](float x, float dy) { return dy * factor / x; });
    } else {
      BackwardFromBottom(
          pass, [=, u = u_](float x, float dy) { return dy * factor / static_cast<float>(u(x)); });
    }
  }

 private:
  const double log_base_;
  Affine u_;
};

}  // namespace

void RegisterLog(Registry& registry) {
  // class: there is a function of that name, too.
  registry.Add<class Log>("Log", Field<LogParameter>{"log_param", 134});
}

}  // namespace moka
