// Snapshots: where they go, and the .solverstate beside the weights.
#pragma once

#include <string>
#include <vector>

#include "io/stored_blob.h"
#include "io/wire_reader.h"
#include "moka/description.h"
#include "moka/solver.pb.h"
#include "moka/tensor.h"

namespace moka {

// PREFIX of `PREFIX_iter_100.caffemodel`: snapshot_prefix; or inside it, if it is a folder; or the
// solver file without its ending.
std::string SnapshotPrefix(const SolverDescription& solver);
// Throws Error if no file can be made there.
void CheckSnapshotPrefix(const std::string& prefix);

// `state` without history, then the history, which is never held twice.
void WriteSolverState(const std::string& path, const SolverState& state,
                      const std::vector<Tensor>& history);

struct StoredState {
  SolverState state;                // without history
  std::vector<StoredBlob> history;  // to be read by ReadBlob
};
// Throws Error if the file is damaged or no .solverstate.
StoredState ScanSolverState(WireReader& reader);
// Where the weights of a state lie: as it says, or else beside it. Throws Error.
std::string FindLearnedNet(const std::string& learned_net, const std::string& state_path);

}  // namespace moka
