// The snapshots of a training that lie in its folder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace moka {

struct SnapshotFile {
  std::string state;  // PREFIX_iter_N.solverstate, or .solverstate.h5
  std::string stem;   // PREFIX_iter_N
  int64_t iteration = 0;
  bool hdf5 = false;
};

// All of one prefix, the newest first. Throws Error if the folder cannot be read.
std::vector<SnapshotFile> FindSnapshots(const std::string& prefix);

// Of snapshot_best: PREFIX_best_iter_N.
inline constexpr const char* kBest = "_best";

// The newest of them and of the best ones whose files are whole, or "". The newer ones are appended
// to `skipped`, with what is wrong. Throws Error if there are some, and none is whole.
std::string FindNewestWhole(const std::string& prefix, std::vector<std::string>& skipped);

// Leaves the `keep` newest of those up to `iteration`. Throws Error if one cannot be removed.
void RemoveOldSnapshots(const std::string& prefix, int64_t iteration, int keep);

// Removes the temporary files of a process that died while it wrote snapshots of this prefix.
void RemoveLeftovers(const std::string& prefix);

}  // namespace moka
