// The snapshots of a training that lie in its folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "moka/solver.pb.h"

namespace moka {

// Of a prefix, without its folder, which may be spelled in several ways ("a//b").
std::string PrefixName(const std::string& prefix);

struct SnapshotFile {
  std::string state;  // PREFIX_iter_N.solverstate, or .solverstate.h5
  std::string stem;   // PREFIX_iter_N
  int64_t iteration = 0;
  bool hdf5 = false;
  bool known = true;  // whose it is; PREFIX_best_iter_N may be of PREFIX or of PREFIX_best
  std::filesystem::file_time_type written;
};

// All of one prefix, the newest first: the highest iteration, in it what was written last. Those
// whose state names another training than `training`, the name of a prefix, are left out; if that
// is empty, it is this one's. Throws Error if the folder cannot be read.
std::vector<SnapshotFile> FindSnapshots(const std::string& prefix,
                                        const std::string& training = "");

// Of snapshot_best: PREFIX_best_iter_N.
inline constexpr const char* kBest = "_best";

// The newest of them and of the best ones whose files are whole, or "". The newer ones are appended
// to `skipped`, with what is wrong. Throws Error if there are some, and none is whole.
std::string FindNewestWhole(const std::string& prefix, std::vector<std::string>& skipped);

// Leaves `newest` and as many before it as make `keep` with it; those whose weights are missing do
// not count. Newer ones stay. Throws Error if one cannot be removed.
void RemoveOldSnapshots(const std::string& prefix, const SolverState& newest, int keep);

// Removes the temporary files of processes that died while they wrote snapshots of this prefix.
void RemoveLeftovers(const std::string& prefix);

}  // namespace moka
