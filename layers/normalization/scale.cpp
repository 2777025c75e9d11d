// Scale: y = a x + b, with a of the sizes of some axes of x, repeated along the others. b, of the
// same sizes, is there with bias_term. a is learned, or it is the second bottom.
// Blobs: a (unless it is a bottom), b (with bias_term).
#include "moka/filler.h"
#include "moka/fusion.h"
#include "moka/registry.h"
#include "scale.pb.h"
#include "spanned_axes.h"

namespace moka {
namespace {

class Scale final : public Layer, public ElementStep {
 public:
  Scale(const LayerSpec& spec, const ScaleParameter& params)
      : Layer(spec), params_(params), learned_(spec.bottom_count() < 2) {
    if (!params.has_filler()) params_.mutable_filler()->set_value(1);
  }

  static LayerTraits Traits(const LayerSpec& spec, const ScaleParameter&) {
    const bool learned = spec.bottom_count() < 2;
    return LayerTraits()
        .Bottoms(1, 2)
        .MayShare(0, 0)
        .BottomGradientReads(learned ? Reads::Nothing() : Reads::Bottom(0) | Reads::Bottom(1))
        .ParamGradientReads(learned ? Reads::Bottom(0) : Reads::Nothing());
  }

  void SetUp(Shapes bottom, Setup& setup) override {
    shape_ = Axes(bottom).Of(bottom[0]);
    if (learned_) {
      spec().MakeFiller(params_.filler(), shape_, "scale_param.filler");
      setup.AddParam("scale", shape_, params_.filler());
    }
    if (params_.bias_term()) {
      spec().MakeFiller(params_.bias_filler(), shape_, "scale_param.bias_filler");
      bias_ = setup.AddParam("bias", shape_, params_.bias_filler());
    }
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    const SpannedAxes axes = Axes(bottom);
    if ((learned_ || bias_ >= 0) && axes.Of(bottom[0]) != shape_) {
      throw Error("the bottom, ", bottom[0], ", is ", axes.Of(bottom[0]),
                  " along the axes to scale, but the params are ", shape_);
    }
    view_ = axes.View(bottom[0]);
    view_.PlanSumsOfOneReading(plan);
    plan.top(0) = bottom[0];
  }

  void Forward(ForwardPass& pass) override {
    const float *x = pass.bottom(0).data(), *a = Factors(pass);
    float* y = pass.top(0).data();
    if (bias_ < 0) {
      return view_.ForAll(
          pass, [=](int64_t c) { return [=, ac = a[c]](int64_t i) { y[i] = ac * x[i]; }; });
    }
    const float* b = pass.param(bias_).values().data();
    view_.ForAll(pass, [=](int64_t c) {
      return [=, ac = a[c], bc = b[c]](int64_t i) { y[i] = ac * x[i] + bc; };
    });
  }

  // dx = a dy; da, db the sums of dy x and of dy.
  void Backward(BackwardPass& pass) override {
    const bool wants_a = learned_ ? pass.wants_param(0) : pass.wants_bottom(1);
    const bool wants_b = bias_ >= 0 && pass.wants_param(bias_);
    const float *a = Factors(pass), *dy = pass.top_diff(0).data();
    float* dx = pass.wants_bottom(0) ? pass.bottom_diff(0).data() : nullptr;
    const auto scale = [=](int64_t c) { return [=, ac = a[c]](int64_t i) { dx[i] = ac * dy[i]; }; };
    if (!wants_a && !wants_b) {
      if (dx) view_.ForAll(pass, scale);
      return;
    }
    const float* x =
        wants_a ? pass.bottom(0).data() : dy;  // not to be read where a has no gradient
    const auto terms = [=](int64_t) {
      return [=](int64_t i) { return Sums{static_cast<double>(dy[i]) * x[i], dy[i]}; };
    };
    Tensor* da = !wants_a ? nullptr : learned_ ? &pass.param_diff(0) : &pass.bottom_diff(1);
    Tensor* db = wants_b ? &pass.param_diff(bias_) : nullptr;
    const bool adds_a = wants_a && learned_ && pass.adds_param(0);
    const bool adds_b = wants_b && pass.adds_param(bias_);
    if (view_.empty()) return ClearUnless(adds_a, da), ClearUnless(adds_b, db);
    view_.ForEachBlock(pass, [&](Channels::Block block) {
      const Sums* sums =
          dx ? view_.SumAndRun(pass, block, terms, scale) : view_.Sum(pass, block, terms);
      const int64_t count = block.count();
      if (da) AddGradients(adds_a, sums, &Sums::first, count, da->data() + block.first);
      if (db) AddGradients(adds_b, sums, &Sums::second, count, db->data() + block.first);
    });
  }

  const void* Interface(const char* name, int version) const override {
    return learned_ ? IfAsked<ElementStep>(this, name, version) : nullptr;
  }
  Kind kind() const override { return kLine; }
  int64_t channels() const override { return view_.channels(); }
  int64_t inner() const override { return view_.inner(); }
  void Append(const Pass& pass, double* a, double* b) const override {
    const float* factors = pass.param(0).values().data();
    const float* biases = bias_ < 0 ? nullptr : pass.param(bias_).values().data();
    for (int64_t c = 0; c < channels(); ++c) {
      a[c] *= factors[c];
      b[c] = b[c] * factors[c] + (biases ? biases[c] : 0);
    }
  }
  void AddParamGradients(BackwardPass& pass, int64_t first, int64_t count, const double* dy_x,
                         const double* dy) const override {
    AddSums(pass, 0, dy_x, count, first);
    if (bias_ >= 0) AddSums(pass, bias_, dy, count, first);
  }

 private:
  SpannedAxes Axes(Shapes bottom) const {
    return learned_
               ? SpannedAxes::Learned(bottom[0], params_.axis(), params_.num_axes(), "scale_param")
               : SpannedAxes::OfBottom(bottom[0], bottom[1], params_.axis(), "scale_param");
  }
  const float* Factors(Pass& pass) const {
    return learned_ ? pass.param(0).values().data() : pass.bottom(1).data();
  }

  ScaleParameter params_;
  const bool learned_;
  int bias_ = -1;  // b's index, if there is one
  Shape shape_;    // of a and of b
  Channels view_;
};

}  // namespace

void RegisterScale(Registry& registry) {
  registry.Add<Scale>("Scale", Field<ScaleParameter>{"scale_param", 142});
}

}  // namespace moka
