// The learned values of a net by layer name.
#include "moka/weights.h"

#include <cassert>

namespace moka {

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

}  // namespace moka
