// One dataset of an HDF5 file. Nothing is believed before it is checked: files may be damaged.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "io/hdf5_file.h"
#include "moka/shape.h"

namespace moka {

// Floats and where they are.
struct Hdf5Floats {
  Shape shape;
  int64_t begin = -1;   // in the file; -1 if they are packed or in pieces, and HDF5 must read them
  int value_bytes = 4;  // 4 or 8
  bool big_endian = false;
};

// All throw Error with path, place and reason; none takes memory because the file says so.
class Hdf5Dataset : public Hdf5Object {
 public:
  // Refuses what has its values in other files, or packs them in other ways than gzip.
  explicit Hdf5Dataset(Hdf5Object object);

  const Shape& shape() const { return shape_; }
  Hdf5Floats Floats() const;  // of 32 or 64 bits
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
