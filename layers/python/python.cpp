// Python: a layer that is a class of a Python module. It cannot run before there are Python
// bindings of Moka; until then its parameters are read, and it is refused.
#include "moka/layer.h"
#include "moka/registry.h"
#include "python.pb.h"

namespace moka {
namespace {

class Python final : public Layer {
 public:
  Python(const LayerSpec& spec, const PythonParameter& params) : Layer(spec) {
    std::string name = params.module();
    if (!params.layer().empty()) name += (name.empty() ? "" : ".") + params.layer();
    throw Error("runs ", name.empty() ? "a Python class" : "the Python class " + name,
                ", which needs Moka's Python bindings, and there are none yet: write the layer in "
                "C++, as a plugin (`moka new-layer`)");
  }
  // Whatever the class wants; it is not known here.
  static LayerTraits Traits(const LayerSpec&, const PythonParameter&) {
    return LayerTraits().Bottoms(0, LayerTraits::kAnyNumber).Tops(0, LayerTraits::kAnyNumber);
  }
  void Reshape(Shapes, Plan&) override {}
  void Forward(ForwardPass&) override {}
};

}  // namespace

void RegisterPython(Registry& registry) {
  registry.Add<Python>("Python", Field<PythonParameter>{"python_param", 130});
}

}  // namespace moka
