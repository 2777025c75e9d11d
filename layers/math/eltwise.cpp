// Eltwise: y = x0 x1 ..., y = c0 x0 + c1 x1 + ... or y = max(x0, x1, ...), element by element.
// Caffe: in place, a sum clears its bottom before it reads it; here the net gives y memory that no
// other bottom needs.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "eltwise.pb.h"
#include "moka/elementwise.h"
#include "moka/fusion.h"
#include "moka/registry.h"

namespace moka {
namespace {

// All loops go over blocks that stay in the first-level cache, one bottom after the other.
constexpr int64_t kBlock = 1024;
static_assert(kElementGrain % kBlock == 0);

class Eltwise final : public Layer, public ElementStep, public StepTaker {
 public:
  Eltwise(const LayerSpec& spec, const EltwiseParameter& params);
  static LayerTraits Traits(const LayerSpec& spec, const EltwiseParameter& params);
  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

  // A plain sum of two is a step for others, and each sum does the rectifier behind it.
  const void* Interface(const char* name, int version) const override;
  Kind kind() const override { return kSum; }
  int TakesInForward(Steps steps) const override {
    return !steps.empty() && steps[0]->kind() == kRectifier ? 1 : 0;
  }
  int TakesInBoth(Steps steps) const override {
    return TakesInForward(steps) == 1 && steps[0]->slope() >= 0 ? 1 : 0;
  }
  LayerTraits TraitsInBoth(int) const override {
    LayerTraits traits = GradientFromTop();
    for (int k = 1; k < spec().bottom_count(); ++k) traits.MayShare(0, k);
    return traits;
  }

 private:
  float Slope(const Pass& pass) const {
    return pass.fused_count() > 0 ? pass.fused_step(0).slope() : 1;
  }
  void Maximum(ForwardPass& pass);
  void ProductGradients(BackwardPass& pass);

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
  for (const float c : coeff_) {
    if (std::isfinite(c)) continue;
    throw Error("coeff must be finite, but is ", c).At("eltwise_param.coeff");
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
// of a block are read before the block of y is written, and the dx that lies there is the last.
// Where Backward reads the bottoms' values (PROD), the net keeps them because it is declared, and
// shares only the diffs.
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

// Calls run(at, n) for all blocks.
template <typename F>
void ForEachBlock(Pass& pass, int64_t count, const F& run) {
  pass.ParallelFor(count, kElementGrain, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; at += kBlock) run(at, std::min(kBlock, end - at));
  });
}

// y = f(k, f(k - 1, ... f(1, x0, x1) ...), xk), k the last bottom. Only the last step writes y,
// which may be any of the bottoms.
template <typename F>
void Fold(ForwardPass& pass, const F& f) {
  const int last = pass.bottom_count() - 1;
  ForEachBlock(pass, pass.top(0).count(), [&](int64_t at, int64_t n) {
    float block[kBlock];
    const float* so_far = pass.bottom(0).data() + at;
    for (int k = 1; k <= last; ++k) {
      const float* x = pass.bottom(k).data() + at;
      float* to = k == last ? pass.top(0).data() + at : block;
      Vectorised([=, step = f(k)] {
#pragma GCC ivdep
        for (int64_t i = 0; i < n; ++i) to[i] = step(so_far[i], x[i]);
      });
      so_far = block;
    }
  });
}

void Eltwise::Forward(ForwardPass& pass) {
  if (operation_ == EltwiseParameter::MAX) return Maximum(pass);
  if (operation_ == EltwiseParameter::PROD) {
    return Fold(pass, [](int) { return [](float y, float x) { return y * x; }; });
  }
  const auto sum = [&](int k) {
    const float c0 = k == 1 ? coeff_[0] : 1, ck = coeff_[static_cast<size_t>(k)];
    return [=](float y, float x) { return c0 * y + ck * x; };
  };
  if (pass.fused_count() == 0) return Fold(pass, sum);
  Fold(pass, [&, last = pass.bottom_count() - 1](int k) {
    return [add = sum(k), slope = k == last ? Slope(pass) : 1](float y, float x) {
      const float v = add(y, x);
      return v < 0 ? (slope == 0 ? 0.0F : slope * v) : v;
    };
  });
}

const void* Eltwise::Interface(const char* name, int version) const {
  if (operation_ != EltwiseParameter::SUM) return nullptr;
  const bool plain = coeff_ == std::vector<float>(2, 1.0F);
  const void* step = plain ? IfAsked<ElementStep>(this, name, version) : nullptr;
  return step ? step : IfAsked<StepTaker>(this, name, version);
}

// to = max(x, y), and to whom it belongs: before(i), or k. Of equal ones y wins; a NaN beats every
// number.
template <typename Before, typename Winner>
[[gnu::always_inline]] inline void Compare(int64_t n, const float* x, const float* y, int32_t k,
                                           Before before, Winner* w, float* to) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    const int32_t after = x[i] <= y[i] ? before(i) : k;  // k if one is NaN
    const float larger = x[i] <= y[i] ? y[i] : x[i];
    const bool number = y[i] == y[i];
    w[i] = static_cast<Winner>(number ? after : before(i));
    to[i] = number ? larger : y[i];
  }
}

