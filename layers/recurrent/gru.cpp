// GRU: r, z = s(W_x x_t + b_x + W_h (cont_t h_{t-1}) + b_h), n = tanh(W_x x_t + b_x + r (W_h
// (cont_t h_{t-1}) + b_h)), y_t = h_t = (1 - z) n + z cont_t h_{t-1}, with s(u) = 1 / (1 +
// exp(-u)).
//
// Bottoms: x (T x N x ...), cont (T x N; 0 where a sequence begins, else 1), perhaps a static input
// (N x ...) that adds W_x_static s to each W_x x_t; with expose_hidden then h_0 (1 x N x H).
// Tops: y (T x N x H); with expose_hidden then h_T (1 x N x H).
// Blobs: W_x (3H x D), b_x (3H), W_x_static (3H x S) with a static input, W_h (3H x H), b_h (3H);
// rows of the gates r, z, n: PyTorch's weight_ih, bias_ih, weight_hh, bias_hh as they are. Without
// expose_hidden, a pass begins in the state that the one before left for as many streams.
// Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine
// translation", 2014, with the reset gate behind the product.
#include "moka/functions.h"
#include "moka/registry.h"
#include "recurrent.h"

namespace moka {
namespace {

// One stream's step: the gates r, z, n (3 H) from their sums u of the inputs, which they replace,
// and v of the state; then h from the gates and from the state hm before, each (H).
void Step(int64_t size, float* u, const float* v, const float* hm, float* h) {
  float *r = u, *z = u + size, *n = u + 2 * size;
#pragma GCC ivdep
  for (int64_t j = 0; j < 2 * size; ++j) u[j] = Sigmoid(u[j] + v[j]);
#pragma GCC ivdep
  for (int64_t j = 0; j < size; ++j) {
    n[j] = Tanh(n[j] + r[j] * v[2 * size + j]);
    h[j] = (1 - z[j]) * n[j] + z[j] * hm[j];
  }
}

// du and dv (3 H) are the gradients of u and v, dhm (H) that of hm but for the part through v. `vn`
// (H) are the sums v of gate n.
void StepGradient(int64_t size, const float* a, const float* vn, const float* hm, const float* dh,
                  float* du, float* dv, float* dhm) {
  const float *r = a, *z = a + size, *n = a + 2 * size;
#pragma GCC ivdep
  for (int64_t j = 0; j < size; ++j) {
    const float dn = dh[j] * (1 - z[j]) * (1 - n[j] * n[j]);
    const float dr = dn * vn[j] * r[j] * (1 - r[j]);
    const float dz = dh[j] * (hm[j] - n[j]) * z[j] * (1 - z[j]);
    du[j] = dv[j] = dr;
    du[size + j] = dv[size + j] = dz;
    du[2 * size + j] = dn;
    dv[2 * size + j] = dn * r[j];
    dhm[j] = dh[j] * z[j];
  }
}

class GRU final : public Recurrent {
 public:
  GRU(const LayerSpec& spec, const RecurrentParameter& params) : Recurrent(spec, params, 1, 3) {}

  static LayerTraits Traits(const LayerSpec& spec, const RecurrentParameter& params) {
    return TraitsFor(spec, params, 1);
  }
  void SetUp(Shapes bottom, Setup& setup) override {
    SetUpInputs(bottom, setup, "W_x", "b_x", "W_x_static");
    AddWeights(setup, "W_h", {g_, h_});
    AddBias(setup, "b_h", g_);
  }
  void Reshape(Shapes bottom, Plan& plan) override {
    Recurrent::Reshape(bottom, plan);
    v_ = plan.Scratch<float>(n_ * g_);
    vn_ = plan.Saved<float>(Shape{t_, n_, h_}.count());
    dv_ = plan.Scratch<float>(Shape{t_, n_, g_}.count());
  }
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

 private:
  Buffer<float> v_;   // (N, 3 H): W_h hm + b_h of one step
  Buffer<float> vn_;  // (T, N, H): its part for gate n, of all steps
  Buffer<float> dv_;  // (T, N, 3 H)
};

void GRU::Forward(ForwardPass& pass) {
  const auto u = pass.Get(u_), hm = pass.Get(hm_), v = pass.Get(v_), vn = pass.Get(vn_);
  SumInputs(pass, u);
  const int64_t step = n_ * h_;
  const Tensor &w = pass.param(hidden_param()).values(),
               &b = pass.param(hidden_param() + 1).values();
  const float* h0 = InitialState(pass, 0);
  for (int64_t t = 0; t < t_; ++t) {
    float *ut = u.data() + 3 * t * step, *hmt = hm.data() + t * step;
    float *vnt = vn.data() + t * step, *ht = pass.top(0).data() + t * step;
    Continue(pass, t, h0, hmt);
    RepeatRow(pass.context(), b.values(), n_, v);
    Gemm(pass.context(), Transpose::kNo, Transpose::kYes, n_, g_, h_, 1, hmt, w.data(), 1,
         v.data());
    ForStreams(pass, [=, size = h_, all = g_, v = v.data()](int64_t n) {
      const float* row = v + n * all;
      std::copy_n(row + 2 * size, size, vnt + n * size);
      Step(size, ut + n * all, row, hmt + n * size, ht + n * size);
    });
    h0 = ht;
  }
  LeaveState(pass, 0, h0);
}

void GRU::Backward(BackwardPass& pass) {
  const auto a = pass.Get(u_), hm = pass.Get(hm_), vn = pass.Get(vn_);
  const auto du = pass.Get(du_), dv = pass.Get(dv_);
  float *dh = FinalStateGradient(pass, 0).data(), *dhm = pass.Get(dhm_).data();
  const int64_t step = n_ * h_;
  for (int64_t t = t_ - 1; t >= 0; --t) {
    const float *at = a.data() + 3 * t * step, *hmt = hm.data() + t * step;
    const float *vnt = vn.data() + t * step, *dy = pass.top_diff(0).data() + t * step;
    float *dut = du.data() + 3 * t * step, *dvt = dv.data() + 3 * t * step;
    ForStreams(pass, [=, size = h_, all = g_](int64_t n) {
      const int64_t row = n * size;
      for (int64_t i = row; i < row + size; ++i) dh[i] += dy[i];
      StepGradient(size, at + n * all, vnt + row, hmt + row, dh + row, dut + n * all, dvt + n * all,
                   dhm + row);
    });
    // dhm (N, H) += dv_t W_h
    Gemm(pass.context(), Transpose::kNo, Transpose::kNo, n_, h_, g_, 1, dvt,
         pass.param(hidden_param()).values().data(), 1, dhm);
    Continue(pass, t, dhm, dh);
  }
  InitialStateGradient(pass, 0);
  WeightGradient(pass, hidden_param(), t_ * n_, dv.data(), hm.data());
  const int bias = hidden_param() + 1;
  if (pass.wants_param(bias)) {
    SumRows(pass.context(), dv, t_ * n_, pass.adds_param(bias), pass.param_diff(bias).values());
  }
  InputGradients(pass, du);
}

}  // namespace

void RegisterGRU(Registry& registry) {
  registry.Add<GRU>("GRU", Field<RecurrentParameter>{"recurrent_param", 146});
}

}  // namespace moka
