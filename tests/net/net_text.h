// Nets for tests, written as prototxt.
#pragma once

#include <string>

#include "moka/error.h"
#include "moka/net.h"
#include "moka/registry.h"
#include "moka/schema.h"

namespace moka::testing {

inline const Registry& Layers() {
  static const Registry registry = BuiltinLayers();
  return registry;
}

inline const NetSchema& Schema() {
  static const NetSchema schema(Layers());
  return schema;
}

inline NetDescription Parse(const std::string& text) {
  return Schema().ParseNet(text, "net.prototxt");
}

// What building or running throws, as text; "" if it does not.
template <typename F>
std::string ErrorOf(const F& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

inline std::string BuildError(const std::string& text, const NetOptions& options = {}) {
  return ErrorOf([&] {
    Context context({.threads = 1, .seed = 1});
    Net net(Parse(text), Layers(), context, options);
  });
}

}  // namespace moka::testing
