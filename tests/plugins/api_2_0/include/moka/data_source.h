// Where training examples come from: items by index.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "moka/export.h"
#include "moka/shape.h"

namespace moka {

// Items by index, each an image (channels x height x width) and, if there are any, a label.
// Immutable after opening; read from any thread.
class MOKA_EXPORT DataSource {
 public:
  virtual ~DataSource();
  virtual int64_t size() const = 0;      // > 0
  virtual Shape item_shape() const = 0;  // channels x height x width
  // The item's values as bytes, if it is stored so; else empty, and Read gives them.
  virtual std::span<const uint8_t> Bytes(int64_t index) const = 0;
  // The item's values as stored (0..255 for bytes).
  virtual void Read(int64_t index, std::span<float> values) const = 0;
  virtual bool has_labels() const = 0;
  virtual int64_t label(int64_t index) const = 0;
  // For messages: "train-images-idx3-ubyte.gz item 17".
  virtual std::string Name(int64_t index) const = 0;
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
