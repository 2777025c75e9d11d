// What LSTM, RNN and GRU share: T steps of N streams, each step from the state that the last one
// left.
//   x (T, N, ...), as (T N, D); cont (T, N), by which the state is multiplied before step t: 0
//   begins a new sequence; perhaps a static input s (N, ...), as (N, S), the same in each step.
// Each step has G sums u (N, G) of its inputs, and makes a state of H numbers from them.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "moka/elementwise.h"
#include "moka/filler.h"
#include "moka/layer.h"
#include "moka/math.h"
#include "recurrent.pb.h"

namespace moka {

class Recurrent : public Layer {
 public:
  void Reshape(Shapes bottom, Plan& plan) override {
    Measure(bottom);
    CheckSizes(bottom);
    plan.top(0) = Shape{t_, n_, h_};
    for (int j = 0; j < exposed(); ++j) plan.top(1 + j) = Shape{1, n_, h_};
    plan.MultiplyAdds(Shape{t_, n_, g_, d_ + h_}.count());
    u_ = plan.Saved<float>(Shape{t_, n_, g_}.count());
    hm_ = plan.Saved<float>(Shape{t_, n_, h_}.count());
    du_ = plan.Scratch<float>(u_.count);
    static_sums_ = has_static() ? plan.Scratch<float>(n_ * g_) : Buffer<float>();
    dhm_ = plan.Scratch<float>(n_ * h_);
    dstates_.clear();
    for (int j = 0; j < states_; ++j) dstates_.push_back(plan.Scratch<float>(n_ * h_));
    KeepCarried();
  }

 protected:
  // `states`: how many tensors (N, H) a step hands to the next; `gates`: G / H.
  Recurrent(const LayerSpec& spec, const RecurrentParameter& params, int states, int gates)
      : Layer(spec), params_(params), states_(states), h_(params.num_output()), g_(gates * h_) {
    constexpr int64_t kMost = 1 << 20;
    if (h_ == 0) {
      const bool given = params.has_num_output();
      throw Error(given ? "num_output is 0; it must be at least 1" : "num_output is missing")
          .At(given ? "recurrent_param.num_output" : "recurrent_param");
    }
    if (h_ > kMost)
      throw Error("num_output ", h_, " is too large").At("recurrent_param.num_output");
  }

  // Backward has the states that Forward left it. cont cannot be trained.
  static LayerTraits TraitsFor(const LayerSpec& spec, const RecurrentParameter& params,
                               int states) {
    const int exposed = params.expose_hidden() ? states : 0;
    Reads inputs = Reads::Bottom(0) | Reads::Bottom(1);
    if (spec.bottom_count() > 2 + exposed) inputs = inputs | Reads::Bottom(2);
    return LayerTraits()
        .Bottoms(2 + exposed, 3 + exposed)
        .Tops(1 + exposed)
        .BottomGradientReads(Reads::Bottom(1))
        .ParamGradientReads(inputs)
        .NoGradient(1);
  }

  bool has_static() const { return spec().bottom_count() > 2 + exposed(); }
  int hidden_param() const { return has_static() ? 3 : 2; }  // the first that is not of the inputs
  int state_bottom(int j) const { return (has_static() ? 3 : 2) + j; }

  // W_x (G, D), b_x (G) and, for a static input, W_s (G, S).
  void SetUpInputs(Shapes bottom, Setup& setup, const std::string& name_w,
                   const std::string& name_b, const std::string& name_s) {
    Measure(bottom);
    if (d_ == 0) throw Error("has no inputs: bottom 0 is ", bottom[0]);
    if (has_static() && s_ == 0) throw Error("has no static inputs: bottom 2 is ", bottom[2]);
    trained_d_ = d_, trained_s_ = s_;
    AddWeights(setup, name_w, {g_, d_});
    AddBias(setup, name_b, g_);
    if (has_static()) AddWeights(setup, name_s, {g_, s_});
  }
  void AddWeights(Setup& setup, const std::string& name, const Shape& shape) {
    spec().MakeFiller(params_.weight_filler(), shape, "recurrent_param.weight_filler");
    setup.AddParam(name, shape, params_.weight_filler());
  }
  void AddBias(Setup& setup, const std::string& name, int64_t count) {
    spec().MakeFiller(params_.bias_filler(), {count}, "recurrent_param.bias_filler");
    setup.AddParam(name, {count}, params_.bias_filler());
  }

