// PReLU: y = x where x > 0, and y = a x elsewhere; a is learned, for each channel or once for all.
// He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015.
#include <algorithm>
#include <span>

#include "moka/elementwise.h"
#include "moka/filler.pb.h"
#include "moka/registry.h"
#include "prelu.pb.h"

namespace moka {
namespace {

// The sum of x dy where x <= 0: what one row of a channel adds to its slope's gradient. Eight
// running sums, so that vectors can be used; the order is the same for every number of threads.
double SlopeGradient(const float* x, const float* dy, int64_t count) {
  double sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (int k = 0; k < 8; ++k) {
      sums[k] += (x[i + k] > 0 ? 0.0 : static_cast<double>(x[i + k])) * dy[i + k];
    }
  }
  for (; i < count; ++i) sums[0] += (x[i] > 0 ? 0.0 : static_cast<double>(x[i])) * dy[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

class PReLU final : public Layer {
 public:
  PReLU(const LayerSpec& spec, const PReLUParameter& params)
      : Layer(spec), shared_(params.channel_shared()), filler_(params.filler()) {
    if (!params.has_filler()) filler_.set_value(0.25f);
  }

  // Whether x was positive cannot be seen in y, since a slope may become negative.
  static LayerTraits Traits(const LayerSpec&, const PReLUParameter&) {
    return GradientFromBottom().ParamGradientReads(Reads::Bottom(0));
  }

  void SetUp(Shapes bottom, Setup& setup) override {
    CheckAxes(bottom[0]);
    slopes_ = shared_ ? 1 : bottom[0][1];
    setup.AddParam("slope", shared_ ? Shape{} : Shape{slopes_}, filler_);
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    CheckAxes(bottom[0]);
    batch_ = bottom[0][0];
    channels_ = bottom[0][1];
    inner_ = bottom[0].count_from(2);
    if (!shared_ && channels_ != slopes_) {
      throw Error("the bottom has ", channels_, " channels, but there are ", slopes_, " slopes");
    }
    plan.top(0) = bottom[0];
    sums_ = plan.Scratch<double>(channels_);
  }

  void Forward(ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    float* y = pass.top(0).data();
    ForEachRow(pass, [=](int64_t i, int64_t end, float a) {
#pragma GCC ivdep
      for (; i < end; ++i) y[i] = x[i] > 0 ? x[i] : a * x[i];
    });
  }

  void Backward(BackwardPass& pass) override {
    if (pass.wants_param(0)) SlopeBackward(pass);  // first: dx may overwrite dy
    if (!pass.wants_bottom(0)) return;
    const float* x = pass.bottom(0).data();
    const float* dy = pass.top_diff(0).data();
    float* dx = pass.bottom_diff(0).data();
    ForEachRow(pass, [=](int64_t i, int64_t end, float a) {
#pragma GCC ivdep
      for (; i < end; ++i) dx[i] = dy[i] * (x[i] > 0 ? 1 : a);
    });
  }

 private:
  static void CheckAxes(const Shape& x) {
    if (x.axes() < 2) {
      throw Error("PReLU needs a bottom of at least 2 axes (items, channels), but its shape is ",
                  x);
    }
  }

  // Calls row(begin, end, a) for each item and channel: its elements, and its slope a.
  template <typename Row>
  void ForEachRow(Pass& pass, const Row& row) {
    const int64_t grain = std::max<int64_t>(1, kElementGrain / std::max<int64_t>(1, inner_));
    pass.ParallelFor(batch_ * channels_, grain,
                     [=, a = pass.param(0).values().data(), inner = inner_, slopes = slopes_](
                         int64_t begin, int64_t end) {
                       Vectorised([=] {
                         for (int64_t r = begin; r < end; ++r) {
                           row(r * inner, (r + 1) * inner, a[r % slopes]);
                         }
                       });
                     });
  }

  // da (channels), summed over items and places, in double; a shared slope sums the channels too.
  void SlopeBackward(BackwardPass& pass) {
    const float* x = pass.bottom(0).data();
    const float* dy = pass.top_diff(0).data();
    const std::span<double> sums = pass.Get(sums_);
    const int64_t per_channel = std::max<int64_t>(1, batch_ * inner_);
    pass.ParallelFor(channels_, std::max<int64_t>(1, kElementGrain / per_channel),
                     [&](int64_t begin, int64_t end) {
                       std::fill(sums.begin() + begin, sums.begin() + end, 0.0);
                       for (int64_t n = 0; n < batch_; ++n) {
                         for (int64_t c = begin; c < end; ++c) {
                           const int64_t row = (n * channels_ + c) * inner_;
                           sums[static_cast<size_t>(c)] += SlopeGradient(x + row, dy + row, inner_);
                         }
                       }
                     });
    const std::span<float> da = pass.param_diff(0).values();
    if (!pass.adds_param(0)) std::fill(da.begin(), da.end(), 0.0f);
    if (shared_) {
      double sum = 0;
      for (const double s : sums) sum += s;
      da[0] += static_cast<float>(sum);
    } else {
      for (size_t c = 0; c < da.size(); ++c) da[c] += static_cast<float>(sums[c]);
    }
  }

  const bool shared_;
  FillerParameter filler_;
  int64_t slopes_ = 0;
  int64_t batch_ = 0, channels_ = 0, inner_ = 0;  // x (batch, channels, inner)
  Buffer<double> sums_;
};

}  // namespace

void RegisterPReLU(Registry& registry) {
  registry.Add<PReLU>("PReLU", Field<PReLUParameter>{"prelu_param", 131});
}

}  // namespace moka
