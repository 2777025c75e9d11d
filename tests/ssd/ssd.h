// The types of libmoka_ssd.so, and one layer run with them.
#pragma once

#include <string>
#include <vector>

#include "caught.h"
#include "layers/contract.h"
#include "moka/check_layer.h"
#include "moka/plugin.h"

namespace moka {

inline const Registry& SsdRegistry() {
  static const Registry registry = [] {
    Registry loaded = BuiltinLayers();
    LoadPlugin(MOKA_BINARY_DIR "/lib/moka/plugins/libmoka_ssd.so", loaded);
    return loaded;
  }();
  return registry;
}

using Values = std::vector<float>;

inline LayerResult RunSsd(const std::string& layer, const std::vector<Shape>& shapes,
                          const std::vector<Values>& bottoms, RunOptions options = {},
                          LayerGradients* gradients = nullptr) {
  options.registry = &SsdRegistry();
  return RunLayer(layer, shapes, bottoms, options, gradients);
}

// What the layer says of bottoms of these shapes, all 0: "field: message".
inline std::string SsdRefusal(const std::string& layer, const std::vector<Shape>& shapes) {
  std::vector<Values> bottoms;
  for (const Shape& shape : shapes) bottoms.emplace_back(static_cast<size_t>(shape.count()));
  const Error error = Caught([&] { RunSsd(layer, shapes, bottoms); });
  return error.field() + ": " + error.message();
}

}  // namespace moka
