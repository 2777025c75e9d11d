// BN: y = scale (x - mean) / sqrt(variance + eps) + shift, for each channel: what BatchNorm and
// Scale are together. SegNet's form (fields scale_filler, shift_filler, bn_mode) takes mean and
// variance from the batch, or leaves them out; PSPNet's (slope_filler, bias_filler, momentum,
// frozen, or none) takes running ones when testing. Fillers that are missing give 0, as everywhere.
// Blobs, SegNet: scale (1, C, 1, 1), shift (1, C, 1, 1).
// Blobs, PSPNet: scale (1, C), shift (1, C), mean (1, C), variance (1, C), the last two no learned
// params: in training mean = momentum * mean + (1 - momentum) * the batch's, and so the variance.
#include <string>

#include "bn.pb.h"
#include "moka/filler.h"
#include "moka/registry.h"
#include "moments.h"
#include "spanned_axes.h"

namespace moka {
namespace {

// Where mean and variance come from.
enum class Statistics { kBatch, kRunning, kNone };

class BN final : public Layer {
 public:
  BN(const LayerSpec& spec, const BNParameter& params);

  // A factor may be 0, so Backward cannot use y. A channel is read before any of it is written.
  static LayerTraits Traits(const LayerSpec& spec, const BNParameter& params) {
    LayerTraits traits = GradientFromNothing().ParamGradientReads(Reads::Bottom(0));
    if (Source(spec, params) == Statistics::kBatch) traits.BottomGradientReads(Reads::Bottom(0));
    return params.frozen() ? traits.ParamGradientReads(Reads::Nothing()) : traits;
  }
  void SetUp(Shapes bottom, Setup& setup) override;
  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  enum { kScale, kShift, kMean, kVariance };

  static bool IsSegNet(const BNParameter& p) {
    return p.has_scale_filler() || p.has_shift_filler() || p.has_bn_mode();
  }
  static Statistics Source(const LayerSpec& spec, const BNParameter& p) {
    if (IsSegNet(p)) {
      return p.bn_mode() == BNParameter::LEARN ? Statistics::kBatch : Statistics::kNone;
    }
    return spec.training() && !p.frozen() ? Statistics::kBatch : Statistics::kRunning;
  }
  static int64_t ChannelsOf(const Shape& x) {
    if (x.axes() >= 2) return x[1];
    throw Error("BN needs a bottom of at least 2 axes (items, channels), but its shape is ", x);
  }
  void Remember(double value, float& running) const {
    const double keep = params_.momentum();
    running = static_cast<float>(keep * running + (1 - keep) * value);
  }
  void NormalizeWithBatch(ForwardPass& pass, Normal* normals);
  void AddParamGradients(BackwardPass& pass, Channels::Block block, const Sums* sums,
                         const Normal* normals) const;

