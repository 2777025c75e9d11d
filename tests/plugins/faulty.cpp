// A plugin that registers in a wrong way: which one, FAULT says.
#include <stdexcept>

#include "moka/layer.h"
#include "moka/registry.h"

namespace {

class Nothing final : public moka::Layer {
 public:
  explicit Nothing(const moka::LayerSpec& spec) : Layer(spec) {}
  void Reshape(moka::Shapes, moka::Plan&) override {}
  void Forward(moka::ForwardPass&) override {}
};

}  // namespace

void RegisterPlugin(moka::Registry& registry) {
  registry.Add<Nothing>("Nothing");
#if FAULT == 1
  registry.Add<Nothing>("Nothing");
#elif FAULT == 2
  throw std::runtime_error("no licence");
#elif FAULT == 3
  throw 3;
#endif
}
