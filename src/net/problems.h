// Collects what is wrong with the layers of a net, so that a user sees all of it at once.
#pragma once

#include <algorithm>
#include <exception>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "moka/description.h"
#include "moka/error.h"
#include "moka/registry.h"

namespace moka {

// `layer "s" (ReLU)`, and of a plugin's layer `layer "s" (Snake, plugin /path/libsnake.so)`. `type`
// may be null.
inline std::string LabelOf(const LayerDescription& layer, const LayerType* type) {
  if (type == nullptr || type->origin == "built in") return layer.Label();
  return "layer \"" + layer.common.name() + "\" (" + layer.common.type() + ", plugin " +
         type->origin + ")";
}

// In a catch block: what a layer threw that is no Error, as one. A plugin may throw anything.
inline Error ForeignError(const LayerDescription& layer, const LayerType* type) {
  Error error("threw something that is no std::exception");
  try {
    throw;
  } catch (const std::exception& foreign) {
    if (foreign.what() != nullptr) error = Error(foreign.what());
  } catch (...) {
  }
  return error.Prefix(LabelOf(layer, type) + ": ").SetPlace(layer.place);
}

// Runs `work`, a call into a layer, and lets nothing but Errors out.
template <typename F>
auto OnlyErrors(const LayerDescription& layer, const LayerType* type, const F& work) {
  try {
    return work();
  } catch (const Error&) {
    throw;
  } catch (...) {
    throw ForeignError(layer, type);
  }
}

// Runs `work`; whatever a layer throws comes out as an Error with the layer's label and place.
template <typename F>
void InLayer(const LayerDescription& layer, const LayerType* type, const F& work) {
  const auto told = [&](Error error) {
    error.Prefix(LabelOf(layer, type) + ": ");
    if (error.place().line == 0) error.SetPlace(layer.PlaceOf(error.field()));
    return error;
  };
  try {
    work();
  } catch (const Diverged&) {
    throw;
  } catch (const Error& error) {
    throw told(error);
  } catch (...) {
    throw ForeignError(layer, type);
  }
}

// Into the order of the file.
inline void SortByPlace(std::vector<Error>& errors) {
  std::stable_sort(errors.begin(), errors.end(), [](const Error& a, const Error& b) {
    return std::tie(a.place().line, a.place().column) < std::tie(b.place().line, b.place().column);
  });
}

class Problems {
 public:
  static constexpr size_t kMost = 20;

  // Runs `work`; false if it threw, which is noted with the layer's label and place.
  template <typename F>
  bool Try(const LayerDescription& layer, const LayerType* type, const F& work) {
    try {
      InLayer(layer, type, work);
      return true;
    } catch (const Error& error) {
      errors_.push_back(error);
      return false;
    }
  }
  void Add(const LayerDescription& layer, const Error& error) {
    Try(layer, nullptr, [&] { throw error; });
  }
  std::vector<Error> Take() { return std::move(errors_); }
  bool empty() const { return errors_.empty(); }
  // Throws ErrorList, in the order of the file, if there is any.
  void ThrowIfAny() {
    if (errors_.empty()) return;
    SortByPlace(errors_);
    if (const size_t count = errors_.size(); count > kMost) {
      errors_.resize(kMost, Error(""));
      errors_.push_back(Error("... and ", count - kMost, " more"));
    }
    throw ErrorList(std::move(errors_));
  }

 private:
  std::vector<Error> errors_;
};

}  // namespace moka
