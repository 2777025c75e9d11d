// RNN: h_t = tanh(W_xh x_t + b_h + W_hh (cont_t h_{t-1})), y_t = tanh(W_ho h_t + b_o).
//
// Bottoms: x (T x N x ...), cont (T x N; 0 where a sequence begins, else 1), perhaps a static input
// (N x ...) that adds W_xh_static s to each sum; with expose_hidden then h_0 (1 x N x H).
// Tops: y (T x N x H); with expose_hidden then h_T (1 x N x H).
// Blobs: W_xh (H x D), b_h (H), W_xh_static (H x S) with a static input, W_hh (H x H), W_ho (H x
// H), b_o (H). Without expose_hidden, a pass begins in the state that the one before left for as
// many streams. Caffe: fixes T; here it may change. Caffe: gives exposed states no gradient; here
// h_0 has one, and that of h_T counts. Caffe: a NaN in the state stays there even where cont is 0.
#include "moka/functions.h"
#include "moka/registry.h"
#include "recurrent.h"

namespace moka {
namespace {

class RNN final : public Recurrent {
 public:
  RNN(const LayerSpec& spec, const RecurrentParameter& params) : Recurrent(spec, params, 1, 1) {}

  static LayerTraits Traits(const LayerSpec& spec, const RecurrentParameter& params) {
    return TraitsFor(spec, params, 1)
        .BottomGradientReads(Reads::Bottom(1) | Reads::Top(0))
        .ParamGradientReads(TraitsFor(spec, params, 1).param_gradient_reads() | Reads::Top(0));
  }
  void SetUp(Shapes bottom, Setup& setup) override {
    SetUpInputs(bottom, setup, "W_xh", "b_h", "W_xh_static");
    AddWeights(setup, "W_hh", {h_, h_});
    AddWeights(setup, "W_ho", {h_, h_});
    AddBias(setup, "b_o", h_);
  }
  void Reshape(Shapes bottom, Plan& plan) override {
    Recurrent::Reshape(bottom, plan);
    plan.MultiplyAdds(Shape{t_, n_, h_, h_}.count());
    dz_ = plan.Scratch<float>(Shape{t_, n_, h_}.count());
    dout_ = plan.Scratch<float>(dz_.count);
  }
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  // The places of W_hh, W_ho and b_o.
  int hh() const { return hidden_param(); }
  int ho() const { return hidden_param() + 1; }
  int bo() const { return hidden_param() + 2; }

  Buffer<float> dz_, dout_;  // (T, N, H)
};

void RNN::Forward(ForwardPass& pass) {
  const auto h = pass.Get(u_), hm = pass.Get(hm_);  // (T, N, H)
  SumInputs(pass, h);
  const int64_t step = n_ * h_;
  const float* h0 = InitialState(pass, 0);
  for (int64_t t = 0; t < t_; ++t) {
    float* ht = h.data() + t * step;
    Continue(pass, t, h0, hm.data() + t * step);
    Gemm(pass.context(), Transpose::kNo, Transpose::kYes, n_, h_, h_, 1, hm.data() + t * step,
         pass.param(hh()).values().data(), 1, ht);
    ForStreams(pass, [=, size = h_](int64_t n) {
#pragma GCC ivdep
      for (int64_t i = n * size; i < (n + 1) * size; ++i) ht[i] = Tanh(ht[i]);
    });
    h0 = ht;
  }
  LeaveState(pass, 0, h0);

  Tensor& y = pass.top(0);
  RepeatRow(pass.context(), pass.param(bo()).values().values(), t_ * n_, y.values());
  Gemm(pass.context(), Transpose::kNo, Transpose::kYes, t_ * n_, h_, h_, 1, h.data(),
       pass.param(ho()).values().data(), 1, y.data());
  ForEach(pass, y, y, [](float z) { return Tanh(z); });
}

void RNN::Backward(BackwardPass& pass) {
  const auto h = pass.Get(u_), hm = pass.Get(hm_), du = pass.Get(du_);
  // dz = dy (1 - y^2), and what comes from there to the h: dout (T, N, H) = dz W_ho
  Tensor dz(pass.top(0).shape(), pass.Get(dz_).data());
  const auto dout = pass.Get(dout_);
  ForEach(pass, pass.top(0), pass.top_diff(0), dz,
          [](float y, float dy) { return dy * (1 - y * y); });
  Gemm(pass.context(), Transpose::kNo, Transpose::kNo, t_ * n_, h_, h_, 1, dz.data(),
       pass.param(ho()).values().data(), 0, dout.data());
  WeightGradient(pass, ho(), t_ * n_, dz.data(), h.data());
  if (pass.wants_param(bo())) {
    SumRows(pass.context(), dz.values(), t_ * n_, pass.adds_param(bo()),
            pass.param_diff(bo()).values());
  }

  float *dh = FinalStateGradient(pass, 0).data(), *dhm = pass.Get(dhm_).data();
  const int64_t step = n_ * h_;
  for (int64_t t = t_ - 1; t >= 0; --t) {
    const float *ht = h.data() + t * step, *dht = dout.data() + t * step;
    float* dut = du.data() + t * step;
    ForStreams(pass, [=, size = h_](int64_t n) {
#pragma GCC ivdep
      for (int64_t i = n * size; i < (n + 1) * size; ++i) {
        dut[i] = (dh[i] + dht[i]) * (1 - ht[i] * ht[i]);
      }
    });
    Gemm(pass.context(), Transpose::kNo, Transpose::kNo, n_, h_, h_, 1, dut,
         pass.param(hh()).values().data(), 0, dhm);
    Continue(pass, t, dhm, dh);
  }
  InitialStateGradient(pass, 0);
  WeightGradient(pass, hh(), t_ * n_, du.data(), hm.data());
  InputGradients(pass, du);
}

}  // namespace

void RegisterRNN(Registry& registry) {
  registry.Add<RNN>("RNN", Field<RecurrentParameter>{"recurrent_param", 146});
}

}  // namespace moka
