// Layers that are bound by memory, forward and backward, against a plain copy, on 2 threads:
// forward_of_copy is the rate of Forward over the copy's, of medians; bytes are each input, param
// and what the traits declare counted once as read, each output once as written. The layer runs in
// a net of inputs and itself, as it would in any net; what else the net does is not timed.
//   build/bench/bin/elementwise_bench --benchmark_counters_tabular=true
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "copy.h"
#include "moka/net.h"
#include "moka/schema.h"
#include "shapes.h"

namespace moka::bench {
namespace {

using Clock = std::chrono::steady_clock;

const Shape kImages = {64, 64, 56, 56};  // 51 MB
const Shape kRows = {4096, 3136};        // the same, without places

// The time of one layer of a net.
class Stopwatch final : public NetObserver {
 public:
  explicit Stopwatch(int layer) : layer_(layer) {}
  void BeforeForward(const Net&, int) override { start_ = Clock::now(); }
  void AfterForward(const Net&, int i) override { Note(i, forward); }
  void BeforeBackward(const Net&, int) override { start_ = Clock::now(); }
  void AfterBackward(const Net&, int i) override { Note(i, backward); }

  std::vector<double> forward, backward;

 private:
  void Note(int i, std::vector<double>& times) const {
    if (i != layer_) return;
    times.push_back(std::chrono::duration<double>(Clock::now() - start_).count());
  }
  const int layer_;
  Clock::time_point start_;
};

// Inputs of these shapes, the layer, and a sum of each of its tops as the loss. (If the layer were
// the loss itself, the net would sum its top within the layer's time.)
NetDescription Describe(const Registry& registry, const NetSchema& schema, const std::string& layer,
                        const std::vector<Shape>& shapes, int tops) {
  const bool backward = TraitsOf(registry, schema.ParseLayer(layer)).has_backward();
  std::string text = "force_backward: true ", ends, blobs;
  for (size_t i = 0; i < shapes.size(); ++i) {
    const std::string i_text = std::to_string(i);
    text += "layer { name: 'input" + i_text + "' type: 'Input' top: 'x" + i_text;
    text += "' input_param { shape {";
    for (const int64_t size : shapes[i].sizes()) text += " dim: " + std::to_string(size);
    text += " } } } ";
    blobs += " bottom: 'x" + i_text + "'";
  }
  for (int t = 0; t < tops; ++t) {
    const std::string y = std::string("y").append(std::to_string(t));
    blobs += " top: '" + y + "'";
    ends += " layer { name: 'sum_" + y + "' type: 'Reduction' bottom: '" + y + "' top: 'sum_" + y;
    ends += std::string("'") + (backward ? " loss_weight: 1 }" : " }");
  }
  return schema.ParseNet(text + "layer { name: 'layer' " + layer + blobs + " }" + ends);
}

int64_t Floats(const std::vector<Shape>& shapes, const auto& chosen) {
  int64_t count = 0;
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (chosen(static_cast<int>(i))) count += shapes[i].count();
  }
  return count;
}

struct Bytes {
  double forward, backward;
};
// Params are too small to count.
Bytes BytesOf(const LayerInfo& layer, const LayerTraits& traits) {
  const auto all = [](int) { return true; };
  Reads reads = traits.bottom_gradient_reads();
  if (!layer.params.empty()) reads = reads | traits.param_gradient_reads();
  const int64_t x = Floats(layer.bottom_shapes, all), y = Floats(layer.top_shapes, all);
  const int64_t read = Floats(layer.bottom_shapes, [&](int i) { return reads.ReadsBottom(i); }) +
                       Floats(layer.top_shapes, [&](int i) { return reads.ReadsTop(i); });
  const int64_t dx = Floats(layer.bottom_shapes, [&](int i) { return traits.differentiable(i); });
  return {4.0 * static_cast<double>(x + y), 4.0 * static_cast<double>(read + y + dx)};
}

struct LayerCase {
  std::string name, layer;
  std::vector<Shape> shapes;
  Phase phase = TRAIN;
  int tops = 1;
};

void RunCase(benchmark::State& state, const LayerCase& c) {
  Context context({.threads = 2, .seed = 1});
  const Registry registry = BuiltinLayers();
  const NetSchema schema(registry);
  NetOptions options;
  options.phase = c.phase;
  Net net(Describe(registry, schema, c.layer, c.shapes, c.tops), registry, context, options);
  for (const std::string& name : net.input_names()) {
    const RandomStream random(1, name, 0, 0);
    Tensor& x = net.input(name);
    for (int64_t i = 0; i < x.count(); ++i)
      x.data()[i] = 6 * random.Uniform(static_cast<uint64_t>(i)) - 3;
  }
  const int index = static_cast<int>(c.shapes.size());  // after the inputs
  const LayerInfo layer = net.layer(index);
  const LayerTraits traits = TraitsOf(registry, schema.ParseLayer(c.layer));
  const Bytes bytes = BytesOf(layer, traits);
  const double copied = bytes.forward;  // as large as the layer, so as near in the caches
  PlainCopy copy(static_cast<int64_t>(copied));
  net.Forward();  // touches all memory
  if (layer.runs_backward) net.Backward();
  Stopwatch watch(index);
  net.AddObserver(&watch);
  std::vector<double> copies;
  const auto time_copy = [&] {
    const auto start = Clock::now();
    copy(context);
    copies.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  };
  for (auto _ : state) {
    time_copy();
    net.Forward();
    double time = watch.forward.back();
    if (layer.runs_backward) {
      time_copy();
      net.Backward();
      time += watch.backward.back();
    }
    state.SetIterationTime(time);
  }
  const double rate = copied / Median(copies);
  const double forward = bytes.forward / Median(watch.forward);
  const double backward = layer.runs_backward ? bytes.backward / Median(watch.backward) : 0;
  state.counters["copy_GB/s"] = rate * 1e-9;
  state.counters["forward_GB/s"] = forward * 1e-9;
  state.counters["backward_GB/s"] = backward * 1e-9;
  state.counters["forward_of_copy"] = forward / rate;
  state.counters["backward_of_copy"] = backward / rate;
}

std::vector<LayerCase> Cases() {
  std::vector<LayerCase> cases;
  const auto add = [&](const std::string& name, const std::string& layer,
                       const std::vector<Shape>& shapes = {kImages}, Phase phase = TRAIN,
                       int tops = 1) {
    cases.push_back({name, layer, shapes, phase, tops});
  };
  for (const std::string type : {"ReLU",    "LeakyReLU", "ReLU6", "HardSigmoid", "HardSwish",
                                 "AbsVal",  "Threshold", "PReLU", "Dropout",     "SpatialDropout",
                                 "Sigmoid", "TanH",      "ELU",   "SELU",        "Softplus",
                                 "BNLL",    "Swish",     "GELU",  "Mish",        "Exp"}) {
    add(type, "type: '" + type + "'");
  }
  add("Clip", "type: 'Clip' clip_param { min: -1 max: 1 }");
  add("GELU/tanh", "type: 'GELU' gelu_param { approximate: TANH }");
  add("Exp/base_2", "type: 'Exp' exp_param { base: 2 shift: 1 }");
  add("Log", "type: 'Log'");
  add("Log/shift", "type: 'Log' log_param { shift: 8 }");
  for (const std::string power : {"1", "2", "3", "-1", "0.5", "5", "1.7"}) {
    add("Power/" + power, "type: 'Power' power_param { shift: 8 power: " + power + " }");
  }
  for (const std::string operation : {"SUM", "PROD", "MAX"}) {
    add("Eltwise/" + operation, "type: 'Eltwise' eltwise_param { operation: " + operation + " }",
        {kImages, kImages});
  }
  add("Eltwise/coeff", "type: 'Eltwise' eltwise_param { coeff: 2 coeff: -1 }", {kImages, kImages});
  add("Scale", "type: 'Scale'");
  add("Scale/bias", "type: 'Scale' scale_param { bias_term: true }");
  add("Scale/rows", "type: 'Scale' scale_param { bias_term: true }", {kRows});
  add("Scale/bottom", "type: 'Scale' scale_param { axis: 0 }", {kImages, {64, 64}});
  add("Bias", "type: 'Bias'");
  add("Axpy", "type: 'Axpy'", {{64, 64}, kImages, kImages});
  add("BatchNorm/train", "type: 'BatchNorm'");
  add("BatchNorm/train_rows", "type: 'BatchNorm'", {kRows});
  add("BatchNorm/test", "type: 'BatchNorm'", {kImages}, TEST);
  add("BN/train", "type: 'BN'");
  add("BN/test", "type: 'BN'", {kImages}, TEST);
  add("LRN/across", "type: 'LRN'");
  add("LRN/across_beta", "type: 'LRN' lrn_param { beta: 0.6 }");
  add("LRN/within", "type: 'LRN' lrn_param { norm_region: WITHIN_CHANNEL }");
  add("LRN/within_3", "type: 'LRN' lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 }");
  add("MVN", "type: 'MVN'");
  add("LayerNorm", "type: 'LayerNorm'");
  add("LayerNorm/rows", "type: 'LayerNorm'", {{16384, 784}});
  add("GroupNorm", "type: 'GroupNorm' group_norm_param { num_groups: 8 }");
  add("InstanceNorm", "type: 'InstanceNorm'");
  add("Softmax", "type: 'Softmax'");
  add("Softmax/rows", "type: 'Softmax'", {kRows});
  add("Concat", "type: 'Concat'", {kImages, kImages});
  add("Slice", "type: 'Slice'", {kImages}, TRAIN, 2);
  add("Tile", "type: 'Tile' tile_param { tiles: 2 }");
  return cases;
}

// Layers as nets have them, with a batch that is small enough for much of it to stay in the caches.
std::vector<LayerCase> NetCases() {
  const std::string within = "type: 'LRN' lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 }";
  return {
      {"CaffeNet/norm1", "type: 'LRN'", {{16, 96, 27, 27}}},
      {"CaffeNet/norm2", "type: 'LRN'", {{16, 256, 13, 13}}},
      {"CaffeNet/drop6", "type: 'Dropout'", {{64, 4096}}},
      {"GoogLeNet/norm1", "type: 'LRN'", {{8, 64, 56, 56}}},
      {"GoogLeNet/norm2", "type: 'LRN'", {{8, 192, 56, 56}}},
      {"CIFAR10_full/norm1", within, {{100, 32, 16, 16}}},
      {"CIFAR10_full/norm2", within, {{100, 32, 8, 8}}},
      {"ResNet50/bn2a", "type: 'BatchNorm'", {{8, 256, 56, 56}}},
      {"ResNet50/bn4a", "type: 'BatchNorm'", {{8, 1024, 14, 14}}},
      {"ResNet50/bn5a", "type: 'BatchNorm'", {{8, 2048, 7, 7}}},
      {"ResNet50/scale2a", "type: 'Scale' scale_param { bias_term: true }", {{8, 256, 56, 56}}},
      {"ResNet50/scale5a", "type: 'Scale' scale_param { bias_term: true }", {{8, 2048, 7, 7}}},
      {"ResNet50/res3", "type: 'Eltwise'", {{8, 512, 28, 28}, {8, 512, 28, 28}}},
      {"LeNet/softmax", "type: 'Softmax'", {{64, 10}}},
      {"CIFAR10/softmax", "type: 'Softmax'", {{100, 10}}},
      {"CaffeNet/softmax", "type: 'Softmax'", {{64, 1000}}},
  };
}

const bool kRegistered = [] {
  const auto add = [](const std::string& group, const LayerCase& c) {
    benchmark::RegisterBenchmark((group + "/" + c.name).c_str(), RunCase, c)
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  };
  for (const LayerCase& c : Cases()) add("Layer", c);
  for (const LayerCase& c : NetCases()) add("Net", c);
  return true;
}();

}  // namespace
}  // namespace moka::bench
