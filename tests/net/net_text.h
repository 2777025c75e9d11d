// Nets for tests, written as prototxt.
#pragma once

#include <cmath>
#include <cstdint>
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

// A net that classifies, with an in-place layer.
inline const char* const kSmall =
    "name: 'small'\n"
    "layer { name: 'in' type: 'Input' top: 'x' top: 'label' input_param { shape { dim: 4 dim: 6 } "
    "shape { dim: 4 } } }\n"
    "layer { name: 'ip1' type: 'InnerProduct' bottom: 'x' top: 'ip1' inner_product_param { "
    "num_output: 5 "
    "weight_filler { type: 'xavier' } } }\n"
    "layer { name: 'relu' type: 'ReLU' bottom: 'ip1' top: 'ip1' }\n"
    "layer { name: 'ip2' type: 'InnerProduct' bottom: 'ip1' top: 'ip2' inner_product_param { "
    "num_output: 3 "
    "weight_filler { type: 'xavier' } } }\n"
    "layer { name: 'loss' type: 'SoftmaxWithLoss' bottom: 'ip2' bottom: 'label' top: 'loss' }\n";

inline void FillInputs(Net& net) {
  Tensor& x = net.input("x");
  for (int64_t i = 0; i < x.count(); ++i) x.data()[i] = std::sin(static_cast<float>(i));
  Tensor& label = net.input("label");
  for (int64_t i = 0; i < label.count(); ++i) label.data()[i] = static_cast<float>(i % 3);
}

}  // namespace moka::testing
