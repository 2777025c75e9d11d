// LSTM: u_t = W_xc x_t + b_c + W_hc (cont_t h_{t-1}), i, f, o = s(u), g = tanh(u), c_t = f cont_t
// c_{t-1} + i g, y_t = h_t = o tanh(c_t), with s(u) = 1 / (1 + exp(-u)).
//
// Bottoms: x (T x N x ...), cont (T x N; 0 where a sequence begins, else 1), perhaps a static input
// (N x ...) that adds W_xc_static s to each u_t; with expose_hidden then h_0 and c_0 (1 x N x H).
// Tops: y (T x N x H); with expose_hidden then h_T and c_T (1 x N x H).
// Blobs: W_xc (4H x D), b_c (4H), W_xc_static (4H x S) with a static input, W_hc (4H x H); rows of
// the gates i, f, o, g. Without expose_hidden, a pass begins in the state that the one before left
// for as many streams.
// Caffe: fixes T; here it may change.
// Caffe: gives exposed states no gradient; here h_0 and c_0 have one, and those of h_T and c_T
// count.
// Caffe: a NaN in the state stays there even where cont is 0.
// Caffe: the forget gate's gradient is wrong where cont is neither 0 nor 1.
#include "lstm_cell.h"
#include "moka/registry.h"
#include "recurrent.h"

namespace moka {
namespace {

class LSTM final : public Recurrent {
 public:
  LSTM(const LayerSpec& spec, const RecurrentParameter& params) : Recurrent(spec, params, 2, 4) {}

  static LayerTraits Traits(const LayerSpec& spec, const RecurrentParameter& params) {
    return TraitsFor(spec, params, 2);
  }
  void SetUp(Shapes bottom, Setup& setup) override {
    SetUpInputs(bottom, setup, "W_xc", "b_c", "W_xc_static");
    AddWeights(setup, "W_hc", {g_, h_});
  }
  void Reshape(Shapes bottom, Plan& plan) override {
    Recurrent::Reshape(bottom, plan);
    c_ = plan.Saved<float>(Shape{t_ + 1, n_, h_}.count());
  }
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  Buffer<float> c_;  // (T + 1, N, H): c_0 ... c_T
};

void LSTM::Forward(ForwardPass& pass) {
  const auto u = pass.Get(u_), hm = pass.Get(hm_), cells = pass.Get(c_);
  SumInputs(pass, u);
  const int64_t step = n_ * h_;
  const float* h0 = InitialState(pass, 0);
  Copy(pass.context(), {InitialState(pass, 1), static_cast<size_t>(step)},
       cells.first(static_cast<size_t>(step)));
  for (int64_t t = 0; t < t_; ++t) {
    float *ut = u.data() + 4 * t * step, *ht = pass.top(0).data() + t * step;
    const float *cont = pass.bottom(1).data() + t * n_, *c0 = cells.data() + t * step;
    float* ct = cells.data() + (t + 1) * step;
    Continue(pass, t, h0, hm.data() + t * step);
    Gemm(pass.context(), Transpose::kNo, Transpose::kYes, n_, g_, h_, 1, hm.data() + t * step,
         pass.param(hidden_param()).values().data(), 1, ut);
    ForStreams(pass, [=, size = h_, all = g_](int64_t n) {
      LSTMGates(size, ut + n * all, ut + n * all);
      LSTMCell(size, ut + n * all, c0 + n * size, cont[n], ct + n * size, ht + n * size);
    });
    h0 = ht;
  }
  LeaveState(pass, 0, h0);
  LeaveState(pass, 1, cells.data() + t_ * step);
}

void LSTM::Backward(BackwardPass& pass) {
  const auto a = pass.Get(u_), hm = pass.Get(hm_), cells = pass.Get(c_), du = pass.Get(du_);
  float *dh = FinalStateGradient(pass, 0).data(), *dc = FinalStateGradient(pass, 1).data();
  float* dhm = pass.Get(dhm_).data();
  const int64_t step = n_ * h_;
  const float* w = pass.param(hidden_param()).values().data();
  for (int64_t t = t_ - 1; t >= 0; --t) {
    const float *at = a.data() + 4 * t * step, *c0 = cells.data() + t * step;
    const float *cont = pass.bottom(1).data() + t * n_, *dy = pass.top_diff(0).data() + t * step;
    float* dut = du.data() + 4 * t * step;
    ForStreams(pass, [=, size = h_, all = g_](int64_t n) {
      const int64_t row = n * size;
      for (int64_t i = row; i < row + size; ++i) dh[i] += dy[i];
      LSTMCellGradient(size, at + n * all, c0 + row, cont[n], dc + row, dh + row, dut + n * all,
                       dc + row);
    });
    // dhm (N, H) = du_t W_hc
    Gemm(pass.context(), Transpose::kNo, Transpose::kNo, n_, h_, g_, 1, dut, w, 0, dhm);
    Continue(pass, t, dhm, dh);
  }
  InitialStateGradient(pass, 0);
  InitialStateGradient(pass, 1);
  WeightGradient(pass, hidden_param(), t_ * n_, du.data(), hm.data());
  InputGradients(pass, du);
}

}  // namespace

void RegisterLSTM(Registry& registry) {
  registry.Add<LSTM>("LSTM", Field<RecurrentParameter>{"recurrent_param", 146});
}

}  // namespace moka
