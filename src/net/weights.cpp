// The learned values of a net, and reading them from a .caffemodel by layer name.
#include "moka/weights.h"

#include <cassert>

#include "io/caffemodel.h"
#include "moka/error.h"

namespace moka {
namespace {

std::string Blobs(size_t count) {
  return std::to_string(count) + (count == 1 ? " blob" : " blobs");
}

// Throws Error if the stored blobs are not those of our layer.
void CheckFit(const StoredLayer& stored, const Weights::Entry& entry, const std::string& file) {
  const std::string label = "layer \"" + entry.layer + "\"";
  if (stored.blobs.size() != entry.params.size()) {
    throw Error(label, " has ", Blobs(stored.blobs.size()), " in ", file, ", ", entry.params.size(),
                " in the net");
  }
  for (size_t i = 0; i < entry.params.size(); ++i) {
    const Shape& ours = entry.shapes[i];
    if (!stored.blobs[i].Fits(ours)) {
      throw Error(label, ": blob ", i, " is ", stored.blobs[i].shape, " in ", file, ", ", ours,
                  " in the net; to start it afresh, give the layer another name");
    }
  }
}

}  // namespace

const Weights::Entry* Weights::FindLayer(std::string_view layer) const {
  for (const Entry& entry : entries_) {
    if (entry.layer == layer) return &entry;
  }
  return nullptr;
}

std::shared_ptr<Param> Weights::Find(std::string_view layer, int index) const {
  const Entry* entry = FindLayer(layer);
  if (entry == nullptr || index < 0 || index >= static_cast<int>(entry->params.size())) {
    return nullptr;
  }
  return entry->params[static_cast<size_t>(index)];
}

void Weights::Add(const std::string& layer, int index, std::shared_ptr<Param> param,
                  const Shape& shape) {
  auto* entry = const_cast<Entry*>(FindLayer(layer));
  if (entry == nullptr) entry = &entries_.emplace_back(Entry{layer, {}, {}});
  assert(index == static_cast<int>(entry->params.size()));
  entry->params.push_back(std::move(param));
  entry->shapes.push_back(shape);
}

LoadReport LoadWeights(const std::string& path, Weights& weights) {
  WireReader reader(path);
  const std::vector<StoredLayer> stored = ScanCaffemodel(reader).layers;

  // All layers are checked before the first value changes.
  LoadReport report;
  std::vector<Error> errors;
  std::vector<std::pair<const StoredLayer*, const Weights::Entry*>> matches;
  for (const StoredLayer& layer : stored) {
    const Weights::Entry* entry = weights.FindLayer(layer.name);
    if (entry == nullptr) {
      report.ignored.push_back(layer.name);
      continue;
    }
    matches.emplace_back(&layer, entry);
    try {
      CheckFit(layer, *entry, path);
    } catch (const Error& error) {
      errors.push_back(error);
    }
  }
  if (errors.size() == 1) throw errors[0];
  if (!errors.empty()) throw ErrorList(std::move(errors));

  for (const auto& [layer, entry] : matches) {
    for (size_t i = 0; i < entry->params.size(); ++i) {
      ReadBlob(reader, layer->blobs[i], entry->params[i]->Change().values());
    }
  }
  for (const Weights::Entry& entry : weights.entries()) {
    bool found = false;
    for (const auto& match : matches) found = found || match.second == &entry;
    (found ? report.loaded : report.initial).push_back(entry.layer);
  }
  return report;
}

}  // namespace moka
