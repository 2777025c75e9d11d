// moka summary: a net's layers, shapes, parameters, work and memory.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "command.h"
#include "flags.h"
#include "moka/net.h"
#include "timing.h"

namespace moka::tool {
namespace {

// 1234567 as "1,234,567".
std::string Grouped(int64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3; text.insert(at, ",")) at -= 3;
  return text;
}

std::string Bytes(int64_t bytes) {
  const double b = static_cast<double>(bytes);
  return bytes < 100'000 ? fmt::format("{:.2f} kB", b / 1e3) : fmt::format("{:.2f} MB", b / 1e6);
}

std::string Joined(const std::vector<Shape>& shapes) {
  std::string text;
  for (const Shape& shape : shapes) text += (text.empty() ? "" : ", ") + ToString(shape);
  return text;
}

void PrintLayers(const Net& net) {
  size_t name_width = 5, type_width = 4, shape_width = 5;
  for (int i = 0; i < net.layer_count(); ++i) {
    const LayerInfo layer = net.layer(i);
    name_width = std::max(name_width, layer.name.size());
    type_width = std::max(type_width, layer.type.size());
    shape_width = std::max(shape_width, Joined(layer.top_shapes).size());
  }
  fmt::print("{:<{}}  {:<{}}  {:<{}}  {:>12}  {:>16}\n", "layer", name_width, "type", type_width,
             "tops", shape_width, "parameters", "multiply-adds");
  int64_t all_params = 0, all_work = 0;
  std::set<const Param*> seen;
  for (int i = 0; i < net.layer_count(); ++i) {
    const LayerInfo layer = net.layer(i);
    int64_t params = 0;
    for (const Param* param : layer.params) {
      if (seen.insert(param).second) params += param->values().count();
    }
    fmt::print("{:<{}}  {:<{}}  {:<{}}  {:>12}  {:>16}{}\n", layer.name, name_width, layer.type,
               type_width, Joined(layer.top_shapes), shape_width, params ? Grouped(params) : "",
               layer.multiply_adds ? Grouped(layer.multiply_adds) : "",
               layer.fused_into.empty() ? "" : "  runs in " + layer.fused_into);
    all_params += params;
    all_work += layer.multiply_adds;
  }
  fmt::print("{:<{}}  {:<{}}  {:<{}}  {:>12}  {:>16}\n", "total", name_width, "", type_width, "",
             shape_width, Grouped(all_params), Grouped(all_work));
}

// One row for each of the largest blocks: when it lives, from the first forward step to the last
// backward one.
void PrintPicture(const MemoryPlan& plan) {
  constexpr size_t kRows = 24;
  constexpr int kColumns = 60;
  std::vector<const MemoryBlock*> blocks;
  int steps = 1;
  for (const MemoryBlock& block : plan.blocks) {
    if (block.bytes > 0) blocks.push_back(&block);
    steps = std::max(steps, block.last + 1);
  }
  std::stable_sort(blocks.begin(), blocks.end(),
                   [](const auto* a, const auto* b) { return a->bytes > b->bytes; });
  const size_t rows = std::min(blocks.size(), kRows);
  std::sort(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(rows),
            [](const auto* a, const auto* b) { return a->first < b->first; });
  fmt::print("\nThe {} largest blocks over the steps of a pass, forward then backward:\n", rows);
  for (size_t i = 0; i < rows; ++i) {
    const int from = blocks[i]->first * kColumns / steps,
              to = std::max(from, (blocks[i]->last + 1) * kColumns / steps - 1);
    std::string bar(kColumns, '.');
    std::fill(bar.begin() + from, bar.begin() + to + 1, '#');
    fmt::print("  {}  {:>10} at {:>10}  {}\n", bar, Bytes(blocks[i]->bytes),
               Bytes(blocks[i]->offset), blocks[i]->name);
  }
}

// A training step's: the memory of the process is this and some MB for the program itself.
void PrintMemory(const MemoryPlan& plan, bool trains) {
  const int64_t activations = plan.bytes + plan.kept_bytes;
  const int64_t momentum = trains ? plan.gradient_bytes : 0;
  fmt::print(
      "\nMemory: {} for values, gradients of values and scratch ({} if nothing were shared)\n",
      Bytes(plan.bytes), Bytes(plan.bytes_apart));
  fmt::print("        {} for inputs, outputs and kept blobs\n", Bytes(plan.kept_bytes));
  fmt::print("        {} for parameters, {} for their gradients", Bytes(plan.param_bytes),
             Bytes(plan.gradient_bytes));
  if (trains) fmt::print(", {} for SGD's momentum (Adam has twice that)", Bytes(momentum));
  fmt::print("\nTotal:  {} for a {}: {} of activations and workspace, {} beside\n",
             Bytes(activations + plan.param_bytes + plan.gradient_bytes + momentum),
             trains ? "training step" : "forward pass", Bytes(activations),
             Bytes(plan.param_bytes + plan.gradient_bytes + momentum));
}

}  // namespace

int RunSummary(const Arguments& arguments) {
  if (arguments.empty()) throw UsageError("moka summary needs a net file");
  const Phase phase = ChosenPhase();
  Session session;
  NetDescription description = session.schema.ReadNet(arguments[0]);
  SetState(description);
  LogNotices(description.notices);
  NetOptions options;
  options.phase = phase;
  options.backward = options.phase == TRAIN;
  options.plan_only = true;
  const Net net(std::move(description), session.registry, session.context, options);
  fmt::print("{} ({} phase)\n\n", net.name().empty() ? arguments[0] : net.name(),
             options.phase == TRAIN ? "TRAIN" : "TEST");
  PrintLayers(net);
  PrintMemory(net.memory_plan(), RunsBackward(net));
  PrintPicture(net.memory_plan());
  return 0;
}

}  // namespace moka::tool
