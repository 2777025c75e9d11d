// Eltwise: y = x0 x1 ..., y = c0 x0 + c1 x1 + ... or y = max(x0, x1, ...), element by element.
#include <algorithm>
#include <vector>

#include "eltwise.pb.h"
#include "moka/layer.h"
#include "moka/registry.h"

namespace moka {
namespace {

// All loops go over blocks that stay in the first-level cache, one bottom after the other. A block
// is complete before its first element is written.
constexpr int64_t kBlock = 512, kGrain = 32 * kBlock;

class Eltwise final : public Layer {
 public:
  Eltwise(const LayerSpec& spec, const EltwiseParameter& params);
  static LayerTraits Traits(const LayerSpec& spec, const EltwiseParameter& params);
  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  // One block of Forward: y from the bottoms' elements [at, at + n).
  void Product(ForwardPass& pass, int64_t at, int64_t n, float* y);
  void Sum(ForwardPass& pass, int64_t at, int64_t n, float* y);
  void Max(ForwardPass& pass, int64_t at, int64_t n, float* y);
  // One block of Backward: dx of bottom k from dy.
  void ProductGradient(BackwardPass& pass, int k, int64_t at, int64_t n, const float* dy,
                       float* dx);
  void SumGradient(int k, int64_t n, const float* dy, float* dx) const;
  void MaxGradient(BackwardPass& pass, int k, int64_t at, int64_t n, const float* dy, float* dx);

