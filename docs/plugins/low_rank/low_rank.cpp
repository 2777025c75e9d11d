// LowRank: y = h w' + b with h = x v'; a fully connected layer with r (k + m) weights, not k m.
// Denil, Shakibi, Dinh, Ranzato, de Freitas, "Predicting parameters in deep learning", 2013.
#include <algorithm>

#include "low_rank.pb.h"
#include "moka/check_case.h"
#include "moka/filler.h"
#include "moka/layer.h"
#include "moka/math.h"
#include "moka/registry.h"

using moka::Transpose;

// x (n, k), v (r, k), h (n, r), w (m, r), b (m), y (n, m)
class LowRank final : public moka::Layer {
 public:
  LowRank(const moka::LayerSpec& spec, const LowRankParameter& params)
      : Layer(spec), params_(params), m_(params.num_output()), r_(params.rank()) {
    if (m_ == 0) {
      throw moka::Error("num_output is 0; say how many outputs there are")
          .At("low_rank_param.num_output");
    }
    if (r_ == 0) {
      throw moka::Error("rank is 0; say how many numbers lie between inputs and outputs")
          .At("low_rank_param.rank");
    }
  }

  // Gradients of the params read x, and what Forward saved; that of x reads params alone.
  static moka::LayerTraits Traits(const moka::LayerSpec&, const LowRankParameter&) {
    return moka::LayerTraits()
        .BottomGradientReads(moka::Reads::Nothing())
        .ParamGradientReads(moka::Reads::Bottom(0));
  }

  // The order of AddParam is that of `param { }` in a net file and of the blobs in a .caffemodel.
  void SetUp(moka::Shapes bottom, moka::Setup& setup) override {
    k_ = bottom[0].count_from(1);
    if (r_ > std::min(k_, m_)) {
      throw moka::Error("rank ", r_, " is more than ", k_, " inputs and ", m_,
                        " outputs can have; an InnerProduct does the same with fewer weights")
          .At("low_rank_param.rank");
    }
    v_ = Add(setup, "inward", {r_, k_}, params_.weight_filler(), "low_rank_param.weight_filler");
    w_ = Add(setup, "outward", {m_, r_}, params_.weight_filler(), "low_rank_param.weight_filler");
    b_ = Add(setup, "bias", {m_}, params_.bias_filler(), "low_rank_param.bias_filler");
  }

  void Reshape(moka::Shapes bottom, moka::Plan& plan) override {
    const moka::Shape& x = bottom[0];
    if (x.count_from(1) != k_) {
      throw moka::Error("the weights are for ", k_, " inputs, but the bottom, ", x, ", has ",
                        x.count_from(1));
    }
    n_ = x.size_or_1(0);
    plan.top(0) = {n_, m_};
    h_ = plan.Saved<float>(n_ * r_);     // Backward needs it
    dh_ = plan.Scratch<float>(n_ * r_);  // needed within Backward only
    plan.MultiplyAdds(moka::Shape{n_, r_, k_ + m_}.count());
  }

  void Forward(moka::ForwardPass& pass) override;
  void Backward(moka::BackwardPass& pass) override;

 private:
  // Checks the filler before the param is added, so that an error has its place in the net file.
  int Add(moka::Setup& setup, const char* name, const moka::Shape& shape,
          const moka::FillerParameter& filler, const char* field) {
    spec().MakeFiller(filler, shape, field);
    return setup.AddParam(name, shape, filler);
  }

  const LowRankParameter params_;
  const int64_t m_, r_;
  int64_t n_ = 0, k_ = 0;
  int v_ = 0, w_ = 0, b_ = 0;
  moka::Buffer<float> h_, dh_;
};

void LowRank::Forward(moka::ForwardPass& pass) {
  const float* x = pass.bottom(0).data();
  const float* v = pass.param(v_).values().data();
  const float* w = pass.param(w_).values().data();
  float* h = pass.Get(h_).data();
  float* y = pass.top(0).data();
  moka::Gemm(pass.context(), Transpose::kNo, Transpose::kYes, n_, r_, k_, 1, x, v, 0, h);
  moka::RepeatRow(pass.context(), pass.param(b_).values().values(), n_, pass.top(0).values());
  moka::Gemm(pass.context(), Transpose::kNo, Transpose::kYes, n_, m_, r_, 1, h, w, 1, y);
}

// db = the sum of the rows of dy, dw = dy' h, dh = dy w, dv = dh' x, dx = dh v. A gradient of a
// param is added to what is there (beta 1) if the pass says so.
void LowRank::Backward(moka::BackwardPass& pass) {
  const float* dy = pass.top_diff(0).data();
  if (pass.wants_param(b_)) {
    moka::SumRows(pass.context(), pass.top_diff(0).values(), n_, pass.adds_param(b_),
                  pass.param_diff(b_).values());
  }
  if (pass.wants_param(w_)) {
    const float* h = pass.Get(h_).data();
    float* dw = pass.param_diff(w_).data();
    const float beta = pass.adds_param(w_) ? 1 : 0;
    moka::Gemm(pass.context(), Transpose::kYes, Transpose::kNo, m_, r_, n_, 1, dy, h, beta, dw);
  }
  if (!pass.wants_param(v_) && !pass.wants_bottom(0)) return;
  const float* w = pass.param(w_).values().data();
  float* dh = pass.Get(dh_).data();
  moka::Gemm(pass.context(), Transpose::kNo, Transpose::kNo, n_, r_, m_, 1, dy, w, 0, dh);
  if (pass.wants_param(v_)) {
    const float* x = pass.bottom(0).data();
    float* dv = pass.param_diff(v_).data();
    const float beta = pass.adds_param(v_) ? 1 : 0;
    moka::Gemm(pass.context(), Transpose::kYes, Transpose::kNo, r_, k_, n_, 1, dh, x, beta, dv);
  }
  if (pass.wants_bottom(0)) {
    const float* v = pass.param(v_).values().data();
    float* dx = pass.bottom_diff(0).data();
    moka::Gemm(pass.context(), Transpose::kNo, Transpose::kNo, n_, k_, r_, 1, dh, v, 0, dx);
  }
}

void RegisterPlugin(moka::Registry& registry) {
  registry.Add<LowRank>("LowRank", moka::Field<LowRankParameter>{"low_rank_param"});
  const char* params = "low_rank_param { num_output: 5 rank: 2 weight_filler { type: 'xavier' } }";
  registry.AddCheckCase("LowRank", moka::CheckCase(params, {{3, 4, 2}}));
}