  const BNParameter params_;
  const bool segnet_;
  const Statistics source_;
  const double eps_;
  int64_t channels_ = 0;
  Channels view_;
  Buffer<Normal> normals_;
};

BN::BN(const LayerSpec& spec, const BNParameter& p)
    : Layer(spec),
      params_(p),
      segnet_(IsSegNet(p)),
      source_(Source(spec, p)),
      eps_(segnet_ && !p.has_eps() ? 1e-9 : p.eps()) {
  CheckEps(p.eps(), "bn_param");
  if (!(p.momentum() >= 0 && p.momentum() <= 1)) {
    throw Error("momentum must be from 0 to 1, but is ", p.momentum()).At("bn_param.momentum");
  }
  if (!segnet_) return;
  const auto refuse = [](bool given, const std::string& field) {
    if (!given) return;
    throw Error(field,
                " belongs to PSPNet's BN, but scale_filler, shift_filler or bn_mode is SegNet's")
        .At("bn_param." + field);
  };
  refuse(p.has_slope_filler(), "slope_filler");
  refuse(p.has_bias_filler(), "bias_filler");
  refuse(p.has_momentum(), "momentum");
  refuse(p.has_frozen(), "frozen");
}

void BN::SetUp(Shapes bottom, Setup& setup) {
  channels_ = ChannelsOf(bottom[0]);
  const Shape shape = segnet_ ? Shape{1, channels_, 1, 1} : Shape{1, channels_};
  const auto add = [&](const char* name, const FillerParameter& filler, const std::string& field) {
    spec().MakeFiller(filler, shape, "bn_param." + field);
    if (params_.frozen()) {
      setup.AddState(name, shape, filler.value());
    } else {
      setup.AddParam(name, shape, filler);
    }
  };
  if (segnet_) {
    add("scale", params_.scale_filler(), "scale_filler");
    add("shift", params_.shift_filler(), "shift_filler");
    return;
  }
  add("scale", params_.slope_filler(), "slope_filler");
  add("shift", params_.bias_filler(), "bias_filler");
  setup.AddState("mean", shape, 0);
  setup.AddState("variance", shape, params_.frozen() ? 1 : 0);
}

void BN::Reshape(Shapes bottom, Plan& plan) {
  const Shape& x = bottom[0];
  if (ChannelsOf(x) != channels_) {
    throw Error("the bottom, ", x, ", has ", ChannelsOf(x), " channels, but there are ", channels_,
                " scales");
  }
  view_ = Channels(x[0], x[1], x.count_from(2));
  source_ == Statistics::kBatch ? view_.PlanSums(plan) : view_.PlanSumsOfOneReading(plan);
  normals_ = plan.Saved<Normal>(channels_);
  plan.top(0) = x;
}

void BN::Forward(ForwardPass& pass) {
  Normal* normals = pass.Get(normals_).data();
  if (source_ == Statistics::kBatch) return NormalizeWithBatch(pass, normals);
  for (int64_t c = 0; c < channels_; ++c) normals[c] = {0, 1};
  if (source_ == Statistics::kRunning) {
    const float *mean = pass.param(kMean).values().data(),
                *variance = pass.param(kVariance).values().data();
    for (int64_t c = 0; c < channels_; ++c) {
      normals[c] = {mean[c], 1 / std::sqrt(variance[c] + eps_)};
    }
  }
  const float *x = pass.bottom(0).data(), *scale = pass.param(kScale).values().data(),
              *shift = pass.param(kShift).values().data();
  float* y = pass.top(0).data();
  view_.ForAll(pass, [=](int64_t c) {
    return [=, line = Line(normals[c], scale[c], shift[c])](int64_t i) { y[i] = line(x[i]); };
  });
}

void BN::NormalizeWithBatch(ForwardPass& pass, Normal* normals) {
  if (view_.empty()) return;
  const float *x = pass.bottom(0).data(), *scale = pass.param(kScale).values().data(),
              *shift = pass.param(kShift).values().data();
  float* y = pass.top(0).data();
  float *mean = nullptr, *variance = nullptr;
  if (!segnet_) mean = pass.state(kMean).data(), variance = pass.state(kVariance).data();
  view_.ForEachBlock(pass, [&](Channels::Block block) {
    const Sums* sums = view_.Sum(pass, block, [=, inner = view_.inner()](int64_t c) {
      return [=, near = x[c * inner]](int64_t i) { return Deviation(x[i], near); };
    });
    for (int64_t c = block.first; c < block.last; ++c) {
      const Moments of = MomentsOf(sums[c - block.first], x[c * view_.inner()], view_.each());
      normals[c] = {of.mean, 1 / std::sqrt(of.variance + eps_)};
      if (mean) Remember(of.mean, mean[c]), Remember(of.variance, variance[c]);
    }
    view_.ForEach(pass, block, [=](int64_t c) {
      return [=, line = Line(normals[c], scale[c], shift[c])](int64_t i) { y[i] = line(x[i]); };
    });
  });
}

// dscale = sum dy (x - mean) / deviation, dshift = sum dy.
void BN::AddParamGradients(BackwardPass& pass, Channels::Block block, const Sums* sums,
                           const Normal* normals) const {
  for (const int k : {kScale, kShift}) {
    if (params_.frozen() || !pass.wants_param(k)) continue;
    float* dw = pass.param_diff(k).data();
    for (int64_t c = block.first; c < block.last; ++c) {
      const Sums& sum = sums[c - block.first];
      const double add = k == kScale ? sum.second * normals[c].inverse : sum.first;
      dw[c] = static_cast<float>(pass.adds_param(k) ? dw[c] + add : add);
    }
  }
}

// With g = scale dy as BatchNorm, from x; or dx = scale dy / deviation, where the statistics do not
// depend on x.
void BN::Backward(BackwardPass& pass) {
  const bool batch = source_ == Statistics::kBatch, wants_x = pass.wants_bottom(0);
  const bool wants_w = !params_.frozen() && (pass.wants_param(kScale) || pass.wants_param(kShift));
  const bool sums_wanted = wants_w || (wants_x && batch);
  const float *dy = pass.top_diff(0).data(), *scale = pass.param(kScale).values().data();
  const float* x = sums_wanted ? pass.bottom(0).data() : dy;
  float* dx = wants_x ? pass.bottom_diff(0).data() : nullptr;
  const Normal* normals = pass.Get(normals_).data();
  const auto multiply = [=](int64_t c) {
    return [=, a = static_cast<float>(scale[c] * normals[c].inverse)](int64_t i) {
      dx[i] = dy[i] * a;
    };
  };
  if (!sums_wanted) {
    if (wants_x) view_.ForAll(pass, multiply);
    return;
  }
  if (view_.empty()) {
    for (const int k : {kScale, kShift}) {
      if (wants_w && pass.wants_param(k)) ClearUnless(pass.adds_param(k), &pass.param_diff(k));
    }
    return;
  }
  const auto terms = [=](int64_t c) {
    return [=, mean = normals[c].mean](int64_t i) { return Sums{dy[i], dy[i] * (x[i] - mean)}; };
  };
  view_.ForEachBlock(pass, [&](Channels::Block block) {
    const bool now = wants_x && !batch;
    const Sums* sums =
        now ? view_.SumAndRun(pass, block, terms, multiply) : view_.Sum(pass, block, terms);
    AddParamGradients(pass, block, sums, normals);
    if (!wants_x || !batch) return;
    view_.ForEach(pass, block, [=, m = view_.each()](int64_t c) {
      const Sums& sum = sums[c - block.first];
      NormalGradient gradient(normals[c], sum, m);  // of g = dy; all of it grows by the scale
      gradient.slope *= scale[c];
      gradient.back *= scale[c];
      return [=](int64_t i) { dx[i] = gradient(x[i], dy[i]); };
    });
  });
}

}  // namespace

void RegisterBN(Registry& registry) { registry.Add<BN>("BN", Field<BNParameter>{"bn_param", 45}); }

}  // namespace moka
