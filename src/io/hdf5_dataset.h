// One dataset of an HDF5 file. Nothing is believed before it is checked: files may be damaged.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "io/hdf5_file.h"
#include "moka/shape.h"

namespace moka {

// All throw Error with path, place and reason; none takes memory because the file says so.
class Hdf5Dataset : public Hdf5Object {
 public:
  // Refuses what has its values in other files, or packs them in other ways than gzip.
  explicit Hdf5Dataset(Hdf5Object object);

  const Shape& shape() const { return shape_; }
  void CheckFloats() const;  // of 32 or 64 bits
  void ReadFloats(std::span<float> out) const;
  int64_t ReadInteger() const;
  std::string ReadString() const;  // of a fixed length
  std::string ReadBytes() const;

 private:
  void CheckStorage() const;
  void CheckChunks(hid_t creation) const;
  void CheckPlaceInFile() const;
  void CheckSingle(const char* what) const;
  void Read(hid_t memory_type, void* out) const;

  Shape shape_;
  Hdf5Handle type_;
};

}  // namespace moka
