// Layers that throw, wherever their name says: layer { name: "Forward" }.
#include <stdexcept>
#include <string_view>
#include <type_traits>

#include "moka/layer.h"
#include "moka/registry.h"

namespace {

// y = x
template <typename Thrown>
class Throws : public moka::Layer {
 public:
  explicit Throws(const moka::LayerSpec& spec) : Layer(spec) { In(spec, "constructor"); }
  static moka::LayerTraits Traits(const moka::LayerSpec& spec) {
    In(spec, "Traits");
    return moka::LayerTraits();
  }
  void SetUp(moka::Shapes, moka::Setup&) override { In(spec(), "SetUp"); }
  void Reshape(moka::Shapes bottom, moka::Plan& plan) override {
    In(spec(), "Reshape");
    plan.top(0) = bottom[0];
  }
  void Forward(moka::ForwardPass& pass) override {
    In(spec(), "Forward");
    const float* x = pass.bottom(0).data();
    float* y = pass.top(0).data();
    pass.ParallelFor(pass.bottom(0).count(), 1, [&](int64_t begin, int64_t end) {
      In(spec(), "ParallelFor");
      for (int64_t i = begin; i < end; ++i) y[i] = x[i];
    });
  }
  void Backward(moka::BackwardPass& pass) override {
    In(spec(), "Backward");
    for (int64_t i = 0; i < pass.bottom(0).count(); ++i)
      pass.bottom_diff(0).data()[i] = pass.top_diff(0).data()[i];
  }

 protected:
  static void In(const moka::LayerSpec& spec, std::string_view place) {
    if (spec.name() != place) return;
    if constexpr (std::is_same_v<Thrown, int>) {
      throw 7;
    } else {
      throw Thrown("out of fuel");
    }
  }
};

// The label 9, of an item whose name cannot be told.
class Labels final : public Throws<std::runtime_error>, public moka::SampleNames {
 public:
  using Throws<std::runtime_error>::Throws;
  static moka::LayerTraits Traits(const moka::LayerSpec&) {
    return moka::LayerTraits().Bottoms(0).NoBackward();
  }
  void Reshape(moka::Shapes, moka::Plan& plan) override { plan.top(0) = moka::Shape{1}; }
  void Forward(moka::ForwardPass& pass) override { pass.top(0).Fill(9); }
  const void* Interface(const char* name, int) const override {
    In(spec(), "Interface");
    return std::string_view(name) == kName ? static_cast<const SampleNames*>(this) : nullptr;
  }
  std::string SampleName(uint64_t, uint64_t, int64_t) const override {
    In(spec(), "SampleName");
    return "a name";
  }
};

}  // namespace

void RegisterPlugin(moka::Registry& registry) {
  registry.Add<Throws<std::runtime_error>>("ThrowsWords");
  registry.Add<Throws<int>>("ThrowsNumbers");
  registry.Add<Throws<moka::Error>>("ThrowsErrors");
  registry.Add<Labels>("Labels");
}
