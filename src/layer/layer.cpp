// The base of all layers, and what it is told of itself.
#include "moka/layer.h"

#include "moka/data_source.h"
#include "moka/description.h"
#include "moka/file.h"
#include "moka/filler.h"
#include "moka/registry.h"

namespace moka {

const std::string& LayerSpec::name() const { return description_->common.name(); }
const std::string& LayerSpec::type() const { return description_->common.type(); }
int LayerSpec::bottom_count() const { return description_->common.bottom_size(); }
int LayerSpec::top_count() const { return description_->common.top_size(); }
const LayerParameter& LayerSpec::common() const { return description_->common; }

std::string_view LayerSpec::ParamBytes(std::string_view field) const {
  for (const ParamMessage& param : description_->params) {
    if (param.field == field) return param.bytes;
  }
  return {};
}

bool LayerSpec::HasParam(std::string_view field) const {
  for (const ParamMessage& param : description_->params) {
    if (param.field == field) return true;
  }
  return false;
}

std::string LayerSpec::FindFile(const std::string& path) const {
  return moka::FindFile(path, description_->place.file);
}

std::unique_ptr<Filler> LayerSpec::MakeFiller(const FillerParameter& filler, const Shape& shape,
                                              const std::string& field) const {
  try {
    std::unique_ptr<Filler> made = registry_->MakeFiller(filler);
    made->Check(shape);
    return made;
  } catch (Error& error) {
    throw error.At(error.field().empty() ? field : field + '.' + error.field());
  }
}

std::unique_ptr<DataSource> LayerSpec::OpenDataSource(const DataParameter& params) const {
  return registry_->OpenDataSource(DataSpec(params, *this));
}

Layer::~Layer() = default;
void Layer::SetUp(Shapes, Setup&) {}
void Layer::Backward(BackwardPass&) { throw Error(spec_.type(), " has no gradient"); }
const void* Layer::Interface(const char*, int) const { return nullptr; }

}  // namespace moka
