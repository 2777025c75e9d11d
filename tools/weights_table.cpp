// What became of each layer when weights were read, as a table in the log.
#include "weights_table.h"

#include <fmt/format.h>
#include <glog/logging.h>

#include <algorithm>
#include <map>

#include "command.h"
#include "flags.h"

namespace moka::tool {
namespace {

// Of recurrent layers and the like, which have many blobs.
std::string ShapesText(const std::vector<Shape>& shapes) {
  constexpr size_t kMost = 4;
  std::string text;
  for (size_t i = 0; i < std::min(shapes.size(), kMost); ++i) {
    text += (i == 0 ? "" : ", ") + ToString(shapes[i]);
  }
  if (shapes.size() > kMost) text += fmt::format(", ... ({} blobs)", shapes.size());
  return text;
}

std::string FateText(const LayerReport& layer) {
  switch (layer.fate) {
    case LayerFate::kLoaded:
      return "loaded from " + layer.file;
    case LayerFate::kInitial:
      return "left at its initial values";
    case LayerFate::kSkipped:
      return fmt::format("skipped: {} in {}", ShapesText(layer.in_file), layer.file);
    case LayerFate::kIgnored:
      return "ignored: only in " + layer.file;
  }
  return "";
}

// "57 from a.caffemodel, 1 from b.caffemodel", where there are several files.
std::string ByFile(const LoadReport& report) {
  std::vector<std::string> files;
  std::map<std::string, int> counts;
  for (const LayerReport& layer : report.layers) {
    if (layer.fate != LayerFate::kLoaded) continue;
    if (counts[layer.file]++ == 0) files.push_back(layer.file);
  }
  if (files.size() < 2) return "";
  std::string text;
  for (const std::string& file : files) {
    text += fmt::format("{}{} from {}", text.empty() ? " (" : ", ", counts[file], file);
  }
  return text + ")";
}

std::string Summary(const LoadReport& report) {
  const auto count = [&](LayerFate fate) {
    return std::count_if(report.layers.begin(), report.layers.end(),
                         [&](const LayerReport& layer) { return layer.fate == fate; });
  };
  const auto loaded = count(LayerFate::kLoaded);
  return fmt::format("Weights: {} {} loaded{}, {} left at initial values, {} skipped, {} ignored",
                     loaded, loaded == 1 ? "layer" : "layers", ByFile(report),
                     count(LayerFate::kInitial), count(LayerFate::kSkipped),
                     count(LayerFate::kIgnored));
}

}  // namespace

OnMismatch ChosenOnMismatch() {
  if (FLAGS_on_mismatch == "error") return OnMismatch::kError;
  if (FLAGS_on_mismatch == "skip") return OnMismatch::kSkip;
  throw UsageError(fmt::format("--on_mismatch wants error or skip, not \"{}\"", FLAGS_on_mismatch));
}

std::vector<std::string> WeightsTable(const LoadReport& report) {
  // One name or list of shapes that is very long must not push the rest out of sight.
  constexpr size_t kWidest = 40;
  size_t name_width = 5, shapes_width = 6;
  for (const LayerReport& layer : report.layers) {
    name_width = std::max(name_width, std::min(layer.layer.size(), kWidest));
    const std::vector<Shape>& shapes = layer.shapes.empty() ? layer.in_file : layer.shapes;
    shapes_width = std::max(shapes_width, std::min(ShapesText(shapes).size(), kWidest));
  }
  const auto row = [&](const std::string& name, const std::string& shapes,
                       const std::string& fate) {
    return fmt::format("  {:<{}}  {:<{}}  {}", name, name_width, shapes, shapes_width, fate);
  };
  std::vector<std::string> lines = {row("layer", "shapes", "what became of it")};
  for (const LayerFate fate :
       {LayerFate::kLoaded, LayerFate::kInitial, LayerFate::kSkipped, LayerFate::kIgnored}) {
    for (const LayerReport& layer : report.layers) {
      if (layer.fate != fate) continue;
      const std::vector<Shape>& shapes = layer.shapes.empty() ? layer.in_file : layer.shapes;
      lines.push_back(row(layer.layer, ShapesText(shapes), FateText(layer)));
    }
  }
  lines.push_back(Summary(report));
  return lines;
}

void LogWeights(const LoadReport& report) {
  for (const std::string& line : WeightsTable(report)) LOG(INFO) << line;
}

}  // namespace moka::tool
