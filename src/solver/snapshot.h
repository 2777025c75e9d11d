// Snapshots: where they go, and the .solverstate beside the weights.
#pragma once

#include <string>
#include <vector>

#include "io/stored_blob.h"
#include "io/wire_reader.h"
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
SnapshotNames NamesOfSnapshot(const std::string& stem);

// Throws Error if other readers could not read a file of this size.
void CheckSnapshotSize(const SnapshotImage& image);
// Writes and syncs them; the state names the others with their checksums. Throws Error.
void WriteSnapshot(const SnapshotImage& image, const SnapshotNames& names);

struct StoredState {
  SolverState state;                // without history
  std::vector<StoredBlob> history;  // to be read by ReadBlob
};
// Throws Error if the file is damaged or no .solverstate.
StoredState ScanSolverState(WireReader& reader);

// A snapshot whose files have been read and compared with their checksums.
struct StoredSnapshot {
  explicit StoredSnapshot(const std::string& path);  // of the state; throws Error
  WireReader reader;
  StoredState stored;
  std::string model;
  std::string averaged;  // empty if there is none
};

}  // namespace moka
