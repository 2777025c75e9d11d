// BatchNorm: y = (x - mean) / sqrt(variance + eps), for each channel over all items and places.
// Ioffe, Szegedy, "Batch normalization", ICML 2015. There is no learned factor: Scale follows.
// Blobs: mean (C), variance (C), factor (1): running sums, no learned params. The running mean is
// mean / factor. In each training iteration factor = fraction * factor + 1, and mean and variance
// likewise with the batch's; the variance there is m / (m - 1) times that of the m numbers. While
// factor is 0, before any training, mean and variance count as 0.
// Forward does the lines and the rectifier of layers behind as well (Scale, ReLU); with the batch's
// statistics, so does Backward, y = r(a xn + b) of x alone: the normal xn is never stored.
// Caffe: fails where the file gives the three blobs an lr_mult other than 0; here they never learn.
#include <string>

#include "batch_norm.pb.h"
#include "moka/fusion.h"
#include "moka/registry.h"
#include "moments.h"

namespace moka {
namespace {

// y = r(line(x)), with r(v) = slope v where v < 0.
struct RectifiedLine {
  Line line;
  float slope;

  float operator()(float x) const {
    const float v = line(x);
    return v < 0 ? (slope == 0 ? 0.0F : slope * v) : v;
  }
};

class BatchNorm final : public Layer, public ElementStep, public StepTaker {
 public:
  BatchNorm(const LayerSpec& spec, const BatchNormParameter& params)
      : Layer(spec),
        global_(UsesGlobal(spec, params)),
        fraction_(params.moving_average_fraction()),
        eps_(params.eps()) {
    CheckEps(eps_, "batch_norm_param");
    if (!(fraction_ >= 0 && fraction_ <= 1)) {
      throw Error("moving_average_fraction must be from 0 to 1, but is ", fraction_)
          .At("batch_norm_param.moving_average_fraction");
    }
  }

  // With the batch's statistics dx needs the normal x, which is y. A channel is read before any of
  // it is written.
  static LayerTraits Traits(const LayerSpec& spec, const BatchNormParameter& params) {
    return UsesGlobal(spec, params) ? GradientFromNothing() : GradientFromTop();
  }

  void SetUp(Shapes bottom, Setup& setup) override {
    channels_ = ChannelsOf(bottom[0]);
    setup.AddState("mean", {channels_}, 0);
    setup.AddState("variance", {channels_}, 0);
    setup.AddState("factor", {1}, 0);
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    const Shape& x = bottom[0];
    if (ChannelsOf(x) != channels_) {
      throw Error("the bottom, ", x, ", has ", ChannelsOf(x),
                  " channels, but there are statistics of ", channels_);
    }
    view_ = x.axes() < 2 ? Channels(1, 1, x.count()) : Channels(x[0], x[1], x.count_from(2));
    view_.PlanSums(plan);
    normals_ = plan.Saved<Normal>(channels_);
    lines_ = plan.Scratch<Line>(channels_);
    slopes_ = plan.Scratch<Slopes>(channels_);
    behind_ = plan.Scratch<double>(4 * channels_);
    gradients_ = plan.Scratch<NormalGradient>(channels_);
    plan.top(0) = x;
  }

  void Forward(ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    float* y = pass.top(0).data();
    Normal* normals = pass.Get(normals_).data();
    Line* lines = pass.Get(lines_).data();  // made once: in rows each element is another channel
    const Behind behind = ReadBehind(pass);
    if (behind.slope == 1) {
      Normalize(pass, behind, normals, lines,
                [=](int64_t c) { return [=, line = lines[c]](int64_t i) { y[i] = line(x[i]); }; });
    } else {
      Normalize(pass, behind, normals, lines, [=](int64_t c) {
        return [=, line = RectifiedLine{lines[c], behind.slope}](int64_t i) { y[i] = line(x[i]); };
      });
    }
  }

