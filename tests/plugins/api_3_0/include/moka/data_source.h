// Where training examples come from: items by index.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "moka/export.h"
#include "moka/shape.h"

namespace moka {

class DataParameter;
class LayerSpec;

// Items by index, each an image (channels x height x width) and, if there are any, a label.
// Immutable after opening; read from any thread. The constructor of a source that is registered
// (Registry::AddDataSource) takes (const DataSpec&, const Message&...) and opens what it reads.
class MOKA_EXPORT DataSource {
 public:
  virtual ~DataSource();
  virtual int64_t size() const = 0;      // > 0
  virtual Shape item_shape() const = 0;  // channels x height x width
  // The item's values as bytes, if it is stored so; else empty, and Read gives them.
  virtual std::span<const uint8_t> Bytes(int64_t index) const;
  // The item's values as stored (0..255 for bytes).
  virtual void Read(int64_t index, std::span<float> values) const = 0;
  virtual bool has_labels() const;             // unless overridden: no
  virtual int64_t label(int64_t index) const;  // 0 or more
  // For messages: "train-images-idx3-ubyte.gz item 17"; unless overridden "item 17".
  virtual std::string Name(int64_t index) const;
  // Room for growth without breaking plugins: an optional interface by name and version, or
  // nullptr.
  virtual const void* Interface(const char* name, int version) const;
};

// What a net file says of the data that a source is to open. Borrowed for the constructor's time.
class MOKA_EXPORT DataSpec {
 public:
  DataSpec(const DataParameter& params, const LayerSpec& layer)
      : params_(&params), layer_(&layer) {}

  const DataParameter& params() const { return *params_; }  // moka/data.pb.h
  bool training() const;                                    // phase TRAIN
  // Where a file lies, as LayerSpec::FindFile. Throws Error at `field`, a path below data_param.
  std::string FindFile(const std::string& path, const std::string& field) const;
  // Where the files lie that `source` names. Throws Error also if there is none.
  std::vector<std::string> FindSources() const;

 private:
  const DataParameter* params_;
  const LayerSpec* layer_;
};

// The openers read whole files into memory, plain or gzip. They throw Error; its field is "source"
// or "labels", whichever is at fault.

// MNIST's IDX files: images (magic 2051) and, unless empty, labels (magic 2049). Throws Error:
// wrong magic (says when images and labels are swapped), no items, sizes beyond reason, truncated,
// trailing bytes, counts that differ. Format: http://yann.lecun.com/exdb/mnist/.
MOKA_EXPORT std::unique_ptr<DataSource> OpenIdx(const std::string& images,
                                                const std::string& labels);
// CIFAR-10's binary files, one after the other: records of a label (0..9) and 3 x 32 x 32 bytes.
// Throws Error: no whole number of records, a label beyond 9. Format:
// https://www.cs.toronto.edu/~kriz/cifar.html.
MOKA_EXPORT std::unique_ptr<DataSource> OpenCifar10(std::span<const std::string> paths);
// Whether a regular file, plain or gzip, begins as IDX files do. False if it cannot be read.
MOKA_EXPORT bool LooksLikeIdx(const std::string& path);

}  // namespace moka
