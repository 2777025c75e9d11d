// InnerProduct: y (m, n) = x (m, k) w' + b, with m the sizes before `axis` and k those from it on;
// w (n, k), or (k, n) if transposed.
#include <algorithm>
#include <string>
#include <vector>

#include "inner_product.pb.h"
#include "moka/elementwise.h"
#include "moka/filler.h"
#include "moka/fusion.h"
#include "moka/layer.h"
#include "moka/math.h"
#include "moka/registry.h"

namespace moka {
namespace {

class InnerProduct final : public Layer, public StepTaker {
 public:
  InnerProduct(const LayerSpec& spec, const InnerProductParameter& params)
      : Layer(spec), params_(params) {
    if (!params.has_num_output()) throw Error("num_output is missing").At("inner_product_param");
    if (params.num_output() == 0)
      throw Error("num_output is 0; it must be at least 1").At("inner_product_param.num_output");
  }

  static LayerTraits Traits(const LayerSpec&, const InnerProductParameter&) {
    return LayerTraits().BottomGradientReads(Reads::Nothing()).ParamGradientReads(Reads::Bottom(0));
  }
  void SetUp(Shapes bottom, Setup& setup) override;
  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;
  void Backward(BackwardPass& pass) override;

  const void* Interface(const char* name, int version) const override {
    return IfAsked<StepTaker>(this, name, version);
  }
  int TakesInForward(Steps steps) const override { return EpilogueSteps(steps, n_, 1, false); }

 private:
  int Axis(const Shape& x) const {
    try {
      return x.Axis(params_.axis());
    } catch (Error& error) {
      throw error.At("inner_product_param.axis");
    }
  }

  void Multiply(ForwardPass& pass, bool adds);

  const InnerProductParameter params_;
  int64_t m_ = 0, n_ = 0, k_ = 0;
  Buffer<double> lines_;
  // In a net that does not train, w as the kernels read it, and what it was made from.
  struct PackedKey {
    uint64_t version, reshapes;
    friend bool operator==(const PackedKey&, const PackedKey&) = default;
  };
  uint64_t reshapes_ = 0;
  bool packs_ = false;
  Buffer<PackedKey> key_;
  Buffer<float> packed_;
};

void InnerProduct::SetUp(Shapes bottom, Setup& setup) {
  const auto add = [&](const char* name, const Shape& shape, const FillerParameter& filler) {
    spec().MakeFiller(filler, shape, std::string("inner_product_param.") + name + "_filler");
    setup.AddParam(name, shape, filler);
  };
  n_ = params_.num_output();
  k_ = bottom[0].count_from(Axis(bottom[0]));
  if (k_ == 0) throw Error("has no inputs: the bottom is ", bottom[0]);
  add("weight", params_.transpose() ? Shape{k_, n_} : Shape{n_, k_}, params_.weight_filler());
  if (params_.bias_term()) add("bias", {n_}, params_.bias_filler());
}

void InnerProduct::Reshape(Shapes bottom, Plan& plan) {
  const Shape& x = bottom[0];
  const int axis = Axis(x);
  if (x.count_from(axis) != k_) {
    throw Error("the weights are for ", k_, " inputs, but the bottom, ", x, ", has ",
                x.count_from(axis), " from axis ", axis, " on");
  }
  m_ = x.count(0, axis);
  plan.top(0) = x.Replace(axis, x.axes(), std::vector{n_});
  plan.MultiplyAdds(Shape{m_, n_, k_}.count());
  lines_ = plan.Scratch<double>(EpilogueDoubles(n_));
  ++reshapes_;
  const int64_t packed = spec().training() ? 0 : PackedMatrixFloats(m_, n_, k_);
  packs_ = packed > 0;
  if (!packs_) return;
  key_ = plan.Lasting<PackedKey>(1);
  packed_ = plan.Lasting<float>(packed);
}

// y = or += x w'.
void InnerProduct::Multiply(ForwardPass& pass, bool adds) {
  const Transpose turned = params_.transpose() ? Transpose::kNo : Transpose::kYes;
  const float *x = pass.bottom(0).data(), *w = pass.param(0).values().data();
  float* y = pass.top(0).data();
  if (!packs_)
    return Gemm(pass.context(), Transpose::kNo, turned, m_, n_, k_, 1, x, w, adds ? 1 : 0, y);
  PackedKey& key = pass.Get(key_)[0];
  const PackedKey now{pass.param(0).version(), reshapes_};
  if (key != now) PackMatrix(pass.context(), turned, n_, k_, w, pass.Get(packed_));
  key = now;
  GemmPacked(pass.context(), m_, n_, k_, x, pass.Get(packed_), adds, y);
}

void InnerProduct::Forward(ForwardPass& pass) {
  const float* bias = params_.bias_term() ? pass.param(1).values().data() : nullptr;
  const Epilogue e = MakeEpilogue(pass, bias, n_, 1, pass.Get(lines_));
  const bool first = e.scale == nullptr && e.shift != nullptr;  // the shift, then the product
  float* y = pass.top(0).data();
  if (first)
    RepeatRow(pass.context(), {e.shift, static_cast<size_t>(n_)}, m_,
              {y, static_cast<size_t>(m_ * n_)});
  Multiply(pass, first);
  if (e.scale == nullptr && e.slope == 1) return;
  pass.ParallelFor(m_, std::max<int64_t>(1, kElementGrain / n_),
                   [=, n = n_](int64_t begin, int64_t end) {
                     Vectorised([=] {
                       for (float* row = y + begin * n; row != y + end * n; row += n) {
                         if (e.scale != nullptr) {
#pragma GCC ivdep
                           for (int64_t j = 0; j < n; ++j)
                             row[j] = e.scale[j] * row[j] + e.shift[j];
                         }
                         if (e.slope == 1) continue;
                         for (int64_t j = 0; j < n; ++j)
                           row[j] = row[j] < 0 ? (e.slope == 0 ? 0.0F : e.slope * row[j]) : row[j];
                       }
                     });
                   });
}

void InnerProduct::Backward(BackwardPass& pass) {
  const float* dy = pass.top_diff(0).data();
  if (pass.wants_param(0)) {
    const float* x = pass.bottom(0).data();
    float* dw = pass.param_diff(0).data();
    const float beta = pass.adds_param(0) ? 1 : 0;
    if (params_.transpose()) {
      Gemm(pass.context(), Transpose::kYes, Transpose::kNo, k_, n_, m_, 1, x, dy, beta, dw);
    } else {
      Gemm(pass.context(), Transpose::kYes, Transpose::kNo, n_, k_, m_, 1, dy, x, beta, dw);
    }
  }
  if (params_.bias_term() && pass.wants_param(1)) {
    SumRows(pass.context(), pass.top_diff(0).values(), m_, pass.adds_param(1),
            pass.param_diff(1).values());
  }
  if (pass.wants_bottom(0)) {
    Gemm(pass.context(), Transpose::kNo, params_.transpose() ? Transpose::kYes : Transpose::kNo, m_,
         k_, n_, 1, dy, pass.param(0).values().data(), 0, pass.bottom_diff(0).data());
  }
}

}  // namespace

void RegisterInnerProduct(Registry& registry) {
  registry.Add<InnerProduct>("InnerProduct",
                             Field<InnerProductParameter>{"inner_product_param", 117});
}

}  // namespace moka