  // dx = (dy - mean(dy) - y mean(dy y)) / deviation, or dy / deviation where the statistics do not
  // depend on x.
  void Backward(BackwardPass& pass) override {
    if (pass.fused_count() > 0) return BackwardFused(pass);
    if (!pass.wants_bottom(0)) return;
    const float* dy = pass.top_diff(0).data();
    float* dx = pass.bottom_diff(0).data();
    const Normal* normals = pass.Get(normals_).data();
    if (global_) {
      return view_.ForAll(pass, [=](int64_t c) {
        return [=, a = static_cast<float>(normals[c].inverse)](int64_t i) { dx[i] = dy[i] * a; };
      });
    }
    const float* y = pass.top(0).data();
    Slopes* slopes = pass.Get(slopes_).data();
    view_.ForEachBlock(pass, [&](Channels::Block block) {
      const Sums* sums = view_.Sum(pass, block, [=](int64_t) {
        return [=](int64_t i) { return Sums{dy[i], static_cast<double>(dy[i]) * y[i]}; };
      });
      const double m = static_cast<double>(view_.each());
      for (int64_t c = block.first; c < block.last; ++c) {
        const Sums& sum = sums[c - block.first];
        const double inverse = normals[c].inverse;
        slopes[c] = {static_cast<float>(sum.first / m), static_cast<float>(inverse),
                     static_cast<float>(-inverse * sum.second / m)};
      }
      view_.ForEach(pass, block, [=](int64_t c) {
        return [=, of = slopes[c]](int64_t i) { dx[i] = (dy[i] - of.mean) * of.a + y[i] * of.k; };
      });
    });
  }

  const void* Interface(const char* name, int version) const override {
    const void* step = global_ ? IfAsked<ElementStep>(this, name, version) : nullptr;
    return step ? step : IfAsked<StepTaker>(this, name, version);
  }
  Kind kind() const override { return kLine; }
  int64_t channels() const override { return view_.channels(); }
  int64_t inner() const override { return view_.inner(); }
  void Append(const Pass& pass, double* a, double* b) const override {
    ForStatistics(pass, [=](int64_t c, const Normal& normal) {
      a[c] *= normal.inverse;
      b[c] = (b[c] - normal.mean) * normal.inverse;
    });
  }
  int TakesInForward(Steps steps) const override {
    return EpilogueSteps(steps, channels_, view_.inner(), false);
  }
  int TakesInBoth(Steps steps) const override {
    if (global_) return 0;
    const int taken = TakesInForward(steps);
    return taken >= 2 && steps[1]->kind() == kLine ? 1 : taken;
  }
  LayerTraits TraitsInBoth(int) const override {
    return GradientFromBottom().ParamGradientReads(Reads::Bottom(0));
  }

 private:
  enum { kMean, kVariance, kFactor };
  struct Slopes {  // dx = a (dy - mean) + k y
    float mean, a, k;
  };
  // What the layers behind do: y = r(a xn + b).
  struct Behind {
    const double *a, *b;
    float slope = 1;
  };

  template <typename P>
  Behind ReadBehind(P& pass) {
    double *a = pass.Get(behind_).data(), *b = a + channels_;
    std::fill_n(a, channels_, 1.0);
    std::fill_n(b, channels_, 0.0);
    Behind behind{a, b};
    for (int i = 0; i < pass.fused_count(); ++i) {
      const ElementStep& step = pass.fused_step(i);
      if (step.kind() == kRectifier) {
        behind.slope = step.slope();
      } else {
        AppendLine(step, pass.fused(i), channels_, view_.inner(), a, b);
      }
    }
    return behind;
  }

  template <typename F>
  void Normalize(ForwardPass& pass, const Behind& behind, Normal* normals, Line* lines,
                 const F& normalize) {
    if (global_) {
      ForStatistics(pass, [&](int64_t c, const Normal& normal) {
        normals[c] = normal;
        lines[c] = Line(normal, behind.a[c], behind.b[c]);
      });
      return view_.ForAll(pass, normalize);
    }
    const float* x = pass.bottom(0).data();
    if (view_.empty()) return;
    float *mean = pass.state(kMean).data(), *variance = pass.state(kVariance).data();
    view_.ForEachBlock(pass, [&](Channels::Block block) {
      const Sums* sums = view_.Sum(pass, block, [=, inner = view_.inner()](int64_t c) {
        return [=, shift = x[c * inner]](int64_t i) { return Deviation(x[i], shift); };
      });
      for (int64_t c = block.first; c < block.last; ++c) {
        const Moments of = MomentsOf(sums[c - block.first], x[c * view_.inner()], view_.each());
        normals[c] = {of.mean, 1 / std::sqrt(of.variance + eps_)};
        lines[c] = Line(normals[c], behind.a[c], behind.b[c]);
        Remember(of.mean, mean[c]);
        Remember(of.variance * Correction(), variance[c]);
      }
      view_.ForEach(pass, block, normalize);
    });
    Remember(1, pass.state(kFactor).data()[0]);
  }

