// Reading weights from .caffemodel files by layer name: what fits, what does not, and what is said
// of it.
#include <algorithm>
#include <deque>
#include <map>

#include "io/weights_file.h"
#include "math/finite.h"
#include "moka/error.h"
#include "moka/weights.h"

namespace moka {
namespace {

constexpr const char* kWaysOut =
    "give the layer another name to start it afresh, keep its initial values with "
    "--on_mismatch=skip, or make its shape that of the file (num_output, for example)";

// A layer of a file that the net has too.
struct Match {
  const StoredLayer* stored = nullptr;
  const Weights::Entry* entry = nullptr;
  std::string misfit;  // why it cannot be taken, or ""
  bool taken = false;
};

struct WeightFile {
  explicit WeightFile(const std::string& path) : file(path), layers(file.layers()) {}
  WeightsFile file;
  const std::vector<StoredLayer>& layers;
  std::vector<Match> matches;
  std::vector<const StoredLayer*> others;  // that the net does not have
};

std::vector<Shape> ShapesOf(const StoredLayer& layer) {
  std::vector<Shape> shapes;
  for (const StoredBlob& blob : layer.blobs) shapes.push_back(blob.shape);
  return shapes;
}

std::string List(const std::vector<Shape>& shapes) {
  std::string text;
  for (const Shape& shape : shapes) text += (text.empty() ? "" : ", ") + ToString(shape);
  return text;
}

std::string Blobs(const std::vector<Shape>& shapes) {
  return std::to_string(shapes.size()) + (shapes.size() == 1 ? " blob (" : " blobs (") +
         List(shapes) + ")";
}

// Why the stored blobs are not those of our layer, or "".
std::string Misfit(const StoredLayer& stored, const Weights::Entry& entry,
                   const std::string& file) {
  const std::string label = "layer \"" + entry.layer + "\"";
  if (stored.blobs.size() != entry.params.size()) {
    return label + " has " + Blobs(ShapesOf(stored)) + " in " + file + ", " + Blobs(entry.shapes) +
           " in the net";
  }
  std::string text;
  for (size_t i = 0; i < entry.params.size(); ++i) {
    if (stored.blobs[i].Fits(entry.shapes[i])) continue;
    text += (text.empty() ? ": blob " : "; blob ") + std::to_string(i) + " is " +
            ToString(stored.blobs[i].shape) + " in " + file + ", " + ToString(entry.shapes[i]) +
            " in the net";
  }
  return text.empty() ? "" : label + text;
}

// "a", "b", "c" and 7 more
template <typename Layers, typename Name>
std::string Beginning(const Layers& layers, const Name& name) {
  constexpr size_t kMost = 5;
  std::string text;
  for (size_t i = 0; i < std::min(layers.size(), kMost); ++i) {
    text += (i == 0 ? "\"" : ", \"") + name(layers[i]) + "\"";
  }
  if (layers.size() > kMost) text += " and " + std::to_string(layers.size() - kMost) + " more";
  return text;
}

void FindMatches(const Weights& weights, WeightFile& file) {
  for (const StoredLayer& layer : file.layers) {
    const Weights::Entry* entry = weights.FindLayer(layer.name);
    if (entry == nullptr) {
      file.others.push_back(&layer);
    } else {
      file.matches.push_back({&layer, entry, Misfit(layer, *entry, file.file.path()), false});
    }
  }
  if (!file.matches.empty() || weights.entries().empty()) return;
  if (file.layers.empty()) throw Error(file.file.path(), ": no layer in it has values");
  throw Error(
      file.file.path(), ": none of its layers is in the net, and they are matched by name; it has ",
      Beginning(file.layers, [](const StoredLayer& layer) { return layer.name; }), ", the net ",
      Beginning(weights.entries(), [](const Weights::Entry& entry) { return entry.layer; }));
}

std::vector<Error> Misfits(const WeightFile& file) {
  std::vector<Error> errors;
  for (const Match& match : file.matches) {
    if (!match.misfit.empty()) errors.emplace_back(match.misfit);
  }
  return errors;
}

// One by one, and then, once, what can be done.
[[noreturn]] void RefuseMisfits(std::vector<Error> errors) {
  if (errors.size() == 1) throw errors[0].Suffix(std::string("; ") + kWaysOut);
  errors.emplace_back(std::string("for each of these: ") + kWaysOut);
  throw ErrorList(std::move(errors));
}

void RefuseIfNothingFits(const WeightFile& file) {
  std::vector<Error> errors = Misfits(file);
  if (errors.empty() || errors.size() < file.matches.size()) return;
  errors.insert(
      errors.begin(),
      Error(
          file.file.path(),
          ": none of the layers that the net has too fits; are these the weights of another net?"));
  throw ErrorList(std::move(errors));
}

void CheckMisfits(const std::deque<WeightFile>& files, OnMismatch on_mismatch) {
  std::vector<Error> errors;
  for (const WeightFile& file : files) {
    if (on_mismatch == OnMismatch::kSkip) RefuseIfNothingFits(file);
    for (Error& error : Misfits(file)) errors.push_back(std::move(error));
  }
  if (on_mismatch == OnMismatch::kError && !errors.empty()) RefuseMisfits(std::move(errors));
}

// The last one that fits, of each layer.
void ChooseTaken(std::deque<WeightFile>& files) {
  std::map<const Weights::Entry*, Match*> last;
  for (WeightFile& file : files) {
    for (Match& match : file.matches) {
      if (match.misfit.empty()) last[match.entry] = &match;
    }
  }
  for (const auto& [entry, match] : last) match->taken = true;
}

void ReadTaken(WeightFile& file, LoadReport& report) {
  for (const Match& match : file.matches) {
    if (!match.taken) continue;
    for (size_t i = 0; i < match.entry->params.size(); ++i) {
      Tensor& values = match.entry->params[i]->Change();
      file.file.Read(static_cast<size_t>(match.stored - file.layers.data()), i, values.values());
      if (AllFinite(values.values())) continue;
      report.not_finite.push_back("layer \"" + match.entry->layer + "\", blob " +
                                  std::to_string(i) + " of " + file.file.path() + ": " +
                                  HowManyNonFinite(values) + FirstNonFinite(values));
    }
  }
}

LayerReport Describe(const Match& match, LayerFate fate, const WeightFile& file) {
  return {match.entry->layer, fate, file.file.path(), match.entry->shapes, ShapesOf(*match.stored)};
}

void ReportEntry(const Weights::Entry& entry, const std::deque<WeightFile>& files,
                 LoadReport& report) {
  bool loaded = false, skipped = false;
  for (const WeightFile& file : files) {
    for (const Match& match : file.matches) {
      if (match.entry != &entry || (!match.taken && match.misfit.empty())) continue;
      report.layers.push_back(
          Describe(match, match.taken ? LayerFate::kLoaded : LayerFate::kSkipped, file));
      (match.taken ? loaded : skipped) = true;
    }
  }
  if (!loaded && !skipped)
    report.layers.push_back({entry.layer, LayerFate::kInitial, "", entry.shapes, {}});
  (loaded ? report.loaded : skipped ? report.skipped : report.initial).push_back(entry.layer);
}

}  // namespace

LoadReport LoadAllWeights(const std::vector<std::string>& files, Weights& weights,
                          OnMismatch on_mismatch) {
  // All layers are checked before the first value changes.
  std::deque<WeightFile> opened;  // which do not move
  for (const std::string& path : files) FindMatches(weights, opened.emplace_back(path));
  CheckMisfits(opened, on_mismatch);
  ChooseTaken(opened);

  LoadReport report;
  for (WeightFile& file : opened) ReadTaken(file, report);
  for (const Weights::Entry& entry : weights.entries()) ReportEntry(entry, opened, report);
  for (const WeightFile& file : opened) {
    for (const StoredLayer* layer : file.others) {
      report.layers.push_back(
          {layer->name, LayerFate::kIgnored, file.file.path(), {}, ShapesOf(*layer)});
      report.ignored.push_back(layer->name);
    }
  }
  return report;
}

LoadReport LoadWeights(const std::string& path, Weights& weights, OnMismatch on_mismatch) {
  return LoadAllWeights({path}, weights, on_mismatch);
}

}  // namespace moka
