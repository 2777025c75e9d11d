// One dataset of an HDF5 file.
#include "io/hdf5_dataset.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>
#include <vector>

#include "moka/error.h"

namespace moka {
namespace {

constexpr int64_t kMostStringBytes = 1 << 16;
constexpr int64_t kMostBytes = 1 << 24;
constexpr int64_t kSmallChunk = 1 << 20;  // bytes

// Only types of the standard: HDF5 allows floats and integers of any layout.
bool IsOneOf(hid_t type, std::initializer_list<hid_t> types) {
  return std::ranges::any_of(types, [&](hid_t other) { return H5Tequal(type, other) > 0; });
}

bool IsFloats(hid_t type) {
  return IsOneOf(type, {H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_IEEE_F32BE, H5T_IEEE_F64BE});
}

bool IsInteger(hid_t type) {
  return IsOneOf(type, {H5T_STD_I32LE, H5T_STD_I64LE, H5T_STD_I32BE, H5T_STD_I64BE, H5T_STD_U32LE,
                        H5T_STD_U64LE, H5T_STD_U32BE, H5T_STD_U64BE});
}

std::string Describe(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return "integers";
    case H5T_FLOAT:
      return "floats of " + std::to_string(8 * H5Tget_size(type)) + " bits";
    case H5T_STRING:
      return H5Tis_variable_str(type) > 0 ? "strings of any length" : "strings";
    case H5T_COMPOUND:
      return "compounds";
    default:
      return "values of another type";
  }
}

}  // namespace

Hdf5Dataset::Hdf5Dataset(Hdf5Object object) : Hdf5Object(std::move(object)) {
  CheckStorage();
  type_ = Hdf5Handle(H5Dget_type(id()), H5Tclose);
  const Hdf5Handle space(H5Dget_space(id()), H5Sclose);
  if (!type_.good() || !space.good()) FailForReason("damaged");
  if (H5Sget_simple_extent_type(space.id()) == H5S_NULL) Fail("it has no values");
  const int axes = H5Sget_simple_extent_ndims(space.id());
  if (axes < 0 || axes > H5S_MAX_RANK) FailForReason("damaged");
  std::array<hsize_t, H5S_MAX_RANK> dims = {};
  if (H5Sget_simple_extent_dims(space.id(), dims.data(), nullptr) < 0) FailForReason("damaged");
  std::vector<int64_t> sizes;
  for (int i = 0; i < axes; ++i)
    sizes.push_back(static_cast<int64_t>(dims[static_cast<size_t>(i)]));
  try {
    shape_ = Shape(sizes);
  } catch (const Error& error) {
    Fail(error.message());
  }
  CheckPlaceInFile();
}

// Before anything else is asked: HDF5 opens other files when it needs the extent of a virtual one.
void Hdf5Dataset::CheckStorage() const {
  const Hdf5Handle creation(H5Dget_create_plist(id()), H5Pclose);
  if (!creation.good()) FailForReason("damaged");
  const H5D_layout_t layout = H5Pget_layout(creation.id());
  if (layout == H5D_VIRTUAL || H5Pget_external_count(creation.id()) != 0) {
    Fail("its values lie in other files, which are not opened");
  }
  if (layout == H5D_CHUNKED) CheckChunks(creation.id());
  if (layout != H5D_CHUNKED && layout != H5D_CONTIGUOUS && layout != H5D_COMPACT) {
    FailForReason("damaged");
  }
}

void Hdf5Dataset::CheckChunks(hid_t creation) const {
  const int filters = H5Pget_nfilters(creation);
  if (filters < 0) FailForReason("damaged");
  for (int i = 0; i < filters; ++i) {
    size_t values = 0;
    unsigned flags = 0;
    const H5Z_filter_t filter = H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values,
                                               nullptr, 0, nullptr, nullptr);
    if (filter == H5Z_FILTER_DEFLATE || filter == H5Z_FILTER_SHUFFLE ||
        filter == H5Z_FILTER_FLETCHER32) {
      continue;
    }
    Fail("it is packed by filter " + std::to_string(filter) +
         ", which is not read; gzip, shuffle and fletcher32 are");
  }
}

