// A net as data: labels and places.
#include "moka/description.h"

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

}  // namespace moka
