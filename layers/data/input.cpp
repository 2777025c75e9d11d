// Input: tops whose values whoever runs the net writes before each pass.
#include "input.pb.h"
#include "moka/layer.h"
#include "moka/registry.h"

namespace moka {
namespace {

class Input final : public Layer {
 public:
  Input(const LayerSpec& spec, const InputParameter& params);

  static LayerTraits Traits(const LayerSpec&, const InputParameter&) {
    return LayerTraits().Bottoms(0).Tops(1, LayerTraits::kAnyNumber).NoBackward().FedFromOutside();
  }
  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override {}

 private:
  std::vector<Shape> shapes_;  // one, or one for each top
};

Input::Input(const LayerSpec& spec, const InputParameter& params) : Layer(spec) {
  const int shapes = params.shape_size();
  if (shapes == 0) throw Error("input_param needs a shape").At("input_param.shape");
  if (shapes != 1 && shapes != spec.top_count()) {
    throw Error("there are ", shapes, " shapes for ", spec.top_count(),
                " tops; give one, or one for each top")
        .At("input_param.shape");
  }
  for (int i = 0; i < shapes; ++i) {
    const auto& dim = params.shape(i).dim();
    try {
      shapes_.emplace_back(std::span(dim.data(), static_cast<size_t>(dim.size())));
    } catch (Error& error) {
      throw error.At("input_param.shape[" + std::to_string(i) + "]");
    }
  }
}

void Input::Reshape(Shapes, Plan& plan) {
  for (int i = 0; i < spec().top_count(); ++i) {
    plan.top(i) = shapes_[shapes_.size() == 1 ? 0 : static_cast<size_t>(i)];
  }
}

}  // namespace

void RegisterInput(Registry& registry) {
  registry.Add<Input>("Input", Field<InputParameter>{"input_param", 143});
}

}  // namespace moka
