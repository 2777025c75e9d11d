// Where training examples come from: items by index, and what stands between them and a batch.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "moka/export.h"
#include "moka/shape.h"

namespace moka {

// Items by index, each an image (channels x height x width) and a label. Immutable after opening; read from any thread.
class MOKA_EXPORT DataSource {
 public:
  virtual ~DataSource();
  virtual int64_t size() const = 0;          // > 0
  virtual Shape item_shape() const = 0;      // channels x height x width
  // The item's values as stored (0..255 for bytes).
  virtual void Read(int64_t index, std::span<float> values) const = 0;
  virtual bool has_labels() const = 0;
  virtual int64_t label(int64_t index) const = 0;
  // For messages: "train-images-idx3-ubyte.gz item 17".
  virtual std::string Name(int64_t index) const = 0;
};

// MNIST's IDX files, plain or gzip: images (magic 2051) and, unless empty, labels (magic 2049). Throws Error: wrong magic (says
// when images and labels are swapped), truncated, trailing bytes, counts that differ.
MOKA_EXPORT std::unique_ptr<DataSource> OpenIdx(const std::string& images, const std::string& labels);
// CIFAR-10's binary files, plain or gzip, one after the other: records of 1 + 3072 bytes. Throws Error.
MOKA_EXPORT std::unique_ptr<DataSource> OpenCifar10(std::span<const std::string> paths);

}  // namespace moka
