// Normalize: y = scale x / sqrt(sum x^2 + eps), the sum over the channels of one place or over the
// whole sample. Liu et al., "ParseNet", 2015.
// Blobs: scale, one number or one for each channel.
// Caffe: its gradient of the bottom leaves the scale out of the sum over the channels, which is
// wrong where the channels' scales differ; and that of the scale is NaN where the scale is 0.
// Places without any x but rounding errors get length 1, too: engine: EXACT in the convolution
// before keeps the zeros that Winograd's algorithm does not.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include "moka/filler.h"
#include "moka/registry.h"
#include "normalize.pb.h"

namespace moka::ssd {
namespace {

constexpr int64_t kGrain = 8192;  // elements
constexpr int64_t kStrip = 128;   // places that are summed side by side

class Normalize final : public Layer {
 public:
  Normalize(const LayerSpec& spec, const NormalizeParameter& params)
      : Layer(spec),
        across_(params.across_spatial()),
        shared_(params.channel_shared()),
        eps_(params.eps()),
        filler_(params.scale_filler()) {
    if (!params.has_scale_filler()) filler_.set_value(1);
    if (!(eps_ >= 0 && std::isfinite(eps_))) {
      throw Error("eps must be 0 or more, and finite, but is ", params.eps()).At("norm_param.eps");
    }
  }

  // dx may take dy's memory: what is summed of dy, is summed before.
  static LayerTraits Traits(const LayerSpec&, const NormalizeParameter&) {
    return LayerTraits()
        .BottomGradientReads(Reads::Bottom(0))
        .ParamGradientReads(Reads::Bottom(0))
        .MayShare(0, 0);
  }

  void SetUp(Shapes bottom, Setup& setup) override {
    CheckAxes(bottom[0]);
    scales_ = shared_ ? 1 : bottom[0][1];
    const Shape shape = shared_ ? Shape{} : Shape{scales_};
    spec().MakeFiller(filler_, shape, "norm_param.scale_filler");
    setup.AddParam("scale", shape, filler_);
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    const Shape& x = bottom[0];
    CheckAxes(x);
    batch_ = x[0];
    channels_ = x[1];
    places_ = x.count_from(2);
    if (!shared_ && channels_ != scales_) {
      throw Error("the bottom has ", channels_, " channels, but there are ", scales_, " scales");
    }
    plan.top(0) = x;
    lengths_ = plan.Saved<double>(batch_ * (across_ ? 1 : places_));
    strips_ = (places_ + kStrip - 1) / kStrip;
    parts_ = plan.Scratch<double>(across_ ? batch_ * channels_ : 0);
    dots_ = plan.Scratch<double>(across_ ? batch_ : 0);
    scale_parts_ = plan.Scratch<double>(channels_);
  }

  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  static void CheckAxes(const Shape& x) {
    if (x.axes() < 2) {
      throw Error(
          "Normalize needs a bottom of at least 2 axes (samples, channels), but its shape "
          "is ",
          x);
    }
  }
  float scale(const float* scales, int64_t c) const { return scales[shared_ ? 0 : c]; }
  int64_t row_grain() const { return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, places_)); }

  // sums[n] = sum over channel and place of term(c, i), i the element's index. In double, the
  // channels' sums first.
  template <typename Term>
  void SumSamples(Pass& pass, const Term& term, std::span<double> sums) {
    const std::span<double> parts = pass.Get(parts_);
    pass.ParallelFor(batch_ * channels_, row_grain(), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        double sum = 0;
        for (int64_t i = r * places_; i < (r + 1) * places_; ++i) sum += term(r % channels_, i);
        parts[static_cast<size_t>(r)] = sum;
      }
    });
    for (int64_t n = 0; n < batch_; ++n) {
      double sum = 0;
      for (int64_t c = 0; c < channels_; ++c) sum += parts[static_cast<size_t>(n * channels_ + c)];
      sums[static_cast<size_t>(n)] = sum;
    }
  }

  // strip(n, s, width) for each strip of places [s, s + width) of a sample.
  template <typename Strip>
  void ForEachStrip(Pass& pass, const Strip& strip) {
    const int64_t work = std::max<int64_t>(1, channels_ * std::min(kStrip, places_));
    pass.ParallelFor(batch_ * strips_, std::max<int64_t>(1, kGrain / work),
                     [&](int64_t begin, int64_t end) {
                       for (int64_t r = begin; r < end; ++r) {
                         const int64_t s = r % strips_ * kStrip;
                         strip(r / strips_, s, std::min(kStrip, places_ - s));
                       }
                     });
  }

  // sums[k] = sum over the channels of term(c, i), for the places s + k of sample n.
  template <typename Term>
  void SumStrip(int64_t n, int64_t s, int64_t width, const Term& term, double* sums) const {
    std::fill(sums, sums + width, 0.0);
    for (int64_t c = 0; c < channels_; ++c) {
      const int64_t at = (n * channels_ + c) * places_ + s;
      for (int64_t k = 0; k < width; ++k) sums[k] += term(c, at + k);
    }
  }

  void ScaleBackward(BackwardPass& pass);

  const bool across_, shared_;
  const double eps_;
  FillerParameter filler_;
  int64_t scales_ = 0;
  int64_t batch_ = 0, channels_ = 0, places_ = 0;  // x (batch, channels, places)
  int64_t strips_ = 0;
  Buffer<double> lengths_;  // (batch) or (batch, places)
  Buffer<double> parts_, dots_, scale_parts_;
};