// The winners as numbers as wide as the values, which makes better vectors, and at the end as
// bytes.
void Eltwise::Maximum(ForwardPass& pass) {
  const int last = pass.bottom_count() - 1;
  ForEachBlock(pass, pass.top(0).count(), [&](int64_t at, int64_t n) {
    float block[kBlock];
    int32_t winner[kBlock];
    const float* y = pass.bottom(0).data() + at;
    ReadAhead(y + kAhead, n);
    for (int k = 1; k <= last; ++k) {
      Vectorised([=, x = pass.bottom(k).data() + at, w = winner,
                  bytes = pass.Get(winner_).data() + at,
                  to = k == last ? pass.top(0).data() + at : block] {
        ReadAhead(x + kAhead, n);
        const auto first = [](int64_t) { return 0; };
        const auto before = [w](int64_t i) { return w[i]; };
        if (k == last) {
          k == 1 ? Compare(n, x, y, k, first, bytes, to) : Compare(n, x, y, k, before, bytes, to);
        } else {
          k == 1 ? Compare(n, x, y, k, first, w, to) : Compare(n, x, y, k, before, w, to);
        }
      });
      y = block;
    }
  });
}

// dx of each bottom k that wants it: f(k)(dy, at + i). The dx of one bottom may have dy's memory:
// it is written after the others.
template <typename F>
void Spread(BackwardPass& pass, const F& f) {
  const Tensor& top_diff = pass.top_diff(0);
  ForEachBlock(pass, top_diff.count(), [&](int64_t at, int64_t n) {
    const float* dy = top_diff.data();
    ReadAhead(dy + at + kAhead, n);
    float* in_place = nullptr;
    int last = -1;
    const auto write = [&](int k, float* dx) {
      Vectorised([=, step = f(k)] {
#pragma GCC ivdep
        for (int64_t i = at; i < at + n; ++i) dx[i] = step(dy[i], i);
      });
    };
    for (int k = 0; k < pass.bottom_count(); ++k) {
      if (!pass.wants_bottom(k)) continue;
      float* dx = pass.bottom_diff(k).data();
      if (dx == dy) {
        in_place = dx;
        last = k;
      } else {
        write(k, dx);
      }
    }
    if (in_place) write(last, in_place);
  });
}

void Eltwise::Backward(BackwardPass& pass) {
  if (operation_ == EltwiseParameter::PROD) return ProductGradients(pass);
  if (operation_ == EltwiseParameter::SUM && pass.fused_count() > 0) {
    return Spread(pass, [&, y = pass.top(0).data(), slope = Slope(pass)](int k) {
      return [=, c = coeff_[static_cast<size_t>(k)]](float dy, int64_t i) {
        return c * (dy * (y[i] > 0 ? 1.0F : slope));
      };
    });
  }
  if (operation_ == EltwiseParameter::SUM) {
    return Spread(pass, [&](int k) {
      return [c = coeff_[static_cast<size_t>(k)]](float dy, int64_t) { return c * dy; };
    });
  }
  const uint8_t* winner = pass.Get(winner_).data();
  Spread(pass, [=](int k) {
    return [=](float dy, int64_t i) {
      const int32_t w = winner[i];
      return w == k ? dy : 0.0F;
    };
  });
}

// dx of bottom k is dy times the other bottoms, or dy y / x.
void Eltwise::ProductGradients(BackwardPass& pass) {
  if (!stable_) {
    return Spread(pass, [&, y = pass.top(0).data()](int k) {
      return [y, x = pass.bottom(k).data()](float dy, int64_t i) { return dy * (y[i] / x[i]); };
    });
  }
  if (pass.bottom_count() == 2) {
    return Spread(pass, [&](int k) {
      return [x = pass.bottom(1 - k).data()](float dy, int64_t i) { return dy * x[i]; };
    });
  }
  ForEachBlock(pass, pass.top_diff(0).count(), [&](int64_t at, int64_t n) {
    float dy[kBlock];  // the first dx may have its memory
    std::copy_n(pass.top_diff(0).data() + at, n, dy);
    for (int k = 0; k < pass.bottom_count(); ++k) {
      if (!pass.wants_bottom(k)) continue;
      float* dx = pass.bottom_diff(k).data() + at;
      std::copy_n(dy, n, dx);
      for (int other = 0; other < pass.bottom_count(); ++other) {
        if (other == k) continue;
        Vectorised([=, x = pass.bottom(other).data() + at] {
#pragma GCC ivdep
          for (int64_t i = 0; i < n; ++i) dx[i] *= x[i];
        });
      }
    }
  });
}

}  // namespace

void RegisterEltwise(Registry& registry) {
  registry.Add<Eltwise>("Eltwise", Field<EltwiseParameter>{"eltwise_param", 110});
}

}  // namespace moka
