// One group of an HDF5 file: what is in it, opening it and adding to it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/hdf5_dataset.h"
#include "io/hdf5_file.h"
#include "moka/shape.h"
#include "moka/tensor.h"

namespace moka {

// All throw Error with path, place and reason. What is opened stands in this group by itself: links
// to elsewhere, in this file or another, are refused.
class Hdf5Group : public Hdf5Object {
 public:
  explicit Hdf5Group(const Hdf5File& file);  // the root

  // In the order in which they were added, if the file tells; or else by name.
  std::vector<std::string> Names() const;
  bool Has(const std::string& name) const;
  Hdf5Group OpenGroup(const std::string& name) const;
  Hdf5Dataset OpenDataset(const std::string& name) const;

  Hdf5Group AddGroup(const std::string& name) const;
  void AddFloats(const std::string& name, const Shape& shape, const Tensor& values) const;
  void AddInteger(const std::string& name, int32_t value) const;  // an array of one, as in Caffe
  void AddString(const std::string& name, const std::string& text) const;
  void AddBytes(const std::string& name, std::string_view bytes) const;

 private:
  explicit Hdf5Group(Hdf5Object object) : Hdf5Object(std::move(object)) {}
  Hdf5Object Open(const std::string& name, H5I_type_t kind, const char* wanted) const;
  std::string PlaceOf(const std::string& name) const;
  void Add(const std::string& name, hid_t file_type, hid_t memory_type, const Hdf5Handle& space,
           const void* values) const;
};

// Makes a sealed file of what `fill` adds to its root, in a child process.
void WriteHdf5(const std::string& path, const std::function<void(const Hdf5Group& root)>& fill);

}  // namespace moka
