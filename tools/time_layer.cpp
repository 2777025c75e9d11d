// moka time --layer: one layer alone, in a net of inputs and this layer.
#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "command.h"
#include "flags.h"
#include "moka/error.h"
#include "moka/net.h"
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

int64_t Count(const std::vector<Shape>& shapes, const auto& chosen) {
  int64_t count = 0;
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (chosen(static_cast<int>(i))) count += shapes[i].count();
  }
  return count;
}

// What a pass reads and writes at least, in bytes, and how many multiply-adds it does.
struct Work {
  int64_t bytes = 0;
  int64_t multiply_adds = 0;
};

Work ForwardWork(const LayerInfo& layer, int64_t params) {
  const auto all = [](int) { return true; };
  return {4 * (Count(layer.bottom_shapes, all) + Count(layer.top_shapes, all) + params),
          layer.multiply_adds};
}

// Reads the tops' gradients, the params and what the traits declare; writes the gradients of
// bottoms and params. Each of these takes as many multiply-adds as Forward.
Work BackwardWork(const LayerInfo& layer, const LayerTraits& traits, int64_t params) {
  const auto differentiable = [&](int i) { return traits.differentiable(i); };
  Reads reads = traits.bottom_gradient_reads();
  if (params > 0) reads = reads | traits.param_gradient_reads();
  const int64_t gradients = Count(layer.bottom_shapes, differentiable);
  const int64_t values = Count(layer.bottom_shapes, [&](int i) { return reads.ReadsBottom(i); }) +
                         Count(layer.top_shapes, [&](int i) { return reads.ReadsTop(i); });
  const int64_t top_gradients = Count(layer.top_shapes, [](int) { return true; });
  const int parts = (gradients > 0 ? 1 : 0) + (params > 0 ? 1 : 0);
  return {4 * (values + top_gradients + gradients + 2 * params), parts * layer.multiply_adds};
}

void PrintRow(const char* pass, double ms, const Work& work) {
  const double per_second = ms > 0 ? 1e3 / ms : 0;  // passes
  const double bytes = static_cast<double>(work.bytes);
  fmt::print("{:<10} {:>10.3f} {:>10.3f} {:>10.2f}", pass, ms, bytes / 1e6,
             bytes * per_second / 1e9);
  if (work.multiply_adds > 0) {
    fmt::print(" {:>10.2f}", 2e-9 * static_cast<double>(work.multiply_adds) * per_second);
  }
  fmt::print("\n");
}

void PrintTimes(const LayerInfo& layer, const LayerTraits& traits,
                const std::vector<double>& forward, const std::vector<double>& backward) {
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
             layer.multiply_adds ? fmt::format(" {:>10}", "GFLOP/s") : "");
  PrintRow("forward", Median(forward), ForwardWork(layer, params));
  if (!backward.empty()) {
    PrintRow("backward", Median(backward), BackwardWork(layer, traits, params));
  }
}

}  // namespace

void TimeOneLayer() {
  std::vector<Shape> shapes;
  for (const std::string& text : SplitCommas(FLAGS_shape)) shapes.push_back(ParseShape(text));
  const Phase phase = ChosenPhase();
  Session session;
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
  TimeLayers(net, backward);  // touches all memory
  const LayerTimer timer = TimeLayers(net, backward);
  const auto last = static_cast<size_t>(net.layer_count() - 1);
  PrintTimes(net.layer(net.layer_count() - 1), traits, timer.forward[last], timer.backward[last]);
  fmt::print("({} threads; medians of {})\n", session.context.threads(), FLAGS_iterations);
}

}  // namespace moka::tool
