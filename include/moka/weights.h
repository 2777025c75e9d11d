// The learned values of a net, by layer and index, and their files.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "moka/export.h"
#include "moka/param.h"

namespace moka {

class Net;

// Shared by the train net and its test nets: whoever asks first makes the value, the others get the
// same one.
class MOKA_EXPORT Weights {
 public:
  struct Entry {
    std::string layer;
    std::vector<std::shared_ptr<Param>> params;  // in the order of `blobs`
    std::vector<Shape>
        shapes;  // in this layer: a value shared PERMISSIVE may have another elsewhere
  };

  // The value of (layer, index), or nullptr.
  std::shared_ptr<Param> Find(std::string_view layer, int index) const;
  // Appends value number `index` of `layer`, where it is of `shape`; index must be the count so
  // far.
  void Add(const std::string& layer, int index, std::shared_ptr<Param> param, const Shape& shape);
  // The entry of a layer, or nullptr.
  const Entry* FindLayer(std::string_view layer) const;
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

// What became of each layer when weights were read.
struct LoadReport {
  std::vector<std::string> loaded;   // layers of ours that got values
  std::vector<std::string> initial;  // layers of ours with params that the file does not have
  std::vector<std::string> ignored;  // layers of the file with blobs that we do not have
};

// Reads a .caffemodel (binary NetParameter, current format) into `weights` by layer name,
// streaming. Throws Error if the file is damaged or a layer's count or shapes of blobs differ (both
// are named); then `weights` is as it was.
MOKA_EXPORT LoadReport LoadWeights(const std::string& path, Weights& weights);
// Writes a .caffemodel: the net's layers with their parameters and values, and with their gradients
// if `diffs`. The file is there only once it is whole. Throws Error.
MOKA_EXPORT void SaveWeights(const std::string& path, const Net& net, bool diffs = false);

}  // namespace moka
