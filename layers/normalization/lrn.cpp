// LRN: y = x s^-beta, s = k + alpha / n sum x^2, the sum over a window around the element: n =
// local_size channels (ACROSS_CHANNELS), or n = local_size^2 places of its channel
// (WITHIN_CHANNEL). n counts what hangs over the edge, too. Krizhevsky, Sutskever, Hinton, NIPS
// 2012. Caffe: ignores k in WITHIN_CHANNEL, as if it were 1; here it counts.
#include <cmath>
#include <cstdint>
#include <string>

#include "lrn.pb.h"
#include "lrn_across.h"
#include "lrn_power.h"
#include "lrn_within.h"
#include "moka/registry.h"

namespace moka {
namespace {

class LRN final : public Layer {
 public:
  LRN(const LayerSpec& spec, const LRNParameter& params);

  // Neighbours are read after the element is written.
  static LayerTraits Traits(const LayerSpec&, const LRNParameter&) {
    return LayerTraits().BottomGradientReads(Reads::Bottom(0)).ParamGradientReads(Reads::Nothing());
  }
  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  bool within() const { return params_.norm_region() == LRNParameter::WITHIN_CHANNEL; }

  // Calls body(windows, k, sign, root, power), with s = k + sign sum (root x)^2: the factor comes
  // first, so that nothing overflows before s does.
  template <typename F>
  void WithWindows(const F& body) const {
    const float k = params_.k(), sign = scale_ < 0 ? -1.0f : 1.0f;
    const auto root = static_cast<float>(std::sqrt(std::abs(scale_)));
    const auto with = [&](auto power) {
      within() ? body(within_, k, sign, root, power) : body(across_, k, sign, root, power);
    };
    if (params_.beta() == 0.75f && k > 0 && scale_ >= 0) return with(PositivePower());
    if (std::abs(params_.beta()) <= 4) return with(SmallPower{params_.beta()});
    with(AnyPower{params_.beta()});
  }

  const LRNParameter params_;
  double scale_ = 0;  // alpha / n
  LrnAcross across_;
  LrnWithin within_;
};

LRN::LRN(const LayerSpec& spec, const LRNParameter& params) : Layer(spec), params_(params) {
  if (params.local_size() % 2 == 0) {
    throw Error("local_size is ", params.local_size(), "; it must be odd")
        .At("lrn_param.local_size");
  }
  const auto check = [](float value, const std::string& name) {
    if (!std::isfinite(value)) {
      throw Error(name, " must be finite, but is ", value).At("lrn_param." + name);
    }
  };
  check(params.alpha(), "alpha");
  check(params.beta(), "beta");
  check(params.k(), "k");
  const double n = params.local_size();
  scale_ = params.alpha() / (within() ? n * n : n);
}

void LRN::Reshape(Shapes bottom, Plan& plan) {
  const Shape& x = bottom[0];
  if (x.axes() < 2 || (within() && x.axes() != 4)) {
    throw Error(
        "LRN needs a bottom of ",
        within() ? "4 axes (items, channels, height, width)" : "at least 2 axes (items, channels)",
        ", but its shape is ", x);
  }
  const int64_t half = params_.local_size() / 2;
  if (within()) {
    within_ = LrnWithin(x[0] * x[1], x[2], x[3], half, plan);
  } else {
    across_ = LrnAcross(x[0], x[1], x.count_from(2), half, plan);
  }
  plan.top(0) = x;
}

void LRN::Forward(ForwardPass& pass) {
  WithWindows([&](const auto& windows, float k, float sign, float root, auto power) {
    windows.Forward(pass, k, sign, root, power);
  });
}

// dx = dy s^-beta - 2 beta alpha / n x sum dy x s^(-beta - 1), the sum over the elements whose
// window has this one in it: a window, too.
void LRN::Backward(BackwardPass& pass) {
  if (!pass.wants_bottom(0)) return;
  const auto back = static_cast<float>(-2 * params_.beta() * scale_);
  WithWindows([&](const auto& windows, float k, float sign, float root, auto power) {
    windows.Backward(pass, k, sign, root, back, power);
  });
}

}  // namespace

void RegisterLRN(Registry& registry) {
  registry.Add<LRN>("LRN", Field<LRNParameter>{"lrn_param", 118});
}

}  // namespace moka
