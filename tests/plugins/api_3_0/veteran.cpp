// A plugin with all that plugin API 3.0 had, compiled against the headers of that time.
#include <cmath>
#include <span>
#include <vector>

#include "moka/check_case.h"
#include "moka/filler.h"
#include "moka/layer.h"
#include "moka/learning_rate.h"
#include "moka/math.h"
#include "moka/registry.h"
#include "moka/update_rule.h"
#include "moka/version.h"
#include "veteran.pb.h"

static_assert(MOKA_PLUGIN_API_MAJOR == 3 && MOKA_PLUGIN_API_MINOR == 0,
              "this is to be compiled with the headers of 3.0");

namespace veteran {
namespace {

// y = g(c) x s, with s = 1 / (1 + exp(-beta x)). The state is a running sum of squares of y.
class Gate final : public moka::Layer {
 public:
  Gate(const moka::LayerSpec& spec, const GateParameter& params)
      : Layer(spec), beta_(params.beta()), filler_(params.gain_filler()) {
    if (!(beta_ > 0))
      throw moka::Error("beta must be positive, but is ", beta_).At("gate_param.beta");
    if (!params.has_gain_filler()) filler_.set_value(1);
  }
  static moka::LayerTraits Traits(const moka::LayerSpec&, const GateParameter&) {
    return moka::LayerTraits()
        .BottomGradientReads(moka::Reads::Bottom(0))
        .ParamGradientReads(moka::Reads::Bottom(0))
        .MayShare(0, 0);
  }
  void SetUp(moka::Shapes bottom, moka::Setup& setup) override {
    setup.AddParam("gain", {bottom[0][1]}, filler_);
    squares_ = setup.AddState("squares", {1}, 0);
  }
  void Reshape(moka::Shapes bottom, moka::Plan& plan) override {
    plan.top(0) = bottom[0];
    plan.MultiplyAdds(bottom[0].count());
    gates_ = plan.Saved<float>(bottom[0].count());
    products_ = plan.Scratch<float>(bottom[0].count());
  }

  void Forward(moka::ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    const float* g = pass.param(0).values().data();
    float* y = pass.top(0).data();
    const auto s = pass.Get(gates_);
    const auto channels = pass.bottom(0).shape()[1];
    const auto inner = pass.bottom(0).shape().count_from(2);
    pass.ParallelFor(gates_.count, 64, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        s[i] = 1 / (1 + std::exp(-beta_ * x[i]));
        y[i] = g[i / inner % channels] * x[i] * s[i];
      }
    });
    if (!spec().training()) return;
    const double squares = moka::SumOfSquares(pass.context(), pass.top(0).values());
    float& sum = pass.state(squares_).data()[0];
    sum = 0.5f * sum + static_cast<float>(squares);
  }

  // dx = g dy (s + beta x s (1 - s)),  dg(c) = sum x s dy
  void Backward(moka::BackwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    const float* dy = pass.top_diff(0).data();
    const float* g = pass.param(0).values().data();
    const auto s = pass.Get(gates_);
    const auto products = pass.Get(products_);
    const auto channels = pass.bottom(0).shape()[1];
    const auto inner = pass.bottom(0).shape().count_from(2);
    if (pass.wants_param(0)) {
      float* dg = pass.param_diff(0).data();
      for (int64_t i = 0; i < gates_.count; ++i) products[i] = x[i] * s[i] * dy[i];
      for (int64_t c = 0; c < channels; ++c) {
        if (!pass.adds_param(0)) dg[c] = 0;
        for (int64_t i = 0; i < gates_.count; ++i)
          if (i / inner % channels == c) dg[c] += products[i];
      }
    }
    if (!pass.wants_bottom(0)) return;
    float* dx = pass.bottom_diff(0).data();
    pass.ParallelFor(gates_.count, 64, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        dx[i] = g[i / inner % channels] * dy[i] * (s[i] + beta_ * x[i] * s[i] * (1 - s[i]));
    });
  }

 private:
  const float beta_;
  moka::FillerParameter filler_;
  moka::Buffer<float> gates_, products_;
  int squares_ = -1;
};

