// Reads an HDF5 file without trusting it: HDF5 looks at it in a child process and says what is
// where; values that lie there plainly are then read from the file itself.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/hdf5_dataset.h"
#include "io/hdf5_group.h"
#include "io/wire_reader.h"

namespace moka {

// A group of blobs, named 0, 1, 2, ...; those that are missing before the last are empty.
struct Hdf5Blobs {
  std::vector<std::string> groups;  // from the root: {"data", "ip1"}
  std::vector<std::optional<Hdf5Floats>> blobs;
};

struct Hdf5Contents {
  bool sealed = false;
  std::vector<Hdf5Blobs> parts;
  std::string state;  // a serialised SolverState, in a .solverstate.h5
};

// The datasets of a group; throws Error for anything in it that is not a blob of floats.
Hdf5Blobs ScanBlobs(const Hdf5Group& group, std::vector<std::string> groups);

class Hdf5Reader {
 public:
  // `scan` runs in the child; contents().sealed is set without it.
  Hdf5Reader(const std::string& path, const std::function<Hdf5Contents(const Hdf5File&)>& scan);

  const Hdf5Contents& contents() const { return contents_; }
  void Read(size_t part, size_t blob, std::span<float> out);

 private:
  void ReadPacked(const Hdf5Blobs& part, size_t blob, std::span<float> out) const;

  WireReader file_;
  Hdf5Contents contents_;
};

}  // namespace moka
