// GaussianDropout: y = x (1 + std e), with e normal, another one for each element; in tests y = x.
// Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout", JMLR 15, 2014, section 10.
#include <algorithm>
#include <array>
#include <cmath>

#include "gaussian_dropout.pb.h"
#include "moka/check_case.h"
#include "moka/layer.h"
#include "moka/math.h"
#include "moka/registry.h"

class GaussianDropout final : public moka::Layer {
 public:
  GaussianDropout(const moka::LayerSpec& spec, const GaussianDropoutParameter& params)
      : Layer(spec), std_(params.std()) {
    if (!(std_ >= 0 && std::isfinite(std_))) {
      throw moka::Error("std must be 0 or more, and finite, but is ", std_)
          .At("gaussian_dropout_param.std");
    }
  }

  // In tests y is x: where the net gives both the same memory, there is nothing to do.
  static moka::LayerTraits Traits(const moka::LayerSpec& spec, const GaussianDropoutParameter&) {
    moka::LayerTraits traits;
    traits.BottomGradientReads(moka::Reads::Nothing());
    return spec.training() ? traits.MayShare(0, 0) : traits.SameValues(0, 0);
  }
  void Reshape(moka::Shapes bottom, moka::Plan& plan) override { plan.top(0) = bottom[0]; }

  void Forward(moka::ForwardPass& pass) override { Multiply(pass, pass.bottom(0), pass.top(0)); }

  // dx = dy (1 + std e): Backward is given the random numbers of its Forward, so none are saved.
  void Backward(moka::BackwardPass& pass) override {
    if (pass.wants_bottom(0)) Multiply(pass, pass.top_diff(0), pass.bottom_diff(0));
  }

 private:
  // y = x (1 + std e). Random numbers come in blocks of 4: element i is number i % 4 of block i /
  // 4, whichever thread asks.
  void Multiply(moka::Pass& pass, const moka::Tensor& from, moka::Tensor& to) {
    if (!spec().training()) return moka::Copy(pass.context(), from.values(), to.values());
    const float* x = from.data();
    float* y = to.data();
    const moka::RandomStream random = pass.random();
    pass.ParallelFor(from.count(), kGrain, [=, this](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i += 4) {
        const std::array<float, 4> e =
            moka::RandomStream::ToGaussian(random.Block(static_cast<uint64_t>(i / 4)));
        const auto n = static_cast<size_t>(std::min<int64_t>(4, end - i));
        for (size_t k = 0; k < n; ++k) y[i + k] = x[i + k] * (1 + std_ * e[k]);
      }
    });
  }

  static constexpr int64_t kGrain = 4096;  // a multiple of 4, so that a block is of one piece
  const float std_;
};

void RegisterPlugin(moka::Registry& registry) {
  registry.Add<GaussianDropout>("GaussianDropout",
                                moka::Field<GaussianDropoutParameter>{"gaussian_dropout_param"});
  registry.AddCheckCase("GaussianDropout", moka::CheckCase("", {{2, 3, 4, 5}}).Random());
  registry.AddCheckCase("GaussianDropout", moka::CheckCase("", {{2, 3, 4, 5}}).Testing());
}
