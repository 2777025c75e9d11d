// CheckLayer: proves that a layer keeps its contract.
#include "moka/check_layer.h"

namespace moka {

CheckResult CheckLayer(std::string_view, const std::vector<Shape>&, const CheckOptions&) {
  throw Error("CheckLayer follows");
}

std::ostream& operator<<(std::ostream& out, const CheckResult& result) {
  for (const std::string& text : result.broken()) out << "\nbroken: " << text;
  return out;
}

}  // namespace moka
