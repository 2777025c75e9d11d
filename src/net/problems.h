// Collects what is wrong with the layers of a net, so that a user sees all of it at once.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "moka/description.h"
#include "moka/error.h"

namespace moka {

class Problems {
 public:
  static constexpr size_t kMost = 20;

  // Adds the layer's label and the place of the error's field.
  void Add(const LayerDescription& layer, Error error) {
    error.Prefix(layer.Label() + ": ");
    if (error.place().line == 0) error.SetPlace(layer.PlaceOf(error.field()));
    if (errors_.size() < kMost) {
      errors_.push_back(std::move(error));
    } else {
      ++more_;
    }
  }
  bool empty() const { return errors_.empty(); }
  // Throws ErrorList, in the order of the file, if there is any.
  void ThrowIfAny() {
    if (errors_.empty()) return;
    std::stable_sort(errors_.begin(), errors_.end(), [](const Error& a, const Error& b) {
      return a.place().line < b.place().line;
    });
    if (more_ > 0) errors_.push_back(Error("... and ", more_, " more"));
    throw ErrorList(std::move(errors_));
  }

 private:
  std::vector<Error> errors_;
  int more_ = 0;  // than are kept
};

}  // namespace moka
