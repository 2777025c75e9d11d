// Snapshots: where they go, and the .solverstate beside the weights.
#pragma once

#include <string>
#include <vector>

#include "io/state_file.h"
#include "moka/description.h"
#include "moka/solver.pb.h"
#include "moka/tensor.h"
#include "solver/snapshot_image.h"

namespace moka {

// PREFIX of `PREFIX_iter_100.caffemodel`: snapshot_prefix; or inside it, if it is a folder; or the
// solver file without its ending.
std::string SnapshotPrefix(const SolverDescription& solver);
// Throws Error if no file can be made there.
void CheckSnapshotPrefix(const std::string& prefix);

// The files of one snapshot. The state is there last, and only if all are whole.
struct SnapshotNames {
  std::string model, state;
  std::string averaged;  // of ema_decay
};
SnapshotNames NamesOfSnapshot(const std::string& stem, bool hdf5);

// Throws Error if other readers could not read a file of this size.
void CheckSnapshotSize(const SnapshotImage& image);
// Writes and syncs them; the state names the others with their checksums. Throws Error.
void WriteSnapshot(const SnapshotImage& image, const SnapshotNames& names);

// A snapshot whose files have been read and compared with their checksums.
struct StoredSnapshot {
  explicit StoredSnapshot(const std::string& path);  // of the state; throws Error
  StateFile file;
  std::string model;
  std::string averaged;  // empty if there is none
};

}  // namespace moka
