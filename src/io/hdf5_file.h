// An HDF5 file, its handles and its errors. For hdf5_*.cpp only, in the work of ReadApart and
// WriteApart: others have no HDF5 headers.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <string>
#include <string_view>

// Else the constants of the headers end the process if the library is of another release than they
// are; Hdf5File looks at that itself.
#undef H5CHECK
#define H5CHECK

namespace moka {

// One of HDF5's numbers for what is open, with the function that closes it.
class Hdf5Handle {
 public:
  using Closer = herr_t (*)(hid_t);

  Hdf5Handle() = default;
  Hdf5Handle(hid_t id, Closer closer) : id_(id), closer_(closer) {}
  Hdf5Handle(Hdf5Handle&& other) noexcept;
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept;
  ~Hdf5Handle() { Close(); }

  hid_t id() const { return id_; }
  bool good() const { return id_ >= 0; }
  bool Close();  // false if HDF5 refuses

 private:
  hid_t id_ = -1;
  Closer closer_ = nullptr;
};

// Something in a file, with what messages call it.
struct Hdf5Object {
  std::string path;   // of the file
  std::string place;  // in the file: "/data/ip1/0"; empty is the file
  Hdf5Handle handle;

  hid_t id() const { return handle.id(); }
  // "PATH: PLACE: WHAT"
  [[noreturn]] void Fail(const std::string& what) const;
  // "PATH: PLACE: WHAT: HDF5's reason"
  [[noreturn]] void FailForReason(const std::string& what) const;
};

class Hdf5File : public Hdf5Object {
 public:
  enum Mode { kRead, kCreate };

  // Throws Error: the system's reason; what is no HDF5 file; another release of the library.
  Hdf5File(const std::string& file_path, Mode mode);

  bool sealed() const { return sealed_; }  // the attribute moka_sealed is there
  void Seal();                             // sets it
  // Throws Error if not all could be written.
  void Close();

 private:
  void Open();
  void Create();

  bool sealed_ = false;
};

}  // namespace moka