  // u (T, N, G) = x W_x' + b_x + s W_s'
  void SumInputs(ForwardPass& pass, std::span<float> u) {
    const auto bias = pass.param(1).values().values();
    if (has_static()) {
      const auto us = pass.Get(static_sums_);  // (N, G)
      RepeatRow(pass.context(), bias, n_, us);
      Gemm(pass.context(), Transpose::kNo, Transpose::kYes, n_, g_, s_, 1, pass.bottom(2).data(),
           pass.param(2).values().data(), 1, us.data());
      RepeatRow(pass.context(), us, t_, u);
    } else {
      RepeatRow(pass.context(), bias, t_ * n_, u);
    }
    Gemm(pass.context(), Transpose::kNo, Transpose::kYes, t_ * n_, g_, d_, 1, pass.bottom(0).data(),
         pass.param(0).values().data(), 1, u.data());
  }
  // The gradients of the inputs and of their weights from du (T, N, G).
  void InputGradients(BackwardPass& pass, std::span<const float> du) {
    WeightGradient(pass, 0, t_ * n_, du.data(), pass.bottom(0).data());
    if (pass.wants_param(1)) {
      SumRows(pass.context(), du, t_ * n_, pass.adds_param(1), pass.param_diff(1).values());
    }
    if (pass.wants_bottom(0)) {
      Gemm(pass.context(), Transpose::kNo, Transpose::kNo, t_ * n_, d_, g_, 1, du.data(),
           pass.param(0).values().data(), 0, pass.bottom_diff(0).data());
    }
    if (!has_static() || !(pass.wants_param(2) || pass.wants_bottom(2))) return;
    const auto dus = pass.Get(static_sums_);
    SumRows(pass.context(), du, t_, false, dus);
    WeightGradient(pass, 2, n_, dus.data(), pass.bottom(2).data());
    if (pass.wants_bottom(2)) {
      Gemm(pass.context(), Transpose::kNo, Transpose::kNo, n_, s_, g_, 1, dus.data(),
           pass.param(2).values().data(), 0, pass.bottom_diff(2).data());
    }
  }
  // dW (m, k) = or += da' b over `rows` rows, for W = param k of that shape.
  void WeightGradient(BackwardPass& pass, int k, int64_t rows, const float* da, const float* b) {
    if (!pass.wants_param(k)) return;
    Tensor& dw = pass.param_diff(k);
    Gemm(pass.context(), Transpose::kYes, Transpose::kNo, dw.shape()[0], dw.shape()[1], rows, 1, da,
         b, pass.adds_param(k) ? 1 : 0, dw.data());
  }

  // f(n) for each stream n, as Vectorised wants it.
  template <typename F>
  void ForStreams(Pass& pass, F f) const {
    pass.ParallelFor(n_, std::max<int64_t>(1, 4096 / h_), [f](int64_t begin, int64_t end) {
      Vectorised([=] {
        for (int64_t n = begin; n < end; ++n) f(n);
      });
    });
  }
  // hm (N, H) = cont_t h: what goes on into step t. Where cont is 0 that is 0, even of a NaN.
  void Continue(Pass& pass, int64_t t, const float* h, float* hm) const {
    ForStreams(pass, [=, cont = pass.bottom(1).data() + t * n_, size = h_](int64_t n) {
      const float c = cont[n];
#pragma GCC ivdep
      for (int64_t i = n * size; i < (n + 1) * size; ++i) hm[i] = c == 0 ? 0 : c * h[i];
    });
  }

