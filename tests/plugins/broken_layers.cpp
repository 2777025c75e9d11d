// Layers that each break one promise of their contract: what `moka plugin check` has to find.
#include "moka/error.h"
#include "moka/layer.h"
#include "moka/registry.h"

namespace {

// y = x^2, as it should be. What it declares is all that it reads.
class Square : public moka::Layer {
 public:
  explicit Square(const moka::LayerSpec& spec) : Layer(spec) {}
  static moka::LayerTraits Traits(const moka::LayerSpec&) {
    return moka::LayerTraits().BottomGradientReads(moka::Reads::Bottom(0));
  }
  void Reshape(moka::Shapes bottom, moka::Plan& plan) override { plan.top(0) = bottom[0]; }
  void Forward(moka::ForwardPass& pass) override { Write(pass, pass.top(0).count()); }
  void Backward(moka::BackwardPass& pass) override { Gradient(pass, 2); }

 protected:
  static void Write(moka::ForwardPass& pass, int64_t count) {
    const float* x = pass.bottom(0).data();
    for (int64_t i = 0; i < count; ++i) pass.top(0).data()[i] = x[i] * x[i];
  }
  static void Gradient(moka::BackwardPass& pass, float factor) {
    if (!pass.wants_bottom(0)) return;
    const float *x = pass.bottom(0).data(), *dy = pass.top_diff(0).data();
    float* dx = pass.bottom_diff(0).data();
    for (int64_t i = 0; i < pass.bottom(0).count(); ++i) dx[i] = factor * x[i] * dy[i];
  }
};

class WrongGradient final : public Square {
 public:
  using Square::Square;
  void Backward(moka::BackwardPass& pass) override { Gradient(pass, 1); }
};

class UndeclaredRead final : public Square {
 public:
  using Square::Square;
  static moka::LayerTraits Traits(const moka::LayerSpec&) {
    return moka::LayerTraits().BottomGradientReads(moka::Reads::Top(0));
  }
};

class UnwrittenElement final : public Square {
 public:
  using Square::Square;
  void Forward(moka::ForwardPass& pass) override { Write(pass, pass.top(0).count() - 1); }
};

class ThrowsInt final : public Square {
 public:
  using Square::Square;
  void Forward(moka::ForwardPass&) override { throw 7; }
};

class TraitsThrow final : public Square {
 public:
  using Square::Square;
  static moka::LayerTraits Traits(const moka::LayerSpec&) { throw 7; }
};

// There is no shape that it takes.
class FitsNothing final : public Square {
 public:
  using Square::Square;
  void Reshape(moka::Shapes bottom, moka::Plan&) override {
    throw moka::Error("wants 7 channels, not ", bottom[0].size_or_1(1));
  }
};

}  // namespace

void RegisterPlugin(moka::Registry& registry) {
  registry.Add<Square>("Square");
  registry.AddCheckCase("Square", moka::CheckCase("", {{2, 3}}));
  registry.Add<WrongGradient>("WrongGradient");
  registry.AddCheckCase("WrongGradient", moka::CheckCase("", {{2, 3}}).Range(0, 1, 2));
  registry.Add<UndeclaredRead>("UndeclaredRead");
  registry.AddCheckCase("UndeclaredRead", moka::CheckCase("", {{2, 3}}).Range(0, 1, 2));
  registry.Add<UnwrittenElement>("UnwrittenElement");
  registry.AddCheckCase("UnwrittenElement", moka::CheckCase("", {{2, 3}}));
  registry.Add<ThrowsInt>("ThrowsInt");
  registry.AddCheckCase("ThrowsInt", moka::CheckCase("", {{2, 3}}));
  registry.Add<TraitsThrow>("TraitsThrow");
  registry.Add<FitsNothing>("FitsNothing");
}
