// @Name@: @formula@.
// That is an example: put your own formula into Forward, and its derivative into Backward.
#include <cmath>
@includes@

#include "moka/layer.h"
#include "moka/registry.h"
#include "@stem@.pb.h"

class @Name@ final : public moka::Layer {
 public:
@constructor@

  static moka::LayerTraits Traits(const moka::LayerSpec&, const @Name@Parameter&) {
    return moka::LayerTraits()
        .Bottoms(1)                                   // x
        .Tops(1)                                      // y
        .BottomGradientReads(moka::Reads::Bottom(0))  // Backward reads x; for y: Reads::Top(0)
        .MayShare(0, 0);  // each element is read before it is written: y may take x's memory
  }

  void Reshape(moka::Shapes bottom, moka::Plan& plan) override { plan.top(0) = bottom[0]; }

  // x, y: any shape, element by element
  void Forward(moka::ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    float* y = pass.top(0).data();
    pass.ParallelFor(pass.bottom(0).count(), 8192, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = x[i] / (1 + std::abs(@p_times@x[i]));
    });
  }

  // dx = dy dy/dx, with dy/dx = @derivative@
  void Backward(moka::BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const float* x = pass.bottom(0).data();
    const float* dy = pass.top_diff(0).data();
    float* dx = pass.bottom_diff(0).data();
    pass.ParallelFor(pass.bottom(0).count(), 8192, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const float z = 1 + std::abs(@p_times@x[i]);
        dx[i] = dy[i] / (z * z);
      }
    });
  }
@private_members@
};

void RegisterPlugin(moka::Registry& registry) {
  const moka::Field<@Name@Parameter> params{"@stem@_param"};
  registry.Add<@Name@>("@Name@", params);
}
