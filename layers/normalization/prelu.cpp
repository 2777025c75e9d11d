// PReLU: y = x where x > 0, and y = a x elsewhere; a is learned, for each channel or once for all.
// He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015.
#include <algorithm>
#include <numeric>
#include <span>

#include "channels.h"
#include "moka/filler.pb.h"
#include "moka/registry.h"
#include "prelu.pb.h"

namespace moka {
namespace {

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
    if (!shared_ && bottom[0][1] != slopes_) {
      throw Error("the bottom has ", bottom[0][1], " channels, but there are ", slopes_, " slopes");
    }
    plan.top(0) = bottom[0];
    view_ = Channels(bottom[0][0], bottom[0][1], bottom[0].count_from(2));
    view_.PlanSumsOfOneReading(plan);
    gradients_ = plan.Scratch<double>(bottom[0][1]);
  }

  void Forward(ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    float* y = pass.top(0).data();
    view_.ForAll(pass, [=, a = pass.param(0).values().data(), each = Each()](int64_t c) {
      return [=, ac = a[c * each]](int64_t i) { y[i] = x[i] > 0 ? x[i] : ac * x[i]; };
    });
  }

  // dx = dy where x > 0, and a dy elsewhere; da the sum of x dy where x <= 0.
  void Backward(BackwardPass& pass) override {
    const float *x = pass.bottom(0).data(), *dy = pass.top_diff(0).data();
    float* dx = pass.wants_bottom(0) ? pass.bottom_diff(0).data() : nullptr;
    const auto slope = [=, a = pass.param(0).values().data(), each = Each()](int64_t c) {
      return [=, ac = a[c * each]](int64_t i) { dx[i] = dy[i] * (x[i] > 0 ? 1 : ac); };
    };
    if (!pass.wants_param(0)) {
      if (dx) view_.ForAll(pass, slope);
      return;
    }
    const auto terms = [=](int64_t) {
      return [=](int64_t i) {
        return Sums{(x[i] > 0 ? 0.0 : static_cast<double>(x[i])) * static_cast<double>(dy[i]), 0};
      };
    };
    const std::span<double> da = pass.Get(gradients_);
    std::fill(da.begin(), da.end(), 0.0);
    view_.ForEachBlock(pass, [&](Channels::Block block) {
      const Sums* sums =
          dx ? view_.SumAndRun(pass, block, terms, slope) : view_.Sum(pass, block, terms);
      for (int64_t c = block.first; c < block.last; ++c)
        da[static_cast<size_t>(c)] = sums[c - block.first].first;
    });
    AddGradient(pass, da);
  }

 private:
  static void CheckAxes(const Shape& x) {
    if (x.axes() < 2) {
      throw Error("PReLU needs a bottom of at least 2 axes (items, channels), but its shape is ",
                  x);
    }
  }

  int64_t Each() const { return shared_ ? 0 : 1; }  // from one channel's slope to the next

  // A shared slope sums the channels, too.
  void AddGradient(BackwardPass& pass, std::span<const double> sums) const {
    const std::span<float> da = pass.param_diff(0).values();
    if (!pass.adds_param(0)) std::fill(da.begin(), da.end(), 0.0f);
    if (shared_) {
      da[0] += static_cast<float>(std::accumulate(sums.begin(), sums.end(), 0.0));
    } else {
      for (size_t c = 0; c < da.size(); ++c) da[c] += static_cast<float>(sums[c]);
    }
  }

  const bool shared_;
  FillerParameter filler_;
  int64_t slopes_ = 0;
  Channels view_;
  Buffer<double> gradients_;  // of each channel's slope
};

}  // namespace

void RegisterPReLU(Registry& registry) {
  registry.Add<PReLU>("PReLU", Field<PReLUParameter>{"prelu_param", 131});
}

}  // namespace moka