  // State j (N, H) before the first step; and what the last one left.
  const float* InitialState(ForwardPass& pass, int j) const {
    return exposed() > 0 ? pass.bottom(state_bottom(j)).data()
                         : carried_[static_cast<size_t>(j)].data();
  }
  void LeaveState(ForwardPass& pass, int j, const float* state) {
    Tensor& left = exposed() > 0 ? pass.top(1 + j) : carried_[static_cast<size_t>(j)];
    Copy(pass.context(), {state, left.values().size()}, left.values());
  }
  // The gradient of state j, (N, H): that of what the last step left; and, at the end, that of what
  // was before the first.
  std::span<float> FinalStateGradient(BackwardPass& pass, int j) {
    const auto dstate = pass.Get(dstates_[static_cast<size_t>(j)]);
    if (exposed() > 0) {
      Copy(pass.context(), pass.top_diff(1 + j).values(), dstate);
    } else {
      std::fill(dstate.begin(), dstate.end(), 0.0f);
    }
    return dstate;
  }
  void InitialStateGradient(BackwardPass& pass, int j) {
    const int bottom = state_bottom(j);
    if (exposed() == 0 || !pass.wants_bottom(bottom)) return;
    Copy(pass.context(), pass.Get(dstates_[static_cast<size_t>(j)]),
         pass.bottom_diff(bottom).values());
  }

  const RecurrentParameter params_;
  const int states_;
  const int64_t h_, g_;
  int64_t t_ = 0, n_ = 0, d_ = 0, s_ = 0;
  Buffer<float> u_;    // (T, N, G)
  Buffer<float> hm_;   // (T, N, H): cont_t h_{t-1}
  Buffer<float> du_;   // (T, N, G)
  Buffer<float> dhm_;  // (N, H)

 private:
  int exposed() const { return params_.expose_hidden() ? states_ : 0; }

  void Measure(Shapes bottom) {
    const Shape &x = bottom[0], &cont = bottom[1];
    if (x.axes() < 2) throw Error("expects sequences T x N x ... in bottom 0, not ", x);
    t_ = x[0], n_ = x[1], d_ = x.count_from(2);
    if (cont != Shape{t_, n_}) {
      throw Error(
          "bottom 1 says for each step of each stream whether a sequence goes on: it must be ",
          Shape{t_, n_}, ", but is ", cont);
    }
    if (!has_static()) return;
    const Shape& s = bottom[2];
    if (s.axes() == 0 || s[0] != n_) {
      throw Error("the static input, bottom 2, must be N x ... for ", n_, " streams, but is ", s);
    }
    s_ = s.count_from(1);
  }
  void CheckSizes(Shapes bottom) const {
    const auto same = [](int64_t trained, int64_t size, int place, const Shape& shape) {
      if (size == trained) return;
      throw Error("the weights are for ", trained, " inputs a step, but bottom ", place, ", ",
                  shape, ", has ", size);
    };
    same(trained_d_, d_, 0, bottom[0]);
    if (has_static()) same(trained_s_, s_, 2, bottom[2]);
    for (int j = 0; j < exposed(); ++j) {
      const int place = state_bottom(j);
      const Shape& state = bottom[static_cast<size_t>(place)];
      if (state == Shape{1, n_, h_}) continue;
      throw Error("bottom ", place, ", an initial state, must be ", Shape{1, n_, h_}, ", but is ",
                  state);
    }
  }
  // Without exposed states a pass begins where the one before ended. Other streams begin at 0.
  void KeepCarried() {
    if (exposed() > 0) return;
    const Shape shape{n_, h_};
    if (!carried_.empty() && carried_[0].shape() == shape) return;
    carried_.clear();
    for (int j = 0; j < states_; ++j) carried_.emplace_back(shape);
  }

  int64_t trained_d_ = 0, trained_s_ = 0;
  Buffer<float> static_sums_;           // (N, G)
  std::vector<Buffer<float>> dstates_;  // (N, H) each
  std::vector<Tensor> carried_;
};

}  // namespace moka
