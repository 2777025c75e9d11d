// GELU: y = x Phi(x), Phi(x) = (1 + erf(x / sqrt(2))) / 2 the share of a normal distribution below
// x. Hendrycks, Gimpel, "Gaussian error linear units", 2016.
#include "gelu.pb.h"
#include "moka/elementwise.h"
#include "moka/functions.h"
#include "moka/registry.h"

namespace moka {
namespace {

// The approximation by tanh: Phi(x) is nearly s(z), s the sigmoid, z = 2 sqrt(2 / pi) (x + c x^3).
constexpr float kSlope = 1.5957691216057308f, kCubic = 0.044715f;
inline float Z(float x) { return kSlope * x * (1 + kCubic * x * x); }
inline float ZSlope(float x) { return kSlope * (1 + 3 * kCubic * x * x); }

class GELU final : public Layer {
 public:
  GELU(const LayerSpec& spec, const GELUParameter& params)
      : Layer(spec), tanh_(params.approximate() == GELUParameter::TANH) {}

  static LayerTraits Traits(const LayerSpec&, const GELUParameter&) { return GradientFromBottom(); }

  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }

  // Beyond 20 all is 0 or x: clamped there, infinity meets no 0 whose product with it is NaN.
  void Forward(ForwardPass& pass) override {
    const auto above = [](float x) { return x < -20 ? -20 : x; };
    tanh_ ? ForwardEach(pass, [=](float x) { return above(x) * Sigmoid(Z(above(x))); })
          : ForwardEach(pass, [=](float x) { return above(x) * NormalCdf(x); });
  }

  void Backward(BackwardPass& pass) override {
    tanh_ ? BackwardFromBottom(pass,
                               [](float x_any, float dy) {
                                 const float x = Clamp(x_any, -20.0f, 20.0f), s = Sigmoid(Z(x));
                                 return dy * (s + x * s * (1 - s) * ZSlope(x));
                               })
          : BackwardFromBottom(pass, [](float x_any, float dy) {
              const float x = Clamp(x_any, -20.0f, 20.0f);
              return dy * (NormalCdf(x) + x * 0.3989422804f * Gaussian(x));  // 1 / sqrt(2 pi)
            });
  }

 private:
  const bool tanh_;
};

}  // namespace

void RegisterGELU(Registry& registry) {
  registry.Add<GELU>("GELU", Field<GELUParameter>{"gelu_param", 5010});
}

}  // namespace moka
