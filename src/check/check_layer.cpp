// CheckLayer: proves that a layer keeps its contract.
#include "moka/check_layer.h"

#include "check/layer_check.h"

namespace moka {

CheckResult CheckLayer(std::string_view layer, const std::vector<Shape>& shapes,
                       const CheckOptions& options) {
  LayerSource source;
  source.text = layer;
  source.registry = options.registry;
  source.training = options.training;
  source.tops = options.tops;
  source.seed = options.seed;
  return LayerCheck(source, shapes, options).Run();
}

std::ostream& operator<<(std::ostream& out, const CheckResult& result) {
  for (const std::string& text : result.broken()) out << "\n  broken: " << text;
  for (const std::string& text : result.checked()) out << "\n  kept: " << text;
  return out;
}

}  // namespace moka
