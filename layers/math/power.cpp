// Power: y = (shift + scale x)^power.
// Caffe: in place, Backward is always wrong: it overwrites dy before it reads it.
// Caffe: where shift + scale x is 0, its gradient is 0 / 0; here it is that of the power.
#include "affine.h"
#include "moka/elementwise.h"
#include "moka/functions.h"
#include "moka/registry.h"
#include "power.pb.h"

namespace moka {
namespace {

// u^p for a whole p: of |u|, with u's sign if p is odd.
inline float EvenPower(float u, float p) { return Pow(std::abs(u), p); }
inline float OddPower(float u, float p) { return std::copysign(Pow(std::abs(u), p), u); }

// u^n for a whole n >= 1, by a few products.
template <int n>
[[gnu::always_inline]] inline float Whole(float u) {
  if constexpr (n == 1) {
    return u;
  } else {
    const float half = Whole<n / 2>(u);
    return n % 2 == 0 ? half * half : u * (half * half);
  }
}

class Power final : public Layer {
 public:
  Power(const LayerSpec& spec, const PowerParameter& params)
      : Layer(spec),
        power_(Finite(params.power(), "power_param.power")),
        u_{static_cast<double>(Finite(params.scale(), "power_param.scale")),
           static_cast<double>(Finite(params.shift(), "power_param.shift"))} {}

  static LayerTraits Traits(const LayerSpec&, const PowerParameter& params) {
    const bool straight = params.power() == 0 || params.power() == 1 || params.scale() == 0;
    return straight ? GradientFromNothing() : GradientFromBottom();
  }

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  void Forward(ForwardPass& pass) override {
    WithPower([&](auto power, auto) {
      ForwardEach(pass, [=, u = u_](float x) { return power(static_cast<float>(u(x))); });
    });
  }

  // dy/dx = scale power u^(power - 1); 0 if that has a factor 0, whatever u is.
  void Backward(BackwardPass& pass) override {
    const auto scale = static_cast<float>(u_.scale);
    if (power_ == 0 || scale == 0) return BackwardFromNothing(pass, [](float) { return 0.0f; });
    if (power_ == 1) return BackwardFromNothing(pass, [=](float dy) { return dy * scale; });
    WithPower([&](auto, auto slope) {
      BackwardFromBottom(pass, [=, u = u_](float x, float dy) {
        return dy * (scale * slope(static_cast<float>(u(x))));
      });
    });
  }

 private:
  // Calls use(power, slope): u -> u^p and u -> p u^(p-1), the usual ones without exp and log.
  template <typename Use>
  void WithPower(const Use& use) const {
    const float p = power_;
    if (p == 0) return use([](float) { return 1.0f; }, [](float) { return 0.0f; });
    if (p == 1) return use([](float u) { return u; }, [](float) { return 1.0f; });
    if (p == 2) return WithWhole<2>(use);
    if (p == 3) return WithWhole<3>(use);
    if (p == 4) return WithWhole<4>(use);
    if (p == 5) return WithWhole<5>(use);
    if (p == 6) return WithWhole<6>(use);
    if (p == -1) return use([](float u) { return 1 / u; }, [](float u) { return -1 / (u * u); });
    if (p == 0.5f) {
      return use([](float u) { return std::sqrt(u); }, [](float u) { return 0.5f / std::sqrt(u); });
    }
    if (std::fmod(p, 2.0f) == 0) {
      return use([p](float u) { return EvenPower(u, p); },
                 [p](float u) { return p * OddPower(u, p - 1); });
    }
    if (std::fmod(p, 1.0f) == 0) {
      return use([p](float u) { return OddPower(u, p); },
                 [p](float u) { return p * EvenPower(u, p - 1); });
    }
    if (p >= -3 && p <= 4)
      return use([p](float u) { return SmallPow(u, p); },
                 [p](float u) { return p * SmallPow(u, p - 1); });
    use([p](float u) { return Pow(u, p); }, [p](float u) { return p * Pow(u, p - 1); });
  }
  template <int n, typename Use>
  static void WithWhole(const Use& use) {
    use([](float u) { return Whole<n>(u); }, [](float u) { return n * Whole<n - 1>(u); });
  }

  const float power_;
  const Affine u_;
};

}  // namespace

void RegisterPower(Registry& registry) {
  registry.Add<Power>("Power", Field<PowerParameter>{"power_param", 122});
}

}  // namespace moka
