// Dropout: y = x m / (1 - ratio), m 0 with probability ratio and else 1; when testing, y = x.
// Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout", JMLR 15, 2014.
// Caffe: looks at the ratio in debug builds only, and divides by 0 where it is 1; here it must be
// at least 0 and below 1.
#include <algorithm>
#include <array>
#include <cstdint>

#include "dropout.pb.h"
#include "moka/elementwise.h"
#include "moka/math.h"
#include "moka/registry.h"

namespace moka {
namespace {

// Random bits for 512 elements at once, in vectors: Philox 4x32 (Salmon, Moraes, Dror, Shaw, SC
// 2011) of 7 rounds, the fewest that pass all of their tests, with a key of the layer's own stream.
// Each word decides for two elements, of which one sees its halves swapped.
class Bits512 {
 public:
  static constexpr int64_t kCount = 512;

  explicit Bits512(const RandomStream& random) : start_(random.Block(0)) {}

  // kept[i] = 0 where the number, of 32 bits, is below the threshold, else 1.
  void Draw(int64_t group, uint32_t threshold, uint8_t* kept) const {
    const auto [s0, s1, s2, s3] = start_;
    const auto n = static_cast<uint64_t>(group);
#pragma GCC ivdep
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      uint32_t a = lane ^ s0, b = static_cast<uint32_t>(n), c = static_cast<uint32_t>(n >> 32) ^ s1;
      uint32_t d = 0, k0 = s2, k1 = s3;
      for (int round = 0; round < 7; ++round) {
        const uint64_t p = uint64_t{0xD2511F53} * a, q = uint64_t{0xCD9E8D57} * c;
        a = static_cast<uint32_t>(q >> 32) ^ b ^ k0;
        b = static_cast<uint32_t>(q);
        c = static_cast<uint32_t>(p >> 32) ^ d ^ k1;
        d = static_cast<uint32_t>(p);
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
      }
      uint8_t* to = kept + lane;
      for (const uint32_t word : {a, b, c, d}) {
        to[0] = word >= threshold;
        to[kLanes] = (word << 16 | word >> 16) >= threshold;
        to += 2 * kLanes;
      }
    }
  }

 private:
  static constexpr uint32_t kLanes = 64;
  std::array<uint32_t, 4> start_;
};

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
    DrawAndApplyMask(pass);
  }

  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    if (identity_) {
      return Copy(pass.context(), pass.top_diff(0).values(), pass.bottom_diff(0).values());
    }
    ApplyMask(pass);
  }

 private:
  static bool IsIdentity(const LayerSpec& spec, const DropoutParameter& params) {
    return !spec.training() || params.dropout_ratio() == 0;
  }

  // y[i] = x[i] m[i] / (1 - ratio). A product, so that NaN passes even where m is 0.
  void DrawAndApplyMask(ForwardPass& pass) {
    static_assert(kElementGrain % Bits512::kCount == 0);
    const Bits512 bits(pass.random());
    const auto threshold = static_cast<uint32_t>(ratio_ * 0x1p32);  // ratio < 1: fits
    pass.ParallelFor(mask_.count, kElementGrain,
                     [=, this, m = pass.Get(mask_).data(), x = pass.bottom(0).data(),
                      y = pass.top(0).data()](int64_t begin, int64_t end) {
                       Vectorised([=, scale = 1 / (1 - ratio_)] {
                         uint8_t kept[Bits512::kCount];
                         for (int64_t i = begin; i < end; i += Bits512::kCount) {
                           ReadAhead(x + i + kAhead, Bits512::kCount);
                           bits.Draw(i / Bits512::kCount, threshold, kept);
                           const int64_t count = std::min(Bits512::kCount, end - i);
                           std::copy_n(kept, count, m + i);
                           Multiply(count, x + i, kept, scale, y + i);
                         }
                       });
                     });
  }

  // dx[i] = dy[i] m[i] / (1 - ratio)
  void ApplyMask(BackwardPass& pass) {
    pass.ParallelFor(mask_.count, kElementGrain,
                     [=, this, m = pass.Get(mask_).data(), dy = pass.top_diff(0).data(),
                      dx = pass.bottom_diff(0).data()](int64_t begin, int64_t end) {
                       Vectorised([=, scale = 1 / (1 - ratio_)] {
                         Multiply(end - begin, dy + begin, m + begin, scale, dx + begin);
                       });
                     });
  }

  static void Multiply(int64_t count, const float* x, const uint8_t* m, float scale, float* y) {
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) y[i] = x[i] * (static_cast<float>(m[i]) * scale);
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
