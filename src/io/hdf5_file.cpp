// An HDF5 file, its handles and its errors.
#include "io/hdf5_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "io/hdf5.h"
#include "moka/error.h"

namespace moka {
namespace {

constexpr const char* kSealed = "moka_sealed";

// The innermost description of the last error: nearest to the cause.
std::string Reason() {
  std::string reason;
  const auto first = [](unsigned n, const H5E_error2_t* error, void* out) -> herr_t {
    if (n == 0 && error->desc != nullptr) *static_cast<std::string*>(out) = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first, &reason);
  // Where the system is to blame, HDF5 wraps its words in addresses and times.
  constexpr std::string_view kQuote = "error message = '";
  const size_t at = reason.find(kQuote);
  if (at != std::string::npos) {
    const size_t begin = at + kQuote.size();
    return reason.substr(begin, reason.find('\'', begin) - begin);
  }
  return reason.empty() ? "HDF5 gives no reason" : reason;
}

void CheckRelease() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  if (major == H5_VERS_MAJOR && minor == H5_VERS_MINOR) return;
  throw Error("Moka was built with HDF5 ", H5_VERS_MAJOR, ".", H5_VERS_MINOR,
              ", but the library that was found is ", major, ".", minor, ".", release);
}

// Reading and writing need no locks: nobody changes a snapshot, some file systems have none, and
// the temporary file that is written is locked already.
Hdf5Handle Access() {
  Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
#if H5_VERSION_GE(1, 10, 7)
  H5Pset_file_locking(access.id(), false, true);
#else
  setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);  // looked at whenever it opens a file
#endif
  return access;
}

}  // namespace

bool HasHdf5() { return true; }

Hdf5Handle::Hdf5Handle(Hdf5Handle&& other) noexcept
    : id_(std::exchange(other.id_, -1)), closer_(other.closer_) {}

Hdf5Handle& Hdf5Handle::operator=(Hdf5Handle&& other) noexcept {
  std::swap(id_, other.id_);
  std::swap(closer_, other.closer_);
  return *this;
}

bool Hdf5Handle::Close() {
  if (id_ < 0) return true;
  return closer_(std::exchange(id_, -1)) >= 0;
}

void Hdf5Object::Fail(const std::string& what) const {
  throw Error(path, ": ", place, place.empty() ? "" : ": ", what);
}

void Hdf5Object::FailForReason(const std::string& what) const { Fail(what + ": " + Reason()); }

Hdf5File::Hdf5File(const std::string& file_path, Mode mode) {
  path = file_path;
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // reasons go into Errors, not to stderr
  CheckRelease();
  if (mode == kRead) {
    Open();
  } else {
    Create();
  }
}

void Hdf5File::Open() {
  if (!IsHdf5File(path)) Fail("this is no HDF5 file");
  const Hdf5Handle access = Access();
  handle = Hdf5Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.id()), H5Fclose);
  if (!handle.good()) FailForReason("damaged, HDF5 cannot open it");
  const htri_t there = H5Aexists(id(), kSealed);
  if (there < 0) FailForReason("damaged, its attributes cannot be read");
  sealed_ = there > 0;
}

void Hdf5File::Create() {
  // The system's words, where HDF5 has many more.
  const int probe = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (probe < 0) throw Error("cannot write \"", path, "\": ", std::strerror(errno));
  close(probe);
  const Hdf5Handle access = Access();
  // The format of 1.8: all readers know it, and unlike the older one, which is what HDF5 writes
  // by itself, everything but the values has checksums.
  H5Pset_libver_bounds(access.id(), H5F_LIBVER_V18, H5F_LIBVER_V18);
  const Hdf5Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation.id(), false);  // the same weights are the same bytes
  handle = Hdf5Handle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.id(), access.id()), H5Fclose);
  if (!handle.good()) FailForReason("HDF5 cannot write it");
}

void Hdf5File::Seal() {
  const unsigned char one = 1;
  const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  Hdf5Handle attribute(
      H5Acreate2(id(), kSealed, H5T_STD_U8LE, space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!attribute.good() || H5Awrite(attribute.id(), H5T_NATIVE_UCHAR, &one) < 0 ||
      !attribute.Close()) {
    FailForReason("HDF5 cannot write it");
  }
  sealed_ = true;
}

void Hdf5File::Close() {
  if (H5Fflush(id(), H5F_SCOPE_LOCAL) < 0 || !handle.Close()) FailForReason("HDF5 cannot write it");
}

}  // namespace moka
