// HDF5 weights (.caffemodel.h5): /data/LAYER/0, 1, ... are the blobs of a layer, /diff/LAYER/0, 1,
// ... their gradients.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/caffemodel.h"
#include "moka/shape.h"

namespace moka {

struct Hdf5Layer {
  std::string name;
  std::vector<BlobToWrite> blobs;
};

// Writes the file at `path` itself: that should be a temporary name, for the caller to sync, seal
// and rename. The attribute moka_sealed of the root says that bytes with a checksum must follow the
// HDF5 file. Layers without blobs are there as empty groups, as in Caffe's files; /diff is there
// if a blob has a gradient. Unlike Caffe, every layer has all its blobs, shared ones too. Throws
// Error with the system's or HDF5's reason; then a useless file may be left at `path`.
void WriteHdf5Weights(const std::string& path, const std::vector<Hdf5Layer>& layers);

struct StoredHdf5Layer {
  std::string name;
  // Caffe stores a shared param only at its owner: those in front of a later blob that are missing
  // have no shape here; those after the last one are not known at all.
  std::vector<std::optional<Shape>> blobs;
};

// The layers of a file, in the order in which they were made, or by name if the file does not tell
// (Caffe's do not). No values are read before Read. Bytes after the end of the HDF5 file do not
// matter.
class Hdf5Weights {
 public:
  // Throws Error with path, place in the file and reason: damaged, something else, a dataset that
  // is not of 32-bit or 64-bit floats, or whose values lie in another file.
  explicit Hdf5Weights(const std::string& path);
  ~Hdf5Weights();
  Hdf5Weights(Hdf5Weights&&) noexcept;
  Hdf5Weights& operator=(Hdf5Weights&&) noexcept;

  const std::vector<StoredHdf5Layer>& layers() const;
  bool sealed() const;  // by WriteHdf5Weights
  // The values of a blob; doubles are rounded. out.size() must be the count of its shape. Throws
  // Error.
  void Read(size_t layer, size_t blob, std::span<float> out) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace moka
