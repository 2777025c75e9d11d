// Small layers for the tests of the checker: right ones, from which the tests derive wrong ones.
#pragma once

#include <algorithm>

#include "moka/check_layer.h"
#include "moka/filler.pb.h"
#include "moka/layer.h"
#include "moka/registry.h"

namespace moka {

inline FillerParameter UniformFiller() {
  FillerParameter filler;
  filler.set_type("uniform");
  filler.set_min(-1);
  return filler;
}

// y = x^2, element by element.
class Square : public Layer {
 public:
  using Layer::Layer;
  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits().BottomGradientReads(Reads::Bottom(0)).MayShare(0, 0);
  }
  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }
  void Forward(ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    float* y = pass.top(0).data();
    for (int64_t i = 0; i < pass.top(0).count(); ++i) y[i] = x[i] * x[i];
  }
  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const float *x = pass.bottom(0).data(), *dy = pass.top_diff(0).data();
    float* dx = pass.bottom_diff(0).data();
    for (int64_t i = 0; i < pass.top(0).count(); ++i) dx[i] = 2 * x[i] * dy[i];
  }
};

// y (n, 2) = x (n, k) w' (2, k), row by row.
class Linear : public Layer {
 public:
  using Layer::Layer;
  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits().BottomGradientReads(Reads::Nothing()).ParamGradientReads(Reads::Bottom(0));
  }
  void SetUp(Shapes bottom, Setup& setup) override {
    setup.AddParam("weight", {2, bottom[0].count_from(1)}, UniformFiller());
  }
  void Reshape(Shapes bottom, Plan& plan) override {
    n_ = bottom[0][0];
    k_ = bottom[0].count_from(1);
    plan.top(0) = {n_, 2};
  }
  void Forward(ForwardPass& pass) override {
    const float *x = pass.bottom(0).data(), *w = pass.param(0).values().data();
    float* y = pass.top(0).data();
    pass.ParallelFor(n_, 1, [=, this](int64_t begin, int64_t end) {
      for (int64_t i = 2 * begin; i < 2 * end; ++i) {
        y[i] = 0;
        for (int64_t k = 0; k < k_; ++k) y[i] += x[i / 2 * k_ + k] * w[i % 2 * k_ + k];
      }
    });
  }
  void Backward(BackwardPass& pass) override {
    if (pass.wants_bottom(0)) BottomGradient(pass);
    if (pass.wants_param(0)) ParamGradient(pass);
  }

 protected:
  void BottomGradient(BackwardPass& pass) {
    const float *dy = pass.top_diff(0).data(), *w = pass.param(0).values().data();
    float* dx = pass.bottom_diff(0).data();
    for (int64_t i = 0; i < n_ * k_; ++i) {
      dx[i] = dy[i / k_ * 2] * w[i % k_] + dy[i / k_ * 2 + 1] * w[k_ + i % k_];
    }
  }
  virtual void ParamGradient(BackwardPass& pass) {
    const float *dy = pass.top_diff(0).data(), *x = pass.bottom(0).data();
    float* dw = pass.param_diff(0).data();
    for (int64_t j = 0; j < 2 * k_; ++j) {
      float sum = 0;
      for (int64_t i = 0; i < n_; ++i) sum += dy[i * 2 + j / k_] * x[i * k_ + j % k_];
      dw[j] = pass.adds_param(0) ? dw[j] + sum : sum;
    }
  }

  int64_t n_ = 0, k_ = 0;
};

// y = x0 x1.
class Product : public Layer {
 public:
  using Layer::Layer;
  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits().Bottoms(2).BottomGradientReads(Reads::Bottoms()).MayShare(0, 1);
  }
  void Reshape(Shapes bottom, Plan& plan) override {
    if (bottom[0] != bottom[1]) {
      throw Error("bottoms differ: ", bottom[0], " and ", bottom[1]).At("bottom[1]");
    }
    plan.top(0) = bottom[0];
  }
  void Forward(ForwardPass& pass) override {
    const float *a = pass.bottom(0).data(), *b = pass.bottom(1).data();
    float* y = pass.top(0).data();
    for (int64_t i = 0; i < pass.top(0).count(); ++i) y[i] = a[i] * b[i];
  }
  // The bottom whose diff may lie in dy's memory comes last.
  void Backward(BackwardPass& pass) override {
    for (const int i : {0, 1}) {
      if (!pass.wants_bottom(i)) continue;
      const float *other = pass.bottom(1 - i).data(), *dy = pass.top_diff(0).data();
      float* dx = pass.bottom_diff(i).data();
      for (int64_t j = 0; j < pass.top(0).count(); ++j) dx[j] = other[j] * dy[j];
    }
  }
};

