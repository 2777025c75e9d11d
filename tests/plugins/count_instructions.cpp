// Runs one layer forward and backward, for callgrind to count: plugin_instructions.py.
//   count_instructions TEXT BOTTOM PASSES [PLUGIN]
// TEXT is what stands in `layer { }`, BOTTOM a shape such as "16 1000"; with PLUGIN, the type comes
// from there, and the net's registry has no built-in layer of that name. Prints whose layer it is.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "moka/error.h"
#include "moka/net.h"
#include "moka/plugin.h"
#include "moka/schema.h"

namespace {

// The built-in layers without those of `other`.
moka::Registry Without(const moka::Registry& other) {
  const moka::Registry builtin = moka::BuiltinLayers();
  moka::Registry result;
  for (const moka::SchemaOrigin& schema : builtin.schemas()) {
    for (const std::string& set : schema.descriptor_sets) result.AddSchema(set);
  }
  for (const std::string& type : builtin.types()) {
    if (other.Find(type) == nullptr) result.AddType(builtin.Get(type));
  }
  for (const moka::FillerType* type : builtin.fillers()) result.AddType(*type);
  return result;
}

int Run(const std::string& text, const std::string& shape, int passes, const char* plugin) {
  moka::Registry registry = moka::BuiltinLayers();
  if (plugin != nullptr) {
    moka::Registry other;
    moka::LoadPlugin(plugin, other);
    registry = Without(other);
    moka::LoadPlugin(plugin, registry);
  }
  std::string dims;
  for (size_t begin = 0; begin < shape.size();) {
    const size_t end = std::min(shape.find(' ', begin), shape.size());
    dims += " dim: " + shape.substr(begin, end - begin);
    begin = end + 1;
  }
  const moka::NetSchema schema(registry);
  moka::Context context({.threads = 1, .seed = 1});
  moka::Net net(schema.ParseNet("force_backward: true\n"
                                "layer { name: 'x' type: 'Input' top: 'x' input_param { shape {" +
                                dims + " } } }\nlayer { name: 'y' bottom: 'x' top: 'y' " + text +
                                " loss_weight: 1 }"),
                registry, context);
  std::printf("%s\n", net.layer(1).origin.c_str());
  float* x = net.input("x").data();
  for (int64_t i = 0; i < net.input("x").count(); ++i) x[i] = static_cast<float>(i % 7) - 3;
  for (int i = 0; i < passes; ++i) {
    net.Forward();
    net.Backward();
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4 || argc > 5) {
    std::fprintf(stderr, "usage: count_instructions TEXT BOTTOM PASSES [PLUGIN]\n");
    return 2;
  }
  try {
    return Run(argv[1], argv[2], std::atoi(argv[3]), argc > 4 ? argv[4] : nullptr);
  } catch (const moka::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
