// Small nets that fuse, and what they compute.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "moka/net.h"
#include "naive/compare.h"
#include "net/net_text.h"

namespace moka::testing {

inline std::string LayerOf(const std::string& name, const std::string& type,
                           const std::string& bottom, const std::string& top,
                           const std::string& more = "") {
  std::string bottoms, tops = top.empty() ? "" : " top: '" + top + "'";
  for (size_t at = 0; at < bottom.size();) {
    const size_t end = std::min(bottom.find(' ', at), bottom.size());
    bottoms += " bottom: '" + bottom.substr(at, end - at) + "'";
    at = end + 1;
  }
  return "layer { name: '" + name + "' type: '" + type + "'" + bottoms + tops + " " + more + " }\n";
}
inline std::string Conv(const std::string& name, const std::string& bottom,
                        const std::string& more = "",
                        const std::string& sizes = "num_output: 4 kernel_size: 3 pad: 1") {
  return LayerOf(
      name, "Convolution", bottom, name,
      "convolution_param { " + sizes + " " + more +
          " weight_filler { type: 'gaussian' std: 0.3 } bias_filler { type: 'uniform' } }");
}
inline std::string Bn(const std::string& name, const std::string& bottom, const std::string& top) {
  return LayerOf(name, "BatchNorm", bottom, top);
}
inline std::string ScaleLayer(const std::string& name, const std::string& bottom,
                              const std::string& top) {
  return LayerOf(name, "Scale", bottom, top,
                 "scale_param { bias_term: true filler { type: 'uniform' min: -1 max: 2 } "
                 "bias_filler { type: 'uniform' } }");
}
inline std::string Relu(const std::string& name, const std::string& bottom, const std::string& top,
                        const std::string& more = "") {
  return LayerOf(name, "ReLU", bottom, top, more);
}

// Input, what is to be tested from x to y, and a loss.
inline std::string NetOf(const std::string& body,
                         const std::string& x = "dim: 3 dim: 4 dim: 6 dim: 5") {
  return "force_backward: true\n"
         "layer { name: 'in' type: 'Input' top: 'x' top: 'label' input_param { shape { " +
         x + " } shape { dim: 3 } } }\n" + body +
         "layer { name: 'last' type: 'InnerProduct' bottom: 'y' top: 'last' inner_product_param { "
         "num_output: 3 weight_filler { type: 'xavier' } } }\n"
         "layer { name: 'loss' type: 'SoftmaxWithLoss' bottom: 'last' bottom: 'label' top: 'loss' "
         "}\n";
}

inline void Fill(Tensor& tensor, const std::string& name, float least) {
  const auto values = naive::Random(static_cast<size_t>(tensor.count()), name.c_str());
  for (size_t i = 0; i < values.size(); ++i) tensor.data()[i] = std::max(least, values[i]);
}

// What two steps of a net compute, by name: the second adds to the gradients of the first.
inline std::map<std::string, std::vector<float>> Results(const std::string& text,
                                                         NetOptions options, int threads = 2) {
  Context context({.threads = threads, .seed = 5});
  Net net(Parse(text), Layers(), context, options);
  Fill(net.input("x"), "x", -9);
  for (int64_t i = 0; i < 3; ++i) net.input("label").data()[i] = static_cast<float>(i % 3);
  for (const auto& entry : net.weights().entries()) {
    for (const auto& param : entry.params) {
      if (param->learned()) continue;
      const bool mean = param->name().ends_with("mean");
      Fill(param->Change(), param->name(), mean ? -9 : 0.25F);
    }
  }
  std::map<std::string, std::vector<float>> all;
  const auto add = [&](const std::string& name, const Tensor& tensor) {
    all[name].assign(tensor.values().begin(), tensor.values().end());
  };
  for (const bool second : {false, true}) {
    all["loss"].push_back(static_cast<float>(net.Forward()));
    if (options.backward) net.Backward(second);
  }
  if (options.backward) {
    add("dx", net.diff("x"));
    for (const Learned& learned : net.learned()) add(learned.param->name(), *learned.diff);
  }
  for (const auto& entry : net.weights().entries()) {
    for (const auto& param : entry.params) {
      if (!param->learned()) add(param->name(), param->values());
    }
  }
  for (const std::string& name : options.keep) add(name, net.blob(name));
  for (const NetOutput& output : net.outputs()) add("output " + output.name, *output.values);
  return all;
}

// "conv1: bn1 scale1 relu1; conv2: relu2"
inline std::string Fused(const std::string& text, const NetOptions& options) {
  Context context({.threads = 1, .seed = 5});
  const Net net(Parse(text), Layers(), context, options);
  std::vector<std::pair<std::string, std::string>> into;
  for (int i = 0; i < net.layer_count(); ++i) {
    const LayerInfo layer = net.layer(i);
    if (layer.fused_into.empty()) continue;
    if (into.empty() || into.back().first != layer.fused_into)
      into.emplace_back(layer.fused_into, "");
    into.back().second += " " + layer.name;
  }
  std::string all;
  for (const auto& [head, names] : into) all += (all.empty() ? "" : "; ") + head + ":" + names;
  return all;
}

inline NetOptions Testing() { return {.phase = TEST, .backward = false}; }
inline NetOptions Training() { return {.phase = TRAIN}; }

}  // namespace moka::testing
