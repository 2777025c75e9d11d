// Nets of data layers, for tests.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "moka/net.h"
#include "moka/schema.h"

namespace moka {

inline std::unique_ptr<Net> MakeDataNet(const std::string& layers, Context& context,
                                        Phase phase = TRAIN, std::vector<std::string> keep = {}) {
  static const Registry registry = BuiltinLayers();
  static const NetSchema schema(registry);
  NetOptions options;
  options.phase = phase;
  options.keep = std::move(keep);
  return std::make_unique<Net>(schema.ParseNet(layers), registry, context, options);
}

inline std::vector<float> BlobValues(const Net& net, const std::string& name) {
  const auto values = net.blob(name).values();
  return {values.begin(), values.end()};
}

// The values of a blob in the net's next pass.
inline std::vector<float> NextValues(Net& net, const std::string& name) {
  net.Forward();
  return BlobValues(net, name);
}

// Why a net of this layer is refused: what the layer says, without its name, and the line.
inline std::string WhyRefused(const std::string& layers, Phase phase = TRAIN) {
  try {
    Context context({.threads = 1, .seed = 1});
    MakeDataNet(layers, context, phase);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

}  // namespace moka