  const EltwiseParameter::EltwiseOp operation_;
  const bool stable_;
  std::vector<float> coeff_;  // one for each bottom
  Buffer<uint8_t> winner_;    // MAX: which bottom is the largest
};

Eltwise::Eltwise(const LayerSpec& spec, const EltwiseParameter& params)
    : Layer(spec),
      operation_(params.operation()),
      stable_(params.stable_prod_grad()),
      coeff_(params.coeff().begin(), params.coeff().end()) {
  if (!coeff_.empty() && operation_ != EltwiseParameter::SUM) {
    throw Error("coeff is for operation SUM only").At("eltwise_param.coeff");
  }
  const auto bottoms = static_cast<size_t>(spec.bottom_count());
  if (!coeff_.empty() && coeff_.size() != bottoms) {
    std::string list;
    for (const float c : coeff_) list += (list.empty() ? "" : ", ") + Error("", c).message();
    throw Error("there are ", coeff_.size(), " coeffs, ", list, ", for ", bottoms, " bottoms")
        .At("eltwise_param.coeff");
  }
  coeff_.resize(bottoms, 1.0F);
}

// y may take the memory of any bottom, and that bottom's dx the memory of dy: all bottoms' elements
// of a block are read before the block of y is written, and dy's block is copied before the first
// dx is. Where Backward reads the bottoms' values (PROD), the net keeps them because it is
// declared, and shares only the diffs.
LayerTraits Eltwise::Traits(const LayerSpec& spec, const EltwiseParameter& params) {
  const bool is_max = params.operation() == EltwiseParameter::MAX;
  LayerTraits traits;
  traits.Bottoms(2, is_max ? 256 : LayerTraits::kAnyNumber);  // a winner is kept in a byte
  Reads reads = Reads::Nothing();
  if (params.operation() == EltwiseParameter::PROD) {
    reads = params.stable_prod_grad() ? Reads::Bottoms() : Reads::Bottoms() | Reads::Top(0);
  }
  traits.BottomGradientReads(reads);
  for (int k = 0; k < spec.bottom_count(); ++k) traits.MayShare(0, k);
  return traits;
}

void Eltwise::Reshape(Shapes bottom, Plan& plan) {
  for (size_t k = 1; k < bottom.size(); ++k) {
    if (bottom[k] != bottom[0]) {
      throw Error("bottom ", k, " is ", bottom[k], ", bottom 0 is ", bottom[0],
                  ": they must have equal shapes");
    }
  }
  plan.top(0) = bottom[0];
  if (operation_ == EltwiseParameter::MAX) winner_ = plan.Saved<uint8_t>(bottom[0].count());
}

void Eltwise::Forward(ForwardPass& pass) {
  float* y = pass.top(0).data();
  pass.ParallelFor(pass.top(0).count(), kGrain, [&](int64_t begin, int64_t end) {
    float block[kBlock];
    for (int64_t at = begin; at < end; at += kBlock) {
      const int64_t n = std::min(kBlock, end - at);
      switch (operation_) {
        case EltwiseParameter::PROD:
          Product(pass, at, n, block);
          break;
        case EltwiseParameter::SUM:
          Sum(pass, at, n, block);
          break;
        case EltwiseParameter::MAX:
          Max(pass, at, n, block);
          break;
      }
      std::copy_n(block, n, y + at);
    }
  });
}

void Eltwise::Product(ForwardPass& pass, int64_t at, int64_t n, float* y) {
  std::copy_n(pass.bottom(0).data() + at, n, y);
  for (int k = 1; k < pass.bottom_count(); ++k) {
    const float* x = pass.bottom(k).data() + at;
    for (int64_t i = 0; i < n; ++i) y[i] *= x[i];
  }
}

void Eltwise::Sum(ForwardPass& pass, int64_t at, int64_t n, float* y) {
  std::fill_n(y, n, 0.0F);
  for (int k = 0; k < pass.bottom_count(); ++k) {
    const float* x = pass.bottom(k).data() + at;
    const float c = coeff_[static_cast<size_t>(k)];
    for (int64_t i = 0; i < n; ++i) y[i] += c * x[i];
  }
}

// Of equal bottoms the first wins; a NaN beats every number.
void Eltwise::Max(ForwardPass& pass, int64_t at, int64_t n, float* y) {
  uint8_t* winner = pass.Get(winner_).data() + at;
  std::copy_n(pass.bottom(0).data() + at, n, y);
  std::fill_n(winner, n, uint8_t{0});
  for (int k = 1; k < pass.bottom_count(); ++k) {
    const float* x = pass.bottom(k).data() + at;
    for (int64_t i = 0; i < n; ++i) {
      const bool wins = x[i] > y[i] || (x[i] != x[i] && y[i] == y[i]);
      y[i] = wins ? x[i] : y[i];
      winner[i] = wins ? static_cast<uint8_t>(k) : winner[i];
    }
  }
}

void Eltwise::Backward(BackwardPass& pass) {
  const Tensor& top_diff = pass.top_diff(0);
  pass.ParallelFor(top_diff.count(), kGrain, [&](int64_t begin, int64_t end) {
    float dy[kBlock];
    for (int64_t at = begin; at < end; at += kBlock) {
      const int64_t n = std::min(kBlock, end - at);
      std::copy_n(top_diff.data() + at, n, dy);
      for (int k = 0; k < pass.bottom_count(); ++k) {
        if (!pass.wants_bottom(k)) continue;
        float* dx = pass.bottom_diff(k).data() + at;
        switch (operation_) {
          case EltwiseParameter::PROD:
            ProductGradient(pass, k, at, n, dy, dx);
            break;
          case EltwiseParameter::SUM:
            SumGradient(k, n, dy, dx);
            break;
          case EltwiseParameter::MAX:
            MaxGradient(pass, k, at, n, dy, dx);
            break;
        }
      }
    }
  });
}

void Eltwise::ProductGradient(BackwardPass& pass, int k, int64_t at, int64_t n, const float* dy,
                              float* dx) {
  if (!stable_) {
    const float* y = pass.top(0).data() + at;
    const float* x = pass.bottom(k).data() + at;
    for (int64_t i = 0; i < n; ++i) dx[i] = dy[i] * (y[i] / x[i]);
    return;
  }
  std::copy_n(dy, n, dx);
  for (int other = 0; other < pass.bottom_count(); ++other) {
    if (other == k) continue;
    const float* x = pass.bottom(other).data() + at;
    for (int64_t i = 0; i < n; ++i) dx[i] *= x[i];
  }
}

void Eltwise::SumGradient(int k, int64_t n, const float* dy, float* dx) const {
  const float c = coeff_[static_cast<size_t>(k)];
  for (int64_t i = 0; i < n; ++i) dx[i] = c * dy[i];
}

void Eltwise::MaxGradient(BackwardPass& pass, int k, int64_t at, int64_t n, const float* dy,
                          float* dx) {
  const uint8_t* winner = pass.Get(winner_).data() + at;
  for (int64_t i = 0; i < n; ++i) dx[i] = winner[i] == k ? dy[i] : 0.0F;
}

}  // namespace

void RegisterEltwise(Registry& registry) {
  registry.Add<Eltwise>("Eltwise", Field<EltwiseParameter>{"eltwise_param", 110});
}

}  // namespace moka
