// Dropout: y = x m / (1 - ratio), m 0 with probability ratio and else 1; when testing, y = x.
// Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout", JMLR 15, 2014.
#include <algorithm>
#include <array>
#include <cstdint>

#include "dropout.pb.h"
#include "moka/elementwise.h"
#include "moka/math.h"
#include "moka/registry.h"

namespace moka {
namespace {

class Dropout final : public Layer {
 public:
  Dropout(const LayerSpec& spec, const DropoutParameter& params)
      : Layer(spec), ratio_(params.dropout_ratio()), identity_(IsIdentity(spec, params)) {
    if (!(ratio_ >= 0 && ratio_ < 1)) {
      throw Error("dropout_ratio must be at least 0 and less than 1, but is ", ratio_)
          .At("dropout_param.dropout_ratio");
    }
  }

  static LayerTraits Traits(const LayerSpec& spec, const DropoutParameter& params) {
    LayerTraits traits;
    traits.BottomGradientReads(Reads::Nothing()).ParamGradientReads(Reads::Nothing());
    return IsIdentity(spec, params) ? traits.SameValues(0, 0) : traits.MayShare(0, 0);
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    plan.top(0) = bottom[0];
    if (!identity_) mask_ = plan.Saved<uint8_t>(bottom[0].count());
  }

  // The mask is kept, one byte for each element: drawing it again in Backward would cost several
  // times as much as reading it.
  void Forward(ForwardPass& pass) override {
    if (identity_) return Copy(pass.context(), pass.bottom(0).values(), pass.top(0).values());
    DrawMask(pass);
    ApplyMask(pass, pass.bottom(0), pass.top(0));
  }

  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    if (identity_) {
      return Copy(pass.context(), pass.top_diff(0).values(), pass.bottom_diff(0).values());
    }
    ApplyMask(pass, pass.top_diff(0), pass.bottom_diff(0));
  }

 private:
  static bool IsIdentity(const LayerSpec& spec, const DropoutParameter& params) {
    return !spec.training() || params.dropout_ratio() == 0;
  }

  // m[i] = 0 where the i-th random number, of 32 bits, is below ratio 2^32.
  void DrawMask(ForwardPass& pass) {
    static_assert(kElementGrain % 4 == 0, "a random block has 4 numbers, all of one piece");
    const RandomStream random = pass.random();
    const auto threshold = static_cast<uint32_t>(ratio_ * 0x1p32);  // ratio < 1: fits
    uint8_t* m = pass.Get(mask_).data();
    pass.ParallelFor(mask_.count, kElementGrain, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i += 4) {
        const std::array<uint32_t, 4> bits = random.Block(static_cast<uint64_t>(i) / 4);
        const int64_t count = std::min<int64_t>(4, end - i);
        for (int64_t k = 0; k < count; ++k) m[i + k] = bits[static_cast<size_t>(k)] >= threshold;
      }
    });
  }

  // y[i] = x[i] m[i] / (1 - ratio), and dx from dy in the same way. A product, so that NaN passes
  // even where m is 0.
  void ApplyMask(Pass& pass, const Tensor& from, Tensor& to) {
    const float scale = 1 / (1 - ratio_);
    const uint8_t* m = pass.Get(mask_).data();
    pass.ParallelFor(from.count(), kElementGrain,
                     [=, x = from.data(), y = to.data()](int64_t begin, int64_t end) {
                       Vectorised([=] {
#pragma GCC ivdep
                         for (int64_t i = begin; i < end; ++i) {
                           y[i] = x[i] * (static_cast<float>(m[i]) * scale);
                         }
                       });
                     });
  }

  const float ratio_;
  const bool identity_;
  Buffer<uint8_t> mask_;
};

}  // namespace

void RegisterDropout(Registry& registry) {
  registry.Add<Dropout>("Dropout", Field<DropoutParameter>{"dropout_param", 108});
}

}  // namespace moka
