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

// What becomes of a layer when weights are read.
enum class LayerFate {
  kLoaded,   // it got the values of a file
  kInitial,  // no file has values for it: it keeps what it had
  kSkipped,  // a file has values for it, of other shapes: they were not taken
  kIgnored,  // it is in a file only
};

struct LayerReport {
  std::string layer;
  LayerFate fate = LayerFate::kInitial;
  std::string file;            // whose values these are; empty for kInitial
  std::vector<Shape> shapes;   // of its blobs in the net; none for kIgnored
  std::vector<Shape> in_file;  // and in the file; none for kInitial
};

// What became of each layer when weights were read.
struct LoadReport {
  std::vector<std::string> loaded;   // layers of ours that got values
  std::vector<std::string> initial;  // layers of ours with params that no file has
  std::vector<std::string> skipped;  // layers of ours that fit in no file that has them
  std::vector<std::string> ignored;  // layers of a file with blobs that we do not have
  // All of these: ours in the order of the net, then those of the files. A layer that was loaded
  // from one file and skipped in another one is there twice.
  std::vector<LayerReport> layers;
  // Blobs that were loaded with numbers that are not finite: `layer "ip", blob 0 of a.caffemodel: 1
  // of 6 values are not finite, the first nan at [0, 2]`.
  std::vector<std::string> not_finite;
};

// What to do with a layer that has another number of blobs in the file, or blobs of other shapes.
enum class OnMismatch { kError, kSkip };

// Reads .caffemodel files (binary NetParameter, current format) into `weights` by layer name,
// streaming; where several files have a layer, the last one that fits counts. Throws Error, and
// leaves `weights` as it was, if a file is damaged, none of its layers is in the net, or, unless
// told to skip them, layers do not fit (all are named, with their shapes), or none of its layers
// fits. A layer is taken as a whole or not at all.
MOKA_EXPORT LoadReport LoadAllWeights(const std::vector<std::string>& files, Weights& weights,
                                      OnMismatch on_mismatch = OnMismatch::kError);
// The same with one file.
MOKA_EXPORT LoadReport LoadWeights(const std::string& path, Weights& weights,
                                   OnMismatch on_mismatch = OnMismatch::kError);
// Writes a .caffemodel: the net's layers with their parameters and values, and with their gradients
// if `diffs`. The file is there only once it is whole. Throws Error.
MOKA_EXPORT void SaveWeights(const std::string& path, const Net& net, bool diffs = false);

}  // namespace moka