// y = 1/(2n) sum (x - label)^2; no gradient for the labels.
class HalfSquares : public Layer {
 public:
  using Layer::Layer;
  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits().Bottoms(2).Loss(0).NoGradient(1).BottomGradientReads(Reads::Bottoms());
  }
  void Reshape(Shapes, Plan& plan) override { plan.top(0) = {}; }
  void Forward(ForwardPass& pass) override {
    const auto x = pass.bottom(0).values(), label = pass.bottom(1).values();
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) sum += (x[i] - label[i]) * (x[i] - label[i]);
    pass.top(0).data()[0] = static_cast<float>(sum / 2 / static_cast<double>(x.size()));
  }
  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const auto x = pass.bottom(0).values(), label = pass.bottom(1).values();
    const float scale = pass.top_diff(0).data()[0] / static_cast<float>(x.size());
    float* dx = pass.bottom_diff(0).data();
    for (size_t i = 0; i < x.size(); ++i) dx[i] = scale * (x[i] - label[i]);
  }
};

// y = x m, where m is 0 or 1 at random; m is left to Backward.
class Mask : public Layer {
 public:
  using Layer::Layer;
  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits().BottomGradientReads(Reads::Nothing()).MayShare(0, 0);
  }
  void Reshape(Shapes bottom, Plan& plan) override {
    plan.top(0) = bottom[0];
    mask_ = plan.Saved<uint8_t>(bottom[0].count());
  }
  void Forward(ForwardPass& pass) override {
    const RandomStream random = Random(pass);
    const auto m = pass.Get(mask_);
    for (size_t i = 0; i < m.size(); ++i) m[i] = random.Uniform(i) < 0.5f;
    Apply(pass, pass.bottom(0), pass.top(0));
  }
  void Backward(BackwardPass& pass) override {
    if (pass.wants_bottom(0)) Apply(pass, pass.top_diff(0), pass.bottom_diff(0));
  }

 protected:
  virtual RandomStream Random(ForwardPass& pass) { return pass.random(); }
  void Apply(Pass& pass, const Tensor& from, Tensor& to) {
    const auto m = pass.Get(mask_);
    for (size_t i = 0; i < m.size(); ++i) to.data()[i] = m[i] ? from.data()[i] : 0;
  }

  Buffer<uint8_t> mask_;
};

// Two tops that are the bottom: each may lie in its memory for good.
class Twice : public Layer {
 public:
  using Layer::Layer;
  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits()
        .Tops(2)
        .BottomGradientReads(Reads::Nothing())
        .SameValues(0, 0)
        .SameValues(1, 0);
  }
  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = plan.top(1) = bottom[0]; }
  void Forward(ForwardPass& pass) override {
    const float* x = pass.bottom(0).data();
    for (const int t : {0, 1}) {
      if (pass.top(t).data() != x) std::copy_n(x, pass.bottom(0).count(), pass.top(t).data());
    }
  }
  void Backward(BackwardPass& pass) override {
    if (!pass.wants_bottom(0)) return;
    const float *a = pass.top_diff(0).data(), *b = pass.top_diff(1).data();
    float* dx = pass.bottom_diff(0).data();
    for (int64_t i = 0; i < pass.bottom(0).count(); ++i) dx[i] = a[i] + b[i];
  }
};

// The built-in registry, for its fillers, and one more layer, "Sample".
template <typename L>
Registry Only() {
  static const Registry builtin = BuiltinLayers();
  Registry registry = builtin;
  registry.Add<L>("Sample");
  return registry;
}

template <typename L>
CheckResult Check(const std::vector<Shape>& shapes, CheckOptions options = {}) {
  const Registry registry = Only<L>();
  options.registry = &registry;
  return CheckLayer(R"(type: "Sample")", shapes, options);
}

inline CheckOptions Random() {
  CheckOptions options;
  options.random_layer = true;
  return options;
}

}  // namespace moka