  // g = dy r'(v), with v = a xn + b; dx as above, of a g. Sums: of g and of g (x - mean).
  void BackwardFused(BackwardPass& pass) {
    const Behind behind = ReadBehind(pass);
    const float *x = pass.bottom(0).data(), *dy = pass.top_diff(0).data();
    const Normal* normals = pass.Get(normals_).data();
    Line* lines = pass.Get(lines_).data();
    for (int64_t c = 0; c < channels_; ++c) lines[c] = Line(normals[c], behind.a[c], behind.b[c]);
    if (behind.slope == 1) {
      BackwardFused(pass, behind, [=](int64_t) { return [=](int64_t i) { return dy[i]; }; });
    } else {
      BackwardFused(pass, behind, [=](int64_t c) {
        return [=, line = lines[c], slope = behind.slope](int64_t i) {
          return dy[i] * (line(x[i]) > 0 ? 1.0F : slope);
        };
      });
    }
  }

  template <typename G>
  void BackwardFused(BackwardPass& pass, const Behind& behind, G gradient) {
    const float* x = pass.bottom(0).data();
    const Normal* normals = pass.Get(normals_).data();
    float* dx = pass.wants_bottom(0) ? pass.bottom_diff(0).data() : nullptr;
    double *g_xn = pass.Get(behind_).data() + 2 * channels_, *g_sum = g_xn + channels_;
    std::fill_n(g_xn, 2 * channels_, 0.0);
    NormalGradient* gradients = pass.Get(gradients_).data();
    view_.ForEachBlock(pass, [&](Channels::Block block) {
      const Sums* sums = view_.Sum(pass, block, [=](int64_t c) {
        return [=, g = gradient(c), mean = normals[c].mean](int64_t i) {
          const double gi = g(i);
          return Sums{gi, gi * (x[i] - mean)};
        };
      });
      for (int64_t c = block.first; c < block.last; ++c) {
        const Sums& sum = sums[c - block.first];
        g_sum[c] = sum.first;
        g_xn[c] = sum.second * normals[c].inverse;
        gradients[c] = NormalGradient(normals[c], sum, view_.each());
        gradients[c].slope *= static_cast<float>(behind.a[c]);
        gradients[c].back *= static_cast<float>(behind.a[c]);
      }
      if (dx == nullptr) return;
      view_.ForEach(pass, block, [=](int64_t c) {
        return [=, g = gradient(c), of = gradients[c]](int64_t i) { dx[i] = of(x[i], g(i)); };
      });
    });
    for (int i = 0; i < pass.fused_count(); ++i) {
      BackwardPass fused = pass.fused(i);
      pass.fused_step(i).AddParamGradients(fused, 0, channels_, g_xn, g_sum);
    }
  }

  static bool UsesGlobal(const LayerSpec& spec, const BatchNormParameter& params) {
    return params.has_use_global_stats() ? params.use_global_stats() : !spec.training();
  }
  static int64_t ChannelsOf(const Shape& x) { return x.axes() < 2 ? 1 : x[1]; }

  // m / (m - 1) makes the variance of m numbers the best guess of that of all there are.
  double Correction() const {
    const auto m = static_cast<double>(view_.each());
    return m > 1 ? m / (m - 1) : 1;
  }
  void Remember(double value, float& running) const {
    running = static_cast<float>(static_cast<double>(fraction_) * running + value);
  }

  // Calls f(c, normal) for all channels, with the running statistics.
  template <typename F>
  void ForStatistics(const Pass& pass, const F& f) const {
    const float *mean = pass.param(kMean).values().data(),
                *variance = pass.param(kVariance).values().data();
    const double factor = pass.param(kFactor).values().data()[0];
    const double scale = factor == 0 ? 0 : 1 / factor;
    for (int64_t c = 0; c < channels_; ++c)
      f(c, Normal{mean[c] * scale, 1 / std::sqrt(variance[c] * scale + eps_)});
  }

  const bool global_;
  const float fraction_, eps_;
  int64_t channels_ = 0;
  Channels view_;
  Buffer<Normal> normals_;
  Buffer<Line> lines_;
  Buffer<Slopes> slopes_;
  Buffer<double> behind_;
  Buffer<NormalGradient> gradients_;
};

}  // namespace

void RegisterBatchNorm(Registry& registry) {
  registry.Add<BatchNorm>("BatchNorm", Field<BatchNormParameter>{"batch_norm_param", 139});
}

}  // namespace moka
