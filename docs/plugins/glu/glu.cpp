// GLU: y = a s(b), with s(z) = 1 / (1 + exp(-z)); bottoms a, b.
// Dauphin, Fan, Auli, Grangier, "Language modeling with gated convolutional networks", 2017.
#include <cmath>

#include "moka/layer.h"
#include "moka/registry.h"

class GLU final : public moka::Layer {
 public:
  explicit GLU(const moka::LayerSpec& spec) : Layer(spec) {}

  // Both bottoms' elements i are read before y's is written, so y may take the memory of either.
  // Where Backward still needs a bottom, the net sees that and keeps it.
  static moka::LayerTraits Traits(const moka::LayerSpec&) {
    return moka::LayerTraits()
        .Bottoms(2)
        .BottomGradientReads(moka::Reads::Bottoms())
        .MayShare(0, 0)
        .MayShare(0, 1);
  }

  void Reshape(moka::Shapes bottom, moka::Plan& plan) override {
    if (bottom[0] != bottom[1]) {
      throw moka::Error("bottom 0 is ", bottom[0], ", bottom 1 is ", bottom[1],
                        ": they must have equal shapes, for each value has its gate");
    }
    plan.top(0) = bottom[0];
  }

  void Forward(moka::ForwardPass& pass) override {
    const float* a = pass.bottom(0).data();
    const float* b = pass.bottom(1).data();
    float* y = pass.top(0).data();
    pass.ParallelFor(pass.top(0).count(), 8192, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = a[i] * S(b[i]);
    });
  }

  // da = dy s(b), db = dy a s(b) (1 - s(b)). Either may be unwanted: fed by data, or frozen. Both
  // may take dy's memory, so dy[i] is read before either is written.
  void Backward(moka::BackwardPass& pass) override {
    const float* a = pass.bottom(0).data();
    const float* b = pass.bottom(1).data();
    const float* dy = pass.top_diff(0).data();
    float* da = pass.wants_bottom(0) ? pass.bottom_diff(0).data() : nullptr;
    float* db = pass.wants_bottom(1) ? pass.bottom_diff(1).data() : nullptr;
    pass.ParallelFor(pass.top(0).count(), 8192, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const float s = S(b[i]), d = dy[i];
        if (da) da[i] = d * s;
        if (db) db[i] = d * a[i] * s * (1 - s);
      }
    });
  }

 private:
  static float S(float z) { return 1 / (1 + std::exp(-z)); }
};

void RegisterPlugin(moka::Registry& registry) { registry.Add<GLU>("GLU"); }
