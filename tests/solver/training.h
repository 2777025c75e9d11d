// A small training for tests: data that depend on the net's counter alone, and a solver written as
// prototxt.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "io/temporary_folder.h"
#include "moka/error.h"
#include "moka/registry.h"
#include "moka/schema.h"
#include "moka/solver.h"

namespace moka::testing {

// The value of element i of top `top` in pass number `counter`.
inline float Number(int64_t i, int top, uint64_t counter) {
  return static_cast<float>(
      std::sin(0.7 * static_cast<double>(i + 1) + 2.1 * top + 1.3 * static_cast<double>(counter)));
}

// Numbers: tops of 4 x 3, other values in each pass.
class Numbers final : public Layer {
 public:
  explicit Numbers(const LayerSpec& spec) : Layer(spec) {}
  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits().Bottoms(0).Tops(1, 9).NoBackward();
  }
  void Reshape(Shapes, Plan& plan) override {
    for (int t = 0; t < spec().top_count(); ++t) plan.top(t) = Shape{4, 3};
  }
  void Forward(ForwardPass& pass) override {
    for (int t = 0; t < pass.top_count(); ++t) {
      for (int64_t i = 0; i < 12; ++i) pass.top(t).data()[i] = Number(i, t, pass.counter());
    }
  }
};

inline const Registry& Layers() {
  static const Registry registry = [] {
    Registry layers = BuiltinLayers();
    layers.Add<Numbers>("Numbers");
    return layers;
  }();
  return registry;
}

inline const NetSchema& Schema() {
  static const NetSchema schema(Layers());
  return schema;
}

inline const char* const kNumbers = "layer { name: 'numbers' type: 'Numbers' top: 'x' top: 't' }\n";
inline const char* const kLoss =
    "layer { name: 'loss' type: 'EuclideanLoss' bottom: 'y' bottom: 't' top: 'loss' }\n";

inline std::string InnerProduct(const std::string& name, const std::string& bottom,
                                const std::string& top, const std::string& more = "",
                                const std::string& param = "") {
  return "layer { name: '" + name + "' type: 'InnerProduct' bottom: '" + bottom + "' top: '" + top +
         "' " + more +
         " inner_product_param { num_output: 3 weight_filler { type: 'gaussian' } bias_filler { "
         "type: 'constant' value: "
         "0.5 } " +
         param + " } }\n";
}

// y = ip(x), loss = |y - t|^2 / 8.
inline std::string Regression(const std::string& more = "") {
  return kNumbers + InnerProduct("ip", "x", "y", more) + kLoss;
}

inline std::string SolverText(const std::string& net, const std::string& fields) {
  return "base_lr: 0.1 lr_policy: 'fixed' " + fields + "\nnet_param {\n" + net + "}\n";
}

// A solver file with data, dropout, a window of losses, momentum, a step policy, two test nets.
inline std::string EverythingThatHasState(const std::string& prefix, int max_iter) {
  const std::string net =
      kNumbers + InnerProduct("ip1", "x", "h") +
      "layer { name: 'drop' type: 'Dropout' bottom: 'h' top: 'd' }\n" +
      "layer { name: 'noise' type: 'DummyData' top: 'n' dummy_data_param { shape { dim: 4 dim: 3 } "
      "data_filler { type: "
      "'gaussian' } } }\n" +
      "layer { name: 'sum' type: 'Eltwise' bottom: 'd' bottom: 'n' top: 's' }\n" +
      InnerProduct("ip2", "s", "y") + kLoss;
  return "base_lr: 0.02 lr_policy: 'step' gamma: 0.5 stepsize: 7 momentum: 0.9 weight_decay: 0.01 "
         "iter_size: 2 "
         "average_loss: 5 display: 3 test_interval: 4 test_iter: 2 test_iter: 3 clip_gradients: 2 "
         "snapshot: 5 max_iter: " +
         std::to_string(max_iter) + " snapshot_prefix: '" + prefix + "' net_param {" + net + "}";
}

// The last snapshot, which the default asks for, is off unless the text has it.
inline SolverDescription ParseSolver(const std::string& text) {
  SolverDescription solver = Schema().ParseSolver(text, "solver.prototxt");
  if (!solver.common.has_snapshot_after_train()) solver.common.set_snapshot_after_train(false);
  return solver;
}

// A context and a solver on it.
class Training {
 public:
  explicit Training(const std::string& text, int64_t seed = 1, int threads = 2)
      : context_({.threads = threads, .seed = seed}),
        solver_(ParseSolver(text), Schema(), Layers(), context_) {}

  Solver* operator->() { return &solver_; }
  Solver& solver() { return solver_; }
  Context& context() { return context_; }
  std::vector<float> Values(const std::string& layer, int index) {
    const auto values = solver_.net().weights().Find(layer, index)->values().values();
    return {values.begin(), values.end()};
  }

 private:
  Context context_;
  Solver solver_;
};

template <typename F>
std::string ErrorOf(const F& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace moka::testing
