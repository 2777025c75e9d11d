// @Name@: @formula@.
// That is an example, a learned weight and bias for each channel: put your own formula into
// Forward, and its derivatives into Backward and ParamBackward.
#include <algorithm>
#include <cmath>
@includes@

#include "moka/filler.pb.h"
#include "moka/layer.h"
#include "moka/registry.h"
#include "@stem@.pb.h"

class @Name@ final : public moka::Layer {
 public:
@constructor@

  static moka::LayerTraits Traits(const moka::LayerSpec&, const @Name@Parameter&) {
    return moka::LayerTraits()
        .Bottoms(1)                                   // x
        .Tops(1)                                      // y
        .BottomGradientReads(moka::Reads::Nothing())  // dx needs w and dy alone
        .ParamGradientReads(moka::Reads::Bottom(0))   // dw needs x
        .MayShare(0, 0);  // each element is read before it is written: y may take x's memory
  }

  // Once: the learned params, by the index that the passes use.
  void SetUp(moka::Shapes bottom, moka::Setup& setup) override {
    weights_ = Channels(bottom[0]);
    setup.AddParam("weight", moka::Shape{weights_}, weight_filler_);  // 0: w
    setup.AddParam("bias", moka::Shape{weights_}, bias_filler_);      // 1: b
  }

  void Reshape(moka::Shapes bottom, moka::Plan& plan) override {
    channels_ = Channels(bottom[0]);
    if (channels_ != weights_) {
      throw moka::Error("the bottom has ", channels_, " channels, but there are ", weights_,
                        " weights");
    }
    batch_ = bottom[0][0];
    inner_ = bottom[0].count_from(2);
    plan.top(0) = bottom[0];
    plan.MultiplyAdds(bottom[0].count());
  }

  // x, y (batch, channels, inner); w, b (channels)
  void Forward(moka::ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    const float* w = pass.param(0).values().data();
    const float* b = pass.param(1).values().data();
    float* y = pass.top(0).data();
    pass.ParallelFor(batch_ * channels_, Grain(inner_), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t c = row % channels_;
        for (int64_t i = row * inner_; i < (row + 1) * inner_; ++i) y[i] = w[c] * x[i] + b[c];
      }
    });
  }

  // dx(n,c,i) = w(c) dy(n,c,i)
  void Backward(moka::BackwardPass& pass) override {
    // The params first: dx may take dy's memory.
    if (pass.wants_param(0) || pass.wants_param(1)) ParamBackward(pass);
    if (!pass.wants_bottom(0)) return;
    const float* w = pass.param(0).values().data();
    const float* dy = pass.top_diff(0).data();
    float* dx = pass.bottom_diff(0).data();
    pass.ParallelFor(batch_ * channels_, Grain(inner_), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t c = row % channels_;
        for (int64_t i = row * inner_; i < (row + 1) * inner_; ++i) dx[i] = w[c] * dy[i];
      }
    });
  }

 private:
  static int64_t Channels(const moka::Shape& x) {
    if (x.axes() < 2) {
      throw moka::Error("the bottom needs at least 2 axes (items, channels), but its shape is ", x);
    }
    return x[1];
  }

  // How many rows or channels make a piece of work that is worth a thread.
  static int64_t Grain(int64_t each) {
    return std::max<int64_t>(1, 8192 / std::max<int64_t>(1, each));
  }

  // dw(c) = sum over n, i of x(n,c,i) dy(n,c,i) and db(c) = sum over n, i of dy(n,c,i), in double.
  // One thread sums a whole channel, in one order: the same bits for any number of threads.
  void ParamBackward(moka::BackwardPass& pass) {
    const float* x = pass.bottom(0).data();
    const float* dy = pass.top_diff(0).data();
    float* dw = pass.wants_param(0) ? pass.param_diff(0).data() : nullptr;
    float* db = pass.wants_param(1) ? pass.param_diff(1).data() : nullptr;
    pass.ParallelFor(channels_, Grain(batch_ * inner_), [&](int64_t begin, int64_t end) {
      for (int64_t c = begin; c < end; ++c) {
        double sum_w = 0, sum_b = 0;
        for (int64_t n = 0; n < batch_; ++n) {
          const int64_t row = n * channels_ + c;
          for (int64_t i = row * inner_; i < (row + 1) * inner_; ++i) {
            sum_w += static_cast<double>(x[i]) * dy[i];
            sum_b += dy[i];
          }
        }
        if (dw) dw[c] = (pass.adds_param(0) ? dw[c] : 0) + static_cast<float>(sum_w);
        if (db) db[c] = (pass.adds_param(1) ? db[c] : 0) + static_cast<float>(sum_b);
      }
    });
  }

@members@
  moka::FillerParameter weight_filler_, bias_filler_;
  int64_t weights_ = 0;                           // as many as there were channels in SetUp
  int64_t batch_ = 0, channels_ = 0, inner_ = 0;  // the bottom's shape
};

void RegisterPlugin(moka::Registry& registry) {
  const moka::Field<@Name@Parameter> params{"@stem@_param"};
  registry.Add<@Name@>("@Name@", params);
}
