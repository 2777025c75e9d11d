// moka time: how long each layer takes, forward and backward.
#include <fmt/format.h>

#include "command.h"
#include "flags.h"
#include "moka/net.h"
#include "moka/solver.h"
#include "timing.h"

namespace moka::tool {
namespace {

void PrintTable(const Net& net, const LayerTimer& timer) {
  fmt::print("Median time for each layer, of {} iterations:\n", FLAGS_iterations);
  fmt::print("{:<24} {:<18} {:>12} {:>12}\n", "layer", "type", "forward ms", "backward ms");
  for (int i = 0; i < net.layer_count(); ++i) {
    const LayerInfo layer = net.layer(i);
    const auto& backward = timer.backward[static_cast<size_t>(i)];
    fmt::print("{:<24} {:<18} {:>12.3f} {:>12}{}\n", layer.name, layer.type,
               Median(timer.forward[static_cast<size_t>(i)]),
               backward.empty() ? "-" : fmt::format("{:.3f}", Median(backward)),
               layer.fused_into.empty() ? "" : "  runs in " + layer.fused_into);
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
  PrintTable(net, TimeLayers(net, backward));
  fmt::print("Average Forward pass: {:.3f} ms.\n", forward_ms);
  if (!backward) return;
  fmt::print("Average Backward pass: {:.3f} ms.\n", both_ms - forward_ms);
  fmt::print("Average Forward-Backward: {:.3f} ms.\n", both_ms);
}

}  // namespace

int RunTime(const Arguments&) {
  if (FLAGS_model.empty() == FLAGS_layer.empty()) {
    throw UsageError(FLAGS_model.empty() ? "moka time needs --model=FILE, or --layer=TEXT"
                                         : "--model and --layer exclude one another");
  }
  if (FLAGS_layer.empty() && !FLAGS_shape.empty()) {
    throw UsageError("--shape goes with --layer: the inputs of a net have shapes of their own");
  }
  if (FLAGS_iterations < 1) {
    throw UsageError(fmt::format("--iterations must be at least 1, not {}", FLAGS_iterations));
  }
  if (FLAGS_model.empty()) {
    TimeOneLayer();
    return 0;
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
