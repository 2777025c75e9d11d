// A net as data: labels, places, and what layers declare.
#include "moka/description.h"

#include "moka/registry.h"
#include "net/problems.h"

namespace moka {

std::string LayerDescription::Label() const {
  const std::string type = common.has_type() ? " (" + common.type() + ")" : "";
  return "layer \"" + common.name() + '"' + type;
}

Place LayerDescription::PlaceOf(std::string_view path) const {
  while (!path.empty()) {
    if (const auto found = places.find(path); found != places.end()) return found->second;
    // The parent of a.b[1] is a.b, that of a.b is a.
    const size_t end = path.find_last_of(".[");
    path = path.substr(0, end == std::string_view::npos ? 0 : end);
  }
  return place;
}

LayerTraits TraitsOf(const Registry& registry, const LayerDescription& layer) {
  LayerTraits traits;
  InLayer(layer, registry.Find(layer.common.type()), [&] {
    if (!layer.common.has_type()) throw Error("has no type").At("type");
    traits = registry.Get(layer.common.type()).traits(LayerSpec(layer, registry));
  });
  return traits;
}

LayerTraits TraitsOf(const Registry& registry, const LayerType& type) {
  LayerDescription description;
  description.common.set_type(type.name);
  const auto foreign = [&](const char* what) {
    return Error("type \"", type.name, "\"",
                 type.origin == "built in" ? "" : ", plugin " + type.origin, ": ", what);
  };
  try {
    return type.traits(LayerSpec(description, registry));
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw foreign(error.what());
  } catch (...) {
    throw foreign("threw something that is no std::exception");
  }
}

}  // namespace moka
