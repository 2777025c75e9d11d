// moka time: how long each layer takes, forward and backward.
#include <fmt/format.h>
#include <gflags/gflags.h>

#include <algorithm>

#include "command.h"
#include "flags.h"
#include "moka/error.h"
#include "moka/net.h"
#include "moka/solver.h"
#include "peak.h"
#include "timing.h"

namespace moka::tool {
namespace {

// Three columns: GFLOP/s, % of the peak, GB/s; "-" where there is no such work.
std::string Rates(const PassTime& pass, double peak_gflops) {
  const double gflops = pass.gflops(), gigabytes = pass.gigabytes();
  return fmt::format("{:>9} {:>6} {:>7}", gflops > 0 ? fmt::format("{:.2f}", gflops) : "-",
                     gflops > 0 ? fmt::format("{:.1f}", 100 * gflops / peak_gflops) : "-",
                     gigabytes > 0 ? fmt::format("{:.2f}", gigabytes) : "-");
}

void PrintTable(const TimeReport& report) {
  size_t name_width = 24, type_width = 18;
  for (const LayerTime& time : report.layers) {
    name_width = std::max(name_width, time.layer.name.size());
    type_width = std::max(type_width, time.layer.type.size());
  }
  const std::string rates = fmt::format("{:>9} {:>6} {:>7}", "GFLOP/s", "% peak", "GB/s");
  fmt::print("Median time for each layer, of {} iterations:\n", FLAGS_iterations);
  fmt::print("{:<{}} {:<{}} {:>12} {} {:>12} {}\n", "layer", name_width, "type", type_width,
             "forward ms", rates, "backward ms", rates);
  for (const LayerTime& time : report.layers) {
    fmt::print("{:<{}} {:<{}} {:>12.3f} {} {:>12} {}{}\n", time.layer.name, name_width,
               time.layer.type, type_width, time.forward.ms,
               Rates(time.forward, report.peak_gflops),
               time.has_backward ? fmt::format("{:.3f}", time.backward.ms) : "-",
               Rates(time.backward, report.peak_gflops),
               time.layer.fused_into.empty() ? "" : "  runs in " + time.layer.fused_into);
  }
}

void PrintWork(const char* pass, const PassTime& total, double peak_gflops) {
  if (total.work.multiply_adds == 0) return;
  fmt::print("{}: {:.4g} GFLOP, {:.2f} GFLOP/s, {:.1f} % of the peak\n", pass,
             total.work.flops() / 1e9, total.gflops(), 100 * total.gflops() / peak_gflops);
}

void Print(const TimeReport& report) {
  PrintTable(report);
  fmt::print("Average Forward pass: {:.3f} ms.\n", report.forward_ms);
  if (report.both_ms > 0) {
    fmt::print("Average Backward pass: {:.3f} ms.\n", report.both_ms - report.forward_ms);
    fmt::print("Average Forward-Backward: {:.3f} ms.\n", report.both_ms);
    fmt::print("Average training step, with SGD update: {:.3f} ms.\n", report.step_ms);
  }
  PrintWork("Forward pass", Total(report.layers, false, report.forward_ms), report.peak_gflops);
  if (report.step_ms > 0) {
    PrintWork("Training step", Total(report.layers, true, report.step_ms), report.peak_gflops);
  }
  fmt::print("({} threads; medians of {}; peak {:.1f} GFLOP/s, measured)\n", report.threads,
             FLAGS_iterations, report.peak_gflops);
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

void TimeNet(Net& net, const Session& session, TimeReport& report) {
  FillInputs(net, session.context.seed());
  const bool backward = net.phase() == TRAIN && RunsBackward(net);
  report.net = net.name();
  report.forward_ms = MedianOf([&] { net.Forward(); });
  if (backward) report.both_ms = MedianOf([&] { net.Forward(), net.Backward(); });
  report.layers = TimeLayers(net, session.registry, backward);
  report.memory = net.memory_plan();
}

// Another first size for all that the Input layers feed. `planned` is the net as it is. Throws
// Error if there is no such layer, or if it feeds a single number.
void SetBatch(NetDescription& net, const Net& planned, const NetSchema& schema) {
  bool any = false;
  for (int i = 0; i < planned.layer_count(); ++i) {
    const LayerInfo layer = planned.layer(i);
    if (layer.type != "Input") continue;
    std::string shapes;
    for (const Shape& shape : layer.top_shapes) {
      if (shape.axes() == 0) {
        throw Error(net.file, ": --batch: layer \"", layer.name, "\" feeds a single number");
      }
      shapes += fmt::format(" shape {{ dim: {}", FLAGS_batch);
      for (int axis = 1; axis < shape.axes(); ++axis) {
        shapes += fmt::format(" dim: {}", shape[axis]);
      }
      shapes += " }";
    }
    net.layers[static_cast<size_t>(i)].params =
        schema.ParseLayer("type: \"Input\" input_param {" + shapes + " }", "--batch").params;
    any = true;
  }
  if (any) return;
  throw Error(net.file,
              ": --batch: the net has no Input layer; its data layers say the batch size");
}

void CheckFlags() {
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
  if (FLAGS_batch < 1 && !gflags::GetCommandLineFlagInfoOrDie("batch").is_default) {
    throw UsageError(fmt::format("--batch must be at least 1, not {}", FLAGS_batch));
  }
  if (FLAGS_batch > 0 && !FLAGS_layer.empty()) {
    throw UsageError("--batch goes with --model: with --layer, --shape says it");
  }
}

TimeReport TimeModel() {
  const Phase phase = ChosenPhase();
  Session session;
  TimeReport report{.phase = phase, .threads = session.context.threads()};
  NetDescription description = session.schema.ReadNet(FLAGS_model);
  SetState(description);
  LogNotices(description.notices);
  description.state.set_phase(phase);
  NetOptions options{.phase = phase, .backward = phase == TRAIN, .plan_only = true};
  bool trains = false;
  {
    const Net planned(description, session.registry, session.context, options);
    trains = phase == TRAIN && RunsBackward(planned);
    if (FLAGS_batch > 0) {
      description = planned.description();
      SetBatch(description, planned, session.schema);
    }
  }
  report.peak_gflops = PeakGflops(session.context);
  if (trains) {
    Solver solver(TrainingOf(std::move(description)), session.schema, session.registry,
                  session.context);
    TimeNet(solver.net(), session, report);
    report.step_ms = MedianOf([&] { solver.Step(1); });
    report.history_bytes = report.memory.gradient_bytes;  // SGD keeps one number for each gradient
  } else {
    // A net without a loss, for example.
    options.plan_only = false;
    options.backward = false;
    Net net(std::move(description), session.registry, session.context, options);
    TimeNet(net, session, report);
  }
  return report;
}

}  // namespace

int RunTime(const Arguments&) {
  CheckFlags();
  if (FLAGS_model.empty()) {
    TimeOneLayer();
    return 0;
  }
  const TimeReport report = TimeModel();
  if (FLAGS_json) {
    fmt::print("{}\n", ToJson(report));
  } else {
    Print(report);
  }
  return 0;
}

}  // namespace moka::tool
