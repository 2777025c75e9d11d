// moka time --layer: one layer alone, in a net of inputs and this layer.
#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "command.h"
#include "flags.h"
#include "moka/error.h"
#include "moka/net.h"
#include "peak.h"
#include "timing.h"

namespace moka::tool {
namespace {

constexpr const char* kPlace = "--layer";  // instead of a file

// "64x256x28x28". Throws UsageError.
Shape ParseShape(const std::string& text) {
  std::vector<int64_t> sizes;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('x', begin), text.size());
    int64_t size = 0;
    const auto [read, error] = std::from_chars(text.data() + begin, text.data() + end, size);
    if (error != std::errc() || read != text.data() + end || size < 1) {
      throw UsageError(
          fmt::format("--shape=\"{}\": \"{}\" is no size; a shape is positive whole "
                      "numbers with an x between them, such as 64x3x28x28",
                      text, text.substr(begin, end - begin)));
    }
    sizes.push_back(size);
    begin = end + 1;
  }
  try {
    return Shape(sizes);
  } catch (const Error& error) {
    throw UsageError(fmt::format("--shape=\"{}\": {}", text, error.message()));
  }
}

LayerDescription InputOf(const NetSchema& schema, const std::string& name, const Shape& shape) {
  std::string dims;
  for (const int64_t size : shape.sizes()) dims += fmt::format(" dim: {}", size);
  return schema.ParseLayer(fmt::format("type: \"Input\" input_param {{ shape {{{} }} }}", dims),
                           kPlace);
}

// Names what the text leaves out; the first top counts as a loss, so that there are gradients.
void FillIn(LayerDescription& layer, const LayerTraits& traits, size_t shapes) {
  LayerParameter& common = layer.common;
  const int bottoms = static_cast<int>(shapes);
  if (bottoms < traits.least_bottoms() || bottoms > traits.most_bottoms()) {
    throw UsageError(fmt::format("{} has {}{} bottom{}, but there {} {} --shape: give one for each",
                                 common.type(), traits.least_bottoms(),
                                 traits.most_bottoms() == traits.least_bottoms() ? ""
                                 : traits.most_bottoms() >= LayerTraits::kAnyNumber
                                     ? " or more"
                                     : fmt::format(" to {}", traits.most_bottoms()),
                                 traits.most_bottoms() == 1 ? "" : "s", bottoms == 1 ? "is" : "are",
                                 bottoms));
  }
  if (common.bottom_size() == 0) {
    for (int i = 0; i < bottoms; ++i) common.add_bottom("bottom" + std::to_string(i));
  } else if (common.bottom_size() != bottoms) {
    throw UsageError(fmt::format("--layer names {} bottoms, but there are {} --shape",
                                 common.bottom_size(), bottoms));
  }
  if (common.top_size() == 0) {
    const int tops = traits.same_number() ? bottoms : std::max(1, traits.least_tops());
    for (int i = 0; i < tops; ++i) common.add_top("top" + std::to_string(i));
  }
  common.clear_include();  // it is timed whatever the phase
  common.clear_exclude();
  if (traits.has_backward() && common.loss_weight_size() == 0) {
    common.add_loss_weight(1);
    for (int i = 1; i < common.top_size(); ++i) common.add_loss_weight(0);
  }
}

void PrintRow(const char* name, const PassTime& pass, double peak_gflops) {
  fmt::print("{:<10} {:>10.3f} {:>10.3f} {:>10.2f}", name, pass.ms,
             static_cast<double>(pass.work.bytes) / 1e6, pass.gigabytes());
  if (pass.work.multiply_adds > 0) {
    fmt::print(" {:>10.2f} {:>10.1f}", pass.gflops(), 100 * pass.gflops() / peak_gflops);
  }
  fmt::print("\n");
}

void PrintTimes(const TimeReport& report) {
  const LayerTime& time = report.layers[0];
  const LayerInfo& layer = time.layer;
  int64_t params = 0;
  for (const Param* param : layer.params) params += param->values().count();
  std::string shapes;
  const auto list = [&](const std::vector<Shape>& each) {
    for (size_t i = 0; i < each.size(); ++i) shapes += (i ? ", " : "") + ToString(each[i]);
  };
  list(layer.bottom_shapes);
  shapes += " -> ";
  list(layer.top_shapes);
  fmt::print("{}: {}{}\n", layer.type, shapes,
             params ? fmt::format(", {} parameters", params) : "");
  fmt::print("{:<10} {:>10} {:>10} {:>10}{}\n", "", "median ms", "MB moved", "GB/s",
             layer.multiply_adds ? fmt::format(" {:>10} {:>10}", "GFLOP/s", "% of peak") : "");
  PrintRow("forward", time.forward, report.peak_gflops);
  if (time.has_backward) PrintRow("backward", time.backward, report.peak_gflops);
  fmt::print("({} threads; medians of {})\n", report.threads, FLAGS_iterations);
  fmt::print("(the machine at most: {:.1f} GFLOP/s of multiply-adds, {:.1f} GB/s of a copy)\n",
             report.peak_gflops, report.copy_gigabytes);
}

}  // namespace

void TimeOneLayer() {
  std::vector<Shape> shapes;
  for (const std::string& text : SplitCommas(FLAGS_shape)) shapes.push_back(ParseShape(text));
  const Phase phase = ChosenPhase();
  Session session;
  TimeReport report{.phase = phase, .threads = session.context.threads()};
  report.peak_gflops = PeakGflops(session.context);
  report.copy_gigabytes = CopyGigabytes(session.context);
  LayerDescription layer = session.schema.ParseLayer(FLAGS_layer, kPlace);
  if (!layer.common.has_name()) layer.common.set_name("layer");
  const LayerTraits traits = TraitsOf(session.registry, layer);
  FillIn(layer, traits, shapes.size());

  NetDescription description;
  for (size_t i = 0; i < shapes.size(); ++i) {
    const std::string name = layer.common.bottom(static_cast<int>(i));
    description.layers.push_back(InputOf(session.schema, name, shapes[i]));
    description.layers.back().common.set_name("input" + std::to_string(i));
    description.layers.back().common.add_top(name);
  }
  description.layers.push_back(layer);
  description.force_backward = true;
  SetState(description);
  NetOptions options;
  options.phase = phase;
  options.backward = phase == TRAIN && traits.has_backward();
  Net net(std::move(description), session.registry, session.context, options);
  FillInputs(net, session.context.seed());
  const bool backward = options.backward && RunsBackward(net);
  TimeLayers(net, session.registry, backward);  // touches all memory
  report.layers = {TimeLayers(net, session.registry, backward).back()};
  report.net = net.layer(net.layer_count() - 1).name;
  report.forward_ms = report.layers[0].forward.ms;
  report.memory = net.memory_plan();
  if (FLAGS_json) {
    fmt::print("{}\n", ToJson(report));
  } else {
    PrintTimes(report);
  }
}

}  // namespace moka::tool
