// Axpy: y = a x + b, for bottoms a (N, C), x (N, C, ...) and b like x: a feature map times a weight
// for each channel of each item, and a sum, as in squeeze-and-excitation networks. Hu, Shen, Sun,
// CVPR 2018. a may have further axes of size 1.
#include "moka/registry.h"
#include "spanned_axes.h"

namespace moka {
namespace {

class Axpy final : public Layer {
 public:
  explicit Axpy(const LayerSpec& spec) : Layer(spec) {}

  // dx is a dy, da the sum of dy x; b is not needed.
  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits()
        .Bottoms(3)
        .BottomGradientReads(Reads::Bottom(kA) | Reads::Bottom(kX))
        .ParamGradientReads(Reads::Nothing())
        .MayShare(0, kX)
        .MayShare(0, kB);
  }

  void Reshape(Shapes bottom, Plan& plan) override {
    const Shape &a = bottom[kA], &x = bottom[kX];
    if (bottom[kB] != x) throw Error("bottom 2 is ", bottom[kB], ", but bottom 1 is ", x);
    if (a.axes() < 2 || x.axes() < 2 || a[0] != x[0] || a[1] != x[1] || a.count_from(2) != 1) {
      throw Error("bottom 0, ", a, ", is not one number for each item and channel of bottom 1, ",
                  x);
    }
    view_ = Channels(1, x[0] * x[1], x.count_from(2));
    view_.PlanSums(plan);
    plan.top(0) = x;
  }

  void Forward(ForwardPass& pass) override {
    const float *a = pass.bottom(kA).data(), *x = pass.bottom(kX).data(),
                *b = pass.bottom(kB).data();
    float* y = pass.top(0).data();
    view_.ForAll(pass,
                 [=](int64_t c) { return [=, ac = a[c]](int64_t i) { y[i] = ac * x[i] + b[i]; }; });
  }

  // In each strip: da first, then db, then dx, for the diff of b or of x may lie in dy's memory.
  void Backward(BackwardPass& pass) override {
    const auto diff = [&](int i) {
      return pass.wants_bottom(i) ? pass.bottom_diff(i).data() : nullptr;
    };
    const float *a = pass.bottom(kA).data(), *x = pass.bottom(kX).data(),
                *dy = pass.top_diff(0).data();
    float *da = diff(kA), *dx = diff(kX), *db = diff(kB);
    const auto spread = [=](int64_t c) {
      return [=, ac = a[c]](int64_t i) {
        const float g = dy[i];
        if (db) db[i] = g;
        if (dx) dx[i] = ac * g;
      };
    };
    if (!da) {
      if (dx || db) view_.ForAll(pass, spread);
      return;
    }
    if (view_.empty()) return pass.bottom_diff(kA).Fill(0);
    view_.ForEachBlock(pass, [&](Channels::Block block) {
      const Sums* sums = view_.SumAndRun(
          pass, block,
          [=](int64_t) {
            return [=](int64_t i) { return Sums{static_cast<double>(dy[i]) * x[i], 0}; };
          },
          spread);
      AddGradients(false, sums, &Sums::first, block.count(), da + block.first);
    });
  }

 private:
  enum { kA, kX, kB };
  Channels view_;  // (1, N C, the rest)
};

}  // namespace

void RegisterAxpy(Registry& registry) { registry.Add<Axpy>("Axpy"); }

}  // namespace moka
