// MeanNorm: y = x - mean + b for each channel; mean is that of the batch in training, and in tests
// the running mean = memory mean + (1 - memory) batch mean. Salimans, Kingma, "Weight
// normalization", 2016: mean-only batch normalization.
#include <algorithm>

#include "mean_norm.pb.h"
#include "moka/check_case.h"
#include "moka/filler.h"
#include "moka/layer.h"
#include "moka/registry.h"

// x, y (batch, channels, inner); mean, b (channels)
class MeanNorm final : public moka::Layer {
 public:
  MeanNorm(const moka::LayerSpec& spec, const MeanNormParameter& params)
      : Layer(spec), memory_(params.memory()), bias_filler_(params.bias_filler()) {
    if (!(memory_ >= 0 && memory_ < 1)) {
      throw moka::Error("memory must be at least 0 and below 1, but is ", memory_)
          .At("mean_norm_param.memory");
    }
  }

  // Backward reads no x and no y. A channel is summed before its first element is written.
  static moka::LayerTraits Traits(const moka::LayerSpec&, const MeanNormParameter&) {
    return moka::LayerTraits()
        .BottomGradientReads(moka::Reads::Nothing())
        .ParamGradientReads(moka::Reads::Nothing())
        .MayShare(0, 0);
  }

  void SetUp(moka::Shapes bottom, moka::Setup& setup) override {
    means_ = Channels(bottom[0]);
    spec().MakeFiller(bias_filler_, {means_}, "mean_norm_param.bias_filler");
    bias_ = setup.AddParam("bias", {means_}, bias_filler_);
    running_ = setup.AddState("mean", {means_}, 0);  // saved with the weights, and not learned
  }

  void Reshape(moka::Shapes bottom, moka::Plan& plan) override {
    channels_ = Channels(bottom[0]);
    if (channels_ != means_) {
      throw moka::Error("the bottom has ", channels_, " channels, but there are ", means_,
                        " means; give every input of this layer the same channels");
    }
    batch_ = bottom[0][0];
    inner_ = bottom[0].count_from(2);
    count_ = std::max<int64_t>(1, batch_ * inner_);
    plan.top(0) = bottom[0];
  }

  void Forward(moka::ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    const float* b = pass.param(bias_).values().data();
    float* y = pass.top(0).data();
    if (!spec().training()) {
      const float* mean = pass.param(running_).values().data();
      return ForEachChannel(pass, [=, this](int64_t c) { Shift(x, b[c] - mean[c], c, y); });
    }
    float* running = pass.state(running_).data();
    ForEachChannel(pass, [=, this](int64_t c) {
      const float mean = Mean(x, c);
      running[c] = memory_ * running[c] + (1 - memory_) * mean;
      Shift(x, b[c] - mean, c, y);
    });
  }

  // db = the sum of dy; dx = dy - mean(dy) in training, and dy in tests
  void Backward(moka::BackwardPass& pass) override {
    const float* dy = pass.top_diff(0).data();
    float* db = pass.wants_param(bias_) ? pass.param_diff(bias_).data() : nullptr;
    float* dx = pass.wants_bottom(0) ? pass.bottom_diff(0).data() : nullptr;
    const bool add = pass.adds_param(bias_);
    ForEachChannel(pass, [=, this](int64_t c) {
      const float mean = Mean(dy, c);  // first: dx may lie in dy's memory
      if (db) db[c] = (add ? db[c] : 0) + mean * static_cast<float>(count_);
      if (dx) Shift(dy, spec().training() ? -mean : 0, c, dx);
    });
  }

 private:
  static int64_t Channels(const moka::Shape& x) {
    if (x.axes() < 2) {
      throw moka::Error("the bottom is ", x, "; it needs two axes or more: items, channels");
    }
    return x[1];
  }

  // Calls f(c) for each channel. One thread does the whole of a channel, in one order. A piece of
  // work has so many channels that it is worth waking a thread, whatever the number of threads.
  template <typename F>
  void ForEachChannel(moka::Pass& pass, const F& f) {
    const int64_t grain = std::max<int64_t>(1, 8192 / count_);
    pass.ParallelFor(channels_, grain, [&](int64_t begin, int64_t end) {
      for (int64_t c = begin; c < end; ++c) f(c);
    });
  }

  float Mean(const float* x, int64_t c) const {
    double sum = 0;
    for (int64_t n = 0; n < batch_; ++n) {
      const int64_t row = (n * channels_ + c) * inner_;
      for (int64_t i = row; i < row + inner_; ++i) sum += x[i];
    }
    return static_cast<float>(sum / static_cast<double>(count_));
  }

  // y = x + by, in channel c
  void Shift(const float* x, float by, int64_t c, float* y) const {
    for (int64_t n = 0; n < batch_; ++n) {
      const int64_t row = (n * channels_ + c) * inner_;
      for (int64_t i = row; i < row + inner_; ++i) y[i] = x[i] + by;
    }
  }

  const float memory_;
  const moka::FillerParameter bias_filler_;
  int bias_ = 0, running_ = 0;
  int64_t means_ = 0;  // channels in SetUp
  int64_t batch_ = 0, channels_ = 0, inner_ = 0;
  int64_t count_ = 1;  // values of a channel; 1 if there are none
};

void RegisterPlugin(moka::Registry& registry) {
  registry.Add<MeanNorm>("MeanNorm", moka::Field<MeanNormParameter>{"mean_norm_param"});
  registry.AddCheckCase("MeanNorm", moka::CheckCase("", {{4, 3, 2, 2}}));
  registry.AddCheckCase("MeanNorm", moka::CheckCase("", {{4, 3, 2, 2}}).Testing());
}
