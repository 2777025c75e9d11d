// Bias: y = x + b, with b of the sizes of some axes of x, repeated along the others. b is learned,
// or it is the second bottom.
// Blobs: b (unless it is a bottom).
#include "bias.pb.h"
#include "moka/filler.h"
#include "moka/fusion.h"
#include "moka/registry.h"
#include "spanned_axes.h"

namespace moka {
namespace {

class Bias final : public Layer, public ElementStep {
 public:
  Bias(const LayerSpec& spec, const BiasParameter& params)
      : Layer(spec), params_(params), learned_(spec.bottom_count() < 2) {}

  static LayerTraits Traits(const LayerSpec&, const BiasParameter&) {
    return GradientFromNothing().Bottoms(1, 2);
  }

  void SetUp(Shapes bottom, Setup& setup) override {
    if (!learned_) return;
    shape_ = Axes(bottom).Of(bottom[0]);
    spec().MakeFiller(params_.filler(), shape_, "bias_param.filler");
    setup.AddParam("bias", shape_, params_.filler());
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    const SpannedAxes axes = Axes(bottom);
    if (learned_ && axes.Of(bottom[0]) != shape_) {
      throw Error("the bottom, ", bottom[0], ", is ", axes.Of(bottom[0]),
                  " along the axes of the bias, which is ", shape_);
    }
    view_ = axes.View(bottom[0]);
    view_.PlanSumsOfOneReading(plan);
    plan.top(0) = bottom[0];
  }

  void Forward(ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    const float* b = learned_ ? pass.param(0).values().data() : pass.bottom(1).data();
    float* y = pass.top(0).data();
    view_.ForAll(pass, [=](int64_t c) { return [=, bc = b[c]](int64_t i) { y[i] = x[i] + bc; }; });
  }

  // dx = dy; db the sum of dy.
  void Backward(BackwardPass& pass) override {
    const float* dy = pass.top_diff(0).data();
    float* dx = pass.wants_bottom(0) ? pass.bottom_diff(0).data() : nullptr;
    if (dx == dy) dx = nullptr;  // there already
    Tensor* db = nullptr;
    if (learned_ ? pass.wants_param(0) : pass.wants_bottom(1)) {
      db = learned_ ? &pass.param_diff(0) : &pass.bottom_diff(1);
    }
    const bool adds = db && learned_ && pass.adds_param(0);
    const auto terms = [=](int64_t) { return [=](int64_t i) { return Sums{dy[i], 0}; }; };
    const auto copy = [=](int64_t) { return [=](int64_t i) { dx[i] = dy[i]; }; };
    if (!db) {
      if (dx) view_.ForAll(pass, copy);
      return;
    }
    if (view_.empty()) return ClearUnless(adds, db);
    view_.ForEachBlock(pass, [&](Channels::Block block) {
      const Sums* sums =
          dx ? view_.SumAndRun(pass, block, terms, copy) : view_.Sum(pass, block, terms);
      AddGradients(adds, sums, &Sums::first, block.count(), db->data() + block.first);
    });
  }

  const void* Interface(const char* name, int version) const override {
    return learned_ ? IfAsked<ElementStep>(this, name, version) : nullptr;
  }
  Kind kind() const override { return kLine; }
  int64_t channels() const override { return view_.channels(); }
  int64_t inner() const override { return view_.inner(); }
  void Append(const Pass& pass, double*, double* b) const override {
    const float* biases = pass.param(0).values().data();
    for (int64_t c = 0; c < channels(); ++c) b[c] += biases[c];
  }
  void AddParamGradients(BackwardPass& pass, int64_t first, int64_t count, const double*,
                         const double* dy) const override {
    AddSums(pass, 0, dy, count, first);
  }

 private:
  SpannedAxes Axes(Shapes bottom) const {
    return learned_
               ? SpannedAxes::Learned(bottom[0], params_.axis(), params_.num_axes(), "bias_param")
               : SpannedAxes::OfBottom(bottom[0], bottom[1], params_.axis(), "bias_param");
  }

  const BiasParameter params_;
  const bool learned_;
  Shape shape_;  // of b
  Channels view_;
};

}  // namespace

void RegisterBias(Registry& registry) {
  registry.Add<Bias>("Bias", Field<BiasParameter>{"bias_param", 141});
}

}  // namespace moka
