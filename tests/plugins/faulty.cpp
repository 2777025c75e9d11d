// A plugin that registers in a wrong way: which one, FAULT says.
#include <stdexcept>
#include <string>

#include "moka/filler.pb.h"
#include "moka/layer.h"
#include "moka/registry.h"

namespace {

class Nothing final : public moka::Layer {
 public:
  explicit Nothing(const moka::LayerSpec& spec) : Layer(spec) {}
  Nothing(const moka::LayerSpec& spec, const moka::FillerParameter&) : Layer(spec) {}
  void Reshape(moka::Shapes, moka::Plan&) override {}
  void Forward(moka::ForwardPass&) override {}
};

}  // namespace

void RegisterPlugin(moka::Registry& registry) {
#if FAULT == 4  // the field of another layer for another message
  registry.Add<Nothing>("Nothing", moka::Field<moka::FillerParameter>{"relu_param"});
#elif FAULT == 5
  registry.AddSchema("no descriptor set");
#elif FAULT == 6  // file "m.proto": message M { optional .Missing f = 1; }
  registry.AddSchema(
      "\n\x23\n\x07m.proto\"\x18\n\x01M\x12\x13\n\x01"
      "f\x18\x01 \x01(\x0b"
      "2\x08.Missing");
  registry.Add<Nothing>("Nothing");
#elif FAULT == 7
  for (int i = 0; i < 10000; ++i) registry.Add<Nothing>("Nothing" + std::to_string(i));
#elif FAULT == 8
  moka::LayerType type;
  type.name = "Nothing";
  registry.AddType(type);
#else
  registry.Add<Nothing>("Nothing");
#endif
#if FAULT == 1
  registry.Add<Nothing>("Nothing");
#elif FAULT == 2
  throw std::runtime_error("no licence");
#elif FAULT == 3
  throw 3;
#endif
}
