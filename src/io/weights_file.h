// A file of weights, of either format: .caffemodel, or .caffemodel.h5 (HDF5).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/caffemodel.h"
#include "io/hdf5_weights.h"
#include "io/wire_reader.h"

namespace moka {

// To be read. The format is what the file begins with, whatever its name.
class WeightsFile {
 public:
  // Throws Error if it is damaged by its checksum or otherwise, or no file of weights.
  explicit WeightsFile(const std::string& path);

  const std::string& path() const { return path_; }
  // Those that have blobs, in file order.
  const std::vector<StoredLayer>& layers() const { return model_.layers; }
  std::optional<uint32_t> checksum() const { return model_.checksum; }  // of a file by Moka
  void Read(size_t layer, size_t blob, std::span<float> out);

 private:
  std::string path_;
  std::unique_ptr<WireReader> reader_;
  std::unique_ptr<Hdf5Weights> hdf5_;
  std::vector<size_t> in_hdf5_;  // number of layers()[i] there
  StoredModel model_;
};

// Whether a file of this name is to be written as HDF5: "x.caffemodel.h5".
bool IsHdf5Name(const std::string& path);

// Writes it in the format of its name; it is there only once it is whole. Returns its checksum.
// Throws Error.
uint32_t WriteWeightsFile(const std::string& path, const std::string& net_name,
                          const std::vector<LayerToWrite>& layers);

}  // namespace moka