// How many values there are and how many the shape has, before somebody makes room for them.
void Hdf5Dataset::CheckPlaceInFile() const {
  if (shape_.count() == 0 || H5Tis_variable_str(type_.id()) > 0) return;  // those are not read
  const size_t value_bytes = H5Tget_size(type_.id());
  int64_t bytes = 0;
  if (value_bytes == 0 || value_bytes > static_cast<size_t>(kMostBytes) ||
      __builtin_mul_overflow(shape_.count(), static_cast<int64_t>(value_bytes), &bytes)) {
    Fail("damaged: a shape of " + ToString(shape_) + " with values of " +
         std::to_string(value_bytes) + " bytes");
  }
  H5D_space_status_t status = H5D_SPACE_STATUS_NOT_ALLOCATED;
  if (H5Dget_space_status(id(), &status) < 0) FailForReason("damaged");
  if (status == H5D_SPACE_STATUS_NOT_ALLOCATED) Fail("its values were never written");

  const Hdf5Handle creation(H5Dget_create_plist(id()), H5Pclose);
  if (H5Pget_layout(creation.id()) == H5D_CHUNKED) {
    std::array<hsize_t, H5S_MAX_RANK> chunk = {};
    const int axes = H5Pget_chunk(creation.id(), H5S_MAX_RANK, chunk.data());
    int64_t chunk_bytes = static_cast<int64_t>(value_bytes);
    for (int i = 0; i < axes; ++i) {
      if (!__builtin_mul_overflow(chunk_bytes, static_cast<int64_t>(chunk[static_cast<size_t>(i)]),
                                  &chunk_bytes)) {
        continue;
      }
      chunk_bytes = INT64_MAX;
      break;
    }
    if (axes != shape_.axes() || chunk_bytes <= 0 || chunk_bytes > std::max(bytes, kSmallChunk)) {
      Fail("damaged: a chunk of " + std::to_string(chunk_bytes) + " bytes for " +
           std::to_string(bytes));
    }
    return;
  }
  const auto stored = static_cast<int64_t>(H5Dget_storage_size(id()));
  if (stored != bytes) {
    Fail("damaged: a shape of " + ToString(shape_) + " has " + std::to_string(bytes) +
         " bytes, there are " + std::to_string(stored));
  }
  const haddr_t begin = H5Dget_offset(id());
  if (begin == HADDR_UNDEF) return;  // compact: they were read with the rest
  const Hdf5Handle file(H5Iget_file_id(id()), H5Fclose);
  hsize_t size = 0;
  if (H5Fget_filesize(file.id(), &size) < 0) FailForReason("damaged");
  if (begin > size || static_cast<hsize_t>(bytes) > size - begin) {
    Fail("damaged: its " + std::to_string(bytes) + " bytes at " + std::to_string(begin) +
         " reach beyond the end of the file, at " + std::to_string(size));
  }
}

Hdf5Floats Hdf5Dataset::Floats() const {
  if (!IsFloats(type_.id())) {
    Fail("it holds " + Describe(type_.id()) + ", not floats of 32 or 64 bits");
  }
  Hdf5Floats floats;
  floats.shape = shape_;
  const haddr_t begin = H5Dget_offset(id());  // none for chunks and what is in the header
  if (begin != HADDR_UNDEF) floats.begin = static_cast<int64_t>(begin);
  floats.value_bytes = static_cast<int>(H5Tget_size(type_.id()));
  floats.big_endian = IsOneOf(type_.id(), {H5T_IEEE_F32BE, H5T_IEEE_F64BE});
  return floats;
}

void Hdf5Dataset::CheckSingle(const char* what) const {
  if (shape_.count() != 1) Fail("it holds " + ToString(shape_) + " values, not one " + what);
}

void Hdf5Dataset::Read(hid_t memory_type, void* out) const {
  if (H5Dread(id(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0) {
    FailForReason("its values cannot be read");
  }
}

void Hdf5Dataset::ReadFloats(std::span<float> out) const {
  Floats();
  if (static_cast<int64_t>(out.size()) != shape_.count()) {
    Fail("it holds " + std::to_string(shape_.count()) + " values, " + std::to_string(out.size()) +
         " are wanted");
  }
  if (!out.empty()) Read(H5T_NATIVE_FLOAT, out.data());
}

int64_t Hdf5Dataset::ReadInteger() const {
  if (!IsInteger(type_.id())) Fail("it holds " + Describe(type_.id()) + ", not an integer");
  CheckSingle("integer");
  int64_t value = 0;
  Read(H5T_NATIVE_INT64, &value);
  return value;
}

std::string Hdf5Dataset::ReadString() const {
  if (H5Tget_class(type_.id()) != H5T_STRING || H5Tis_variable_str(type_.id()) != 0) {
    Fail("it holds " + Describe(type_.id()) + ", not a string of a fixed length");
  }
  CheckSingle("string");
  const auto size = static_cast<int64_t>(H5Tget_size(type_.id()));
  if (size > kMostStringBytes) {
    Fail("a string of " + std::to_string(size) + " bytes; the longest that is read has " +
         std::to_string(kMostStringBytes));
  }
  std::string text(static_cast<size_t>(size) + 1, '\0');
  const Hdf5Handle memory_type(H5Tcopy(H5T_C_S1), H5Tclose);
  if (H5Tset_size(memory_type.id(), text.size()) < 0 ||
      H5Tset_cset(memory_type.id(), H5Tget_cset(type_.id())) < 0) {
    FailForReason("damaged");
  }
  Read(memory_type.id(), text.data());
  return text.substr(0, text.find('\0'));
}

std::string Hdf5Dataset::ReadBytes() const {
  if (!IsOneOf(type_.id(), {H5T_STD_U8LE, H5T_STD_U8BE})) {
    Fail("it holds " + Describe(type_.id()) + ", not bytes");
  }
  if (shape_.count() > kMostBytes) {
    Fail(std::to_string(shape_.count()) + " bytes; the most that are read are " +
         std::to_string(kMostBytes));
  }
  std::string bytes(static_cast<size_t>(shape_.count()), '\0');
  if (!bytes.empty()) Read(H5T_NATIVE_UCHAR, bytes.data());
  return bytes;
}

}  // namespace moka
