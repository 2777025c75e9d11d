// Silence: takes blobs that nobody else reads, so that they are no outputs of the net. The gradient
// is 0.
#include "moka/layer.h"
#include "moka/registry.h"

namespace moka {
namespace {

class Silence final : public Layer {
 public:
  explicit Silence(const LayerSpec& spec) : Layer(spec) {}

  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits()
        .Bottoms(1, LayerTraits::kAnyNumber)
        .Tops(0)
        .BottomGradientReads(Reads::Nothing());
  }

  void Reshape(Shapes, Plan&) override {}
  void Forward(ForwardPass&) override {}
  void Backward(BackwardPass& pass) override {
    for (int i = 0; i < pass.bottom_count(); ++i) {
      if (pass.wants_bottom(i)) pass.bottom_diff(i).Fill(0);
    }
  }
};

}  // namespace

void RegisterSilence(Registry& registry) { registry.Add<Silence>("Silence"); }

}  // namespace moka