// A length of 0, which takes eps 0, leaves 0 as it is.
double Inverse(double length) { return length == 0 ? 0 : 1 / length; }

void Normalize::Forward(ForwardPass& pass) {
  const float* x = pass.bottom(0).data();
  const float* scales = pass.param(0).values().data();
  float* y = pass.top(0).data();
  const std::span<double> lengths = pass.Get(lengths_);
  const auto square = [x](int64_t, int64_t i) { return static_cast<double>(x[i]) * x[i]; };
  if (!across_) {
    ForEachStrip(pass, [&](int64_t n, int64_t s, int64_t width) {
      double* const length = lengths.data() + n * places_ + s;
      SumStrip(n, s, width, square, length);
      for (int64_t k = 0; k < width; ++k) length[k] = std::sqrt(length[k] + eps_);
      for (int64_t c = 0; c < channels_; ++c) {
        const int64_t at = (n * channels_ + c) * places_ + s;
        const double a = scale(scales, c);
        for (int64_t k = 0; k < width; ++k)
          y[at + k] = static_cast<float>(a * x[at + k] * Inverse(length[k]));
      }
    });
    return;
  }
  SumSamples(pass, square, lengths);
  for (double& length : lengths) length = std::sqrt(length + eps_);
  pass.ParallelFor(batch_ * channels_, row_grain(), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const double a =
          scale(scales, r % channels_) * Inverse(lengths[static_cast<size_t>(r / channels_)]);
      for (int64_t i = r * places_; i < (r + 1) * places_; ++i) y[i] = static_cast<float>(a * x[i]);
    }
  });
}

// With l the length and g = scale dy:  dx = (g - x <x, g> / l^2) / l
void Normalize::Backward(BackwardPass& pass) {
  if (pass.wants_param(0)) ScaleBackward(pass);  // first: dx may overwrite dy
  if (!pass.wants_bottom(0)) return;
  const float* x = pass.bottom(0).data();
  const float* dy = pass.top_diff(0).data();
  const float* scales = pass.param(0).values().data();
  float* dx = pass.bottom_diff(0).data();
  const std::span<double> lengths = pass.Get(lengths_);
  const auto product = [&](int64_t c, int64_t i) {
    return static_cast<double>(scale(scales, c)) * dy[i] * x[i];
  };
  const auto gradient = [&](int64_t c, int64_t i, double inverse, double dot) {
    const double g = static_cast<double>(scale(scales, c)) * dy[i];
    dx[i] = static_cast<float>((g - x[i] * dot * inverse * inverse) * inverse);
  };
  if (!across_) {
    ForEachStrip(pass, [&](int64_t n, int64_t s, int64_t width) {
      double dots[kStrip];
      SumStrip(n, s, width, product, dots);
      for (int64_t c = 0; c < channels_; ++c) {
        const int64_t at = (n * channels_ + c) * places_ + s;
        for (int64_t k = 0; k < width; ++k)
          gradient(c, at + k, Inverse(lengths[static_cast<size_t>(n * places_ + s + k)]), dots[k]);
      }
    });
    return;
  }
  const std::span<double> dots = pass.Get(dots_);
  SumSamples(pass, product, dots);
  pass.ParallelFor(batch_ * channels_, row_grain(), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const auto n = static_cast<size_t>(r / channels_);
      const double inverse = Inverse(lengths[n]);
      for (int64_t i = r * places_; i < (r + 1) * places_; ++i)
        gradient(r % channels_, i, inverse, dots[n]);
    }
  });
}

// d scale[c] = sum of dy x / l over samples and places; a shared scale sums the channels, too.
void Normalize::ScaleBackward(BackwardPass& pass) {
  const float* x = pass.bottom(0).data();
  const float* dy = pass.top_diff(0).data();
  const std::span<double> lengths = pass.Get(lengths_), sums = pass.Get(scale_parts_);
  const int64_t work = std::max<int64_t>(1, batch_ * places_);
  pass.ParallelFor(channels_, std::max<int64_t>(1, kGrain / work), [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      double sum = 0;
      for (int64_t n = 0; n < batch_; ++n) {
        const int64_t at = (n * channels_ + c) * places_;
        for (int64_t s = 0; s < places_; ++s) {
          const double length = lengths[static_cast<size_t>(across_ ? n : n * places_ + s)];
          sum += static_cast<double>(dy[at + s]) * x[at + s] * Inverse(length);
        }
      }
      sums[static_cast<size_t>(c)] = sum;
    }
  });
  const std::span<float> dscale = pass.param_diff(0).values();
  if (!pass.adds_param(0)) std::fill(dscale.begin(), dscale.end(), 0.0F);
  if (shared_) {
    double sum = 0;
    for (const double s : sums) sum += s;
    dscale[0] += static_cast<float>(sum);
  } else {
    for (size_t c = 0; c < dscale.size(); ++c) dscale[c] += static_cast<float>(sums[c]);
  }
}

}  // namespace

void RegisterNormalize(Registry& registry) {
  registry.Add<Normalize>("Normalize", Field<NormalizeParameter>{"norm_param", 206});
  registry.AddCheckCase("Normalize",
                        CheckCase("norm_param { across_spatial: false channel_shared: false "
                                  "scale_filler { type: 'constant' value: 10 } }",
                                  {{2, 3, 4, 5}}));
}

}  // namespace moka::ssd
