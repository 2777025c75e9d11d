// DummyData: tops filled by fillers, anew in each pass.
#include "dummy_data.pb.h"
#include "moka/filler.h"
#include "moka/filler.pb.h"
#include "moka/layer.h"
#include "moka/registry.h"

namespace moka {
namespace {

// A list with one element for all tops, or one for each.
void CheckCount(int count, const char* what, int tops, const std::string& field) {
  if (count == 1 || count == tops) return;
  throw Error("there are ", count, " ", what, " for ", tops, " tops; give one, or one for each top")
      .At(field);
}
template <typename List>
const auto& Element(const List& list, int top) {
  return list.Get(list.size() == 1 ? 0 : top);
}

std::vector<Shape> TopShapes(const DummyDataParameter& params, int tops) {
  const bool axes =
      params.num_size() + params.channels_size() + params.height_size() + params.width_size() > 0;
  if (axes && params.shape_size() > 0) {
    throw Error("the shape is given twice: by shape, and by num, channels, height or width")
        .At("dummy_data_param.shape");
  }
  if (axes) {
    CheckCount(params.num_size(), "values of num", tops, "dummy_data_param.num");
    CheckCount(params.channels_size(), "values of channels", tops, "dummy_data_param.channels");
    CheckCount(params.height_size(), "values of height", tops, "dummy_data_param.height");
    CheckCount(params.width_size(), "values of width", tops, "dummy_data_param.width");
  } else if (params.shape_size() == 0) {
    throw Error("dummy_data_param needs a shape").At("dummy_data_param.shape");
  } else {
    CheckCount(params.shape_size(), "shapes", tops, "dummy_data_param.shape");
  }
  std::vector<Shape> shapes;
  for (int i = 0; i < tops; ++i) {
    try {
      if (axes) {
        shapes.push_back(Shape{Element(params.num(), i), Element(params.channels(), i),
                               Element(params.height(), i), Element(params.width(), i)});
      } else {
        const auto& dim = Element(params.shape(), i).dim();
        shapes.emplace_back(std::span(dim.data(), static_cast<size_t>(dim.size())));
      }
    } catch (Error& error) {
      const int shape = params.shape_size() == 1 ? 0 : i;
      throw error.At(axes ? "dummy_data_param.num"
                          : "dummy_data_param.shape[" + std::to_string(shape) + "]");
    }
  }
  return shapes;
}

class DummyData final : public Layer {
 public:
  DummyData(const LayerSpec& spec, const DummyDataParameter& params);

  static LayerTraits Traits(const LayerSpec&, const DummyDataParameter&) {
    return LayerTraits().Bottoms(0).Tops(1, LayerTraits::kAnyNumber).NoBackward();
  }
  void Reshape(Shapes bottom, Plan& plan) override;
  void Forward(ForwardPass& pass) override;

 private:
  std::vector<Shape> shapes_;                     // one for each top
  std::vector<std::unique_ptr<Filler>> fillers_;  // one for each top
};

DummyData::DummyData(const LayerSpec& spec, const DummyDataParameter& params)
    : Layer(spec), shapes_(TopShapes(params, spec.top_count())) {
  if (params.data_filler_size() > 0) {
    CheckCount(params.data_filler_size(), "fillers", spec.top_count(),
               "dummy_data_param.data_filler");
  }
  for (int i = 0; i < spec.top_count(); ++i) {
    // A filler that says nothing is "constant" with value 0.
    const bool any = params.data_filler_size() > 0;
    const int index = params.data_filler_size() == 1 ? 0 : i;
    fillers_.push_back(spec.MakeFiller(
        any ? Element(params.data_filler(), i) : FillerParameter(), shapes_[static_cast<size_t>(i)],
        "dummy_data_param.data_filler[" + std::to_string(index) + "]"));
  }
}

void DummyData::Reshape(Shapes, Plan& plan) {
  for (size_t i = 0; i < shapes_.size(); ++i) plan.top(static_cast<int>(i)) = shapes_[i];
}

void DummyData::Forward(ForwardPass& pass) {
  for (size_t i = 0; i < fillers_.size(); ++i) {
    fillers_[i]->Fill(pass.random(static_cast<uint32_t>(i)), pass.top(static_cast<int>(i)));
  }
}

}  // namespace

void RegisterDummyData(Registry& registry) {
  registry.Add<DummyData>("DummyData", Field<DummyDataParameter>{"dummy_data_param", 109});
}

}  // namespace moka
