// moka time: how long each layer takes, forward and backward.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "command.h"
#include "flags.h"
#include "moka/net.h"
#include "moka/solver.h"

namespace moka::tool {
namespace {

using Clock = std::chrono::steady_clock;

double Milliseconds(Clock::time_point since) {
  return std::chrono::duration<double, std::milli>(Clock::now() - since).count();
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Collects a time for each layer and pass.
class LayerTimer final : public NetObserver {
 public:
  explicit LayerTimer(int layers)
      : forward(static_cast<size_t>(layers)), backward(static_cast<size_t>(layers)) {}
  void BeforeForward(const Net&, int) override { start_ = Clock::now(); }
  void AfterForward(const Net&, int i) override {
    forward[static_cast<size_t>(i)].push_back(Milliseconds(start_));
  }
  void BeforeBackward(const Net&, int) override { start_ = Clock::now(); }
  void AfterBackward(const Net&, int i) override {
    backward[static_cast<size_t>(i)].push_back(Milliseconds(start_));
  }

  std::vector<std::vector<double>> forward, backward;

 private:
  Clock::time_point start_;
};

// Which classes an input that is read as labels may name: the size of the other bottom of the layer
// that reads it, along axis 1; 0 for an input that holds data.
int64_t ClassesOf(const Net& net, const std::string& input) {
  for (int i = 0; i < net.layer_count(); ++i) {
    const LayerInfo layer = net.layer(i);
    if (layer.bottoms.size() < 2 || layer.bottoms[1] != input) continue;
    const bool smaller = layer.bottom_shapes[1].count() < layer.bottom_shapes[0].count();
    if (smaller) return layer.bottom_shapes[0].size_or_1(1);
  }
  return 0;
}

// Never zeros: max pooling and rectifiers are faster on them.
void FillInputs(Net& net, uint64_t seed) {
  for (const std::string& name : net.input_names()) {
    const int64_t classes = ClassesOf(net, name);
    const RandomStream random(seed, name, 0, 0);
    Tensor& input = net.input(name);
    for (int64_t i = 0; i < input.count(); ++i) {
      const uint64_t element = static_cast<uint64_t>(i);
      input.data()[i] =
          classes > 0 ? static_cast<float>(random.Below(element, static_cast<uint64_t>(classes)))
                      : random.Gaussian(element);
    }
  }
}

void PrintTable(const Net& net, const LayerTimer& timer) {
  fmt::print("Median time for each layer, of {} iterations:\n", FLAGS_iterations);
  fmt::print("{:<24} {:<18} {:>12} {:>12}\n", "layer", "type", "forward ms", "backward ms");
  for (int i = 0; i < net.layer_count(); ++i) {
    const LayerInfo layer = net.layer(i);
    const auto& backward = timer.backward[static_cast<size_t>(i)];
    fmt::print("{:<24} {:<18} {:>12.3f} {:>12}\n", layer.name, layer.type,
               Median(timer.forward[static_cast<size_t>(i)]),
               backward.empty() ? "-" : fmt::format("{:.3f}", Median(backward)));
  }
}

// A solver around the net, so that a whole training step can be timed: SGD with momentum and decay.
// The rate is 0: the work is the same, and weights that stay as they are cannot diverge.
SolverDescription TrainingOf(NetDescription net) {
  SolverDescription description;
  description.common.set_base_lr(0);
  description.common.set_lr_policy("fixed");
  description.common.set_momentum(0.9f);
  description.common.set_weight_decay(5e-4f);
  description.common.set_snapshot_after_train(false);
  description.file = net.file;
  description.train_net_param = std::move(net);
  return description;
}

bool RunsBackward(const Net& net) {
  for (int i = 0; i < net.layer_count(); ++i) {
    if (net.layer(i).runs_backward) return true;
  }
  return false;
}

// `work` once to touch its memory, then `iterations` times: the median in milliseconds.
template <typename F>
double MedianOf(const F& work) {
  work();
  std::vector<double> times;
  for (int i = 0; i < FLAGS_iterations; ++i) {
    const Clock::time_point start = Clock::now();
    work();
    times.push_back(Milliseconds(start));
  }
  return Median(times);
}

void TimeNet(Net& net, const Session& session) {
  FillInputs(net, session.context.seed());
  const bool backward = net.phase() == TRAIN && RunsBackward(net);
  const double forward_ms = MedianOf([&] { net.Forward(); });
  const double both_ms = backward ? MedianOf([&] { net.Forward(), net.Backward(); }) : 0;
  LayerTimer timer(net.layer_count());
  net.AddObserver(&timer);
  for (int i = 0; i < FLAGS_iterations; ++i) {
    net.Forward();
    if (backward) net.Backward();
  }
  net.RemoveObserver(&timer);
  PrintTable(net, timer);
  fmt::print("Average Forward pass: {:.3f} ms.\n", forward_ms);
  if (!backward) return;
  fmt::print("Average Backward pass: {:.3f} ms.\n", both_ms - forward_ms);
  fmt::print("Average Forward-Backward: {:.3f} ms.\n", both_ms);
}

}  // namespace

int RunTime(const Arguments&) {
  if (FLAGS_model.empty()) throw UsageError("moka time needs --model=FILE");
  if (FLAGS_iterations < 1) {
    throw UsageError(fmt::format("--iterations must be at least 1, not {}", FLAGS_iterations));
  }
  const Phase phase = ChosenPhase();
  Session session;
  NetDescription description = session.schema.ReadNet(FLAGS_model);
  SetState(description);
  LogNotices(description.notices);
  description.state.set_phase(phase);
  NetOptions options;
  options.phase = phase;
  options.backward = phase == TRAIN;
  options.plan_only = true;
  const bool trains =
      phase == TRAIN && RunsBackward(Net(description, session.registry, session.context, options));
  if (trains) {
    Solver solver(TrainingOf(std::move(description)), session.schema, session.registry,
                  session.context);
    TimeNet(solver.net(), session);
    fmt::print("Average training step, with SGD update: {:.3f} ms.\n",
               MedianOf([&] { solver.Step(1); }));
  } else {  // a net without a loss, for example
    options.plan_only = false;
    Net net(std::move(description), session.registry, session.context, options);
    TimeNet(net, session);
  }
  fmt::print("({} threads; medians of {})\n", session.context.threads(), FLAGS_iterations);
  return 0;
}

}  // namespace moka::tool