// from, from + step, from + 2 step, ...
class Ramp final : public moka::Filler {
 public:
  Ramp(const moka::FillerParameter&, const RampParameter& params)
      : from_(params.from()), step_(params.step()) {}
  void Fill(const moka::RandomStream&, moka::Tensor& tensor) const override {
    for (int64_t i = 0; i < tensor.count(); ++i)
      tensor.data()[i] = from_ + step_ * static_cast<float>(i);
  }

 private:
  const float from_, step_;
};

// v = keep v + rate gradient,  w -= v
class Heavy final : public moka::UpdateRule {
 public:
  Heavy(const moka::SolverParameter&, const HeavyParameter& params) : keep_(params.keep()) {}
  int histories() const override { return 1; }
  void Update(const moka::UpdatePiece& piece) const override {
    for (int64_t i = 0; i < piece.n; ++i) {
      float& v = piece.history[0][i];
      v = keep_ * v + piece.rate * piece.Gradient(i);
      piece.w[i] -= v;
    }
  }

 private:
  const float keep_;
};

// 1, then a half, a quarter, ...
class Halving final : public moka::LearningRatePolicy {
 public:
  Halving(const moka::SolverParameter&, const HalvingParameter& params) : every_(params.every()) {
    if (every_ < 1) throw moka::Error("every must be 1 or more, but is ", every_).At("every");
  }
  double Factor(int64_t iteration) const override {
    return std::pow(0.5, static_cast<double>(iteration / every_));
  }

 private:
  const int every_;
};

// w -= rate gradient / its norm + decay
class Unit final : public moka::UpdateRule, public moka::LayerwiseRate {
 public:
  explicit Unit(const moka::SolverParameter&) {}
  int histories() const override { return 0; }
  void Update(const moka::UpdatePiece& piece) const override {
    moka::UpdateEach(piece, [](const moka::UpdatePiece& p, int64_t i) {
      p.w[i] -= p.rate * p.LossGradient(i) + p.Decay(i);
    });
  }
  double RateFactor(const moka::WholeParam& param) const override {
    return 1 / param.gradient_norm;
  }
  const void* Interface(const char* name, int version) const override {
    return LayerwiseRate::Is(name, version) ? static_cast<const LayerwiseRate*>(this) : nullptr;
  }
};

// The smoothed loss, or a half before there is one
class ByLoss final : public moka::LearningRatePolicy, public moka::LossDriven {
 public:
  explicit ByLoss(const moka::SolverParameter&) {}
  double Factor(int64_t) const override { return loss_; }
  const void* Interface(const char* name, int version) const override {
    return LossDriven::Is(name, version) ? static_cast<const LossDriven*>(this) : nullptr;
  }
  void Observe(int64_t, double smoothed_loss) override { loss_ = smoothed_loss; }
  std::vector<double> State() const override { return {loss_}; }
  void CheckState(std::span<const double> state) const override {
    if (state.size() > 1) throw moka::Error("there is one loss, not ", state.size());
  }
  void SetState(std::span<const double> state) override { loss_ = state.empty() ? 0.5 : state[0]; }

 private:
  double loss_ = 0.5;
};

}  // namespace
}  // namespace veteran

void RegisterPlugin(moka::Registry& registry) {
  using moka::Field;
  registry.Add<veteran::Gate>("Gate", Field<veteran::GateParameter>{"gate_param"});
  registry.AddFiller<veteran::Ramp>("ramp", Field<veteran::RampParameter>{"ramp_param"});
  registry.AddUpdateRule<veteran::Heavy>("Heavy", Field<veteran::HeavyParameter>{"heavy_param"});
  registry.AddLearningRatePolicy<veteran::Halving>(
      "halving", Field<veteran::HalvingParameter>{"halving_param"});
  registry.AddUpdateRule<veteran::Unit>("Unit");
  registry.AddLearningRatePolicy<veteran::ByLoss>("by_loss");
  registry.AddCheckCase("Gate",
                        moka::CheckCase("gate_param { beta: 2 }", {{2, 3, 4}}).Range(0, -2, 2));
}
