// The snapshots of a training that lie in its folder.
#include "solver/snapshot_files.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>
#include <tuple>

#include "io/output_file.h"
#include "io/state_file.h"
#include "io/system_calls.h"
#include "moka/error.h"
#include "solver/snapshot.h"

namespace moka {
namespace {

namespace fs = std::filesystem;

// What the names of its files begin with.
std::string Start(const std::string& prefix) { return PrefixName(prefix) + "_iter_"; }

// Throws Error if the folder of the prefix cannot be read.
std::vector<fs::path> FilesBeside(const std::string& prefix) {
  const fs::path parent = fs::path(prefix).parent_path();
  const fs::path folder = parent.empty() ? fs::path(".") : parent;
  std::vector<fs::path> files;
  std::error_code code;
  fs::directory_iterator entry(folder, code);
  for (; !code && entry != fs::directory_iterator(); entry.increment(code)) {
    files.push_back(parent / entry->path().filename());
  }
  if (code) throw Error("cannot look for snapshots in \"", folder.string(), "\": ", code.message());
  return files;
}

// PREFIX_iter_N.solverstate or .solverstate.h5.
std::optional<SnapshotFile> AsSnapshot(const fs::path& file, const std::string& prefix) {
  const std::string name = file.filename().string(), start = Start(prefix);
  if (!name.starts_with(start)) return std::nullopt;
  int64_t iteration = 0;
  const char* last = name.data() + name.size();
  const auto [rest, problem] = std::from_chars(name.data() + start.size(), last, iteration);
  const std::string end(rest, last);
  if (problem != std::errc() || iteration < 0) return std::nullopt;
  if (end != ".solverstate" && end != ".solverstate.h5") return std::nullopt;
  SnapshotFile snapshot;
  snapshot.state = file.string();
  snapshot.stem = snapshot.state.substr(0, snapshot.state.size() - end.size());
  snapshot.iteration = iteration;
  snapshot.hdf5 = end == ".solverstate.h5";
  std::error_code gone;
  snapshot.written = fs::last_write_time(file, gone);
  return snapshot;
}

// Whether it may be one of the training; states that do not say may be anybody's.
bool Belongs(SnapshotFile& file, const std::string& training) {
  try {
    const std::string said = PrefixInState(file.state);
    return said.empty() || said == training;
  } catch (const Error&) {
    file.known = false;
    return true;
  }
}

void Remove(const std::string& path) {
  if (Calls().unlink(path.c_str()) == 0 || errno == ENOENT) return;
  throw Error("cannot remove \"", path, "\": ", std::generic_category().message(errno));
}

bool IsNewer(const SnapshotFile& a, const SnapshotFile& b) {
  return std::tie(a.iteration, a.written, b.state) > std::tie(b.iteration, b.written, a.state);
}

bool HasWeights(const SnapshotFile& file) {
  std::error_code ignored;
  return fs::is_regular_file(NamesOfSnapshot(file.stem, file.hdf5).model, ignored);
}

}  // namespace

std::string PrefixName(const std::string& prefix) { return fs::path(prefix).filename().string(); }

std::vector<SnapshotFile> FindSnapshots(const std::string& prefix, const std::string& training) {
  const std::string name = PrefixName(prefix);
  std::vector<SnapshotFile> found;
  for (const fs::path& file : FilesBeside(prefix)) {
    auto snapshot = AsSnapshot(file, prefix);
    if (!snapshot) continue;
    // Only these may be of two trainings, and are worth a look.
    if (name.ends_with(kBest) && !Belongs(*snapshot, training.empty() ? name : training)) continue;
    found.push_back(*snapshot);
  }
  std::sort(found.begin(), found.end(), IsNewer);
  return found;
}

std::string FindNewestWhole(const std::string& prefix, std::vector<std::string>& skipped) {
  std::vector<SnapshotFile> files = FindSnapshots(prefix);
  const std::vector<SnapshotFile> best = FindSnapshots(prefix + kBest, PrefixName(prefix));
  files.insert(files.end(), best.begin(), best.end());
  std::stable_sort(files.begin(), files.end(), IsNewer);
  std::string reasons;
  for (const SnapshotFile& file : files) {
    try {
      StoredSnapshot whole(file.state);
      return file.state;
    } catch (const Error& error) {
      skipped.emplace_back(error.what());
      reasons += "\n  " + skipped.back();
    }
  }
  if (skipped.empty()) return "";
  throw Error("none of the snapshots ", prefix, "_iter_N.solverstate is whole:", reasons,
              "\nto begin anew, remove them or choose another snapshot_prefix");
}

void RemoveOldSnapshots(const std::string& prefix, const SolverState& newest, int keep) {
  std::set<int64_t> kept;  // of one iteration there may be both formats
  for (const SnapshotFile& file : FindSnapshots(prefix, newest.snapshot_prefix())) {
    if (file.iteration > newest.iter() || !file.known || kept.contains(file.iteration)) continue;
    if (kept.size() < static_cast<size_t>(keep)) {
      if (HasWeights(file)) kept.insert(file.iteration);
      continue;
    }
    const SnapshotNames names = NamesOfSnapshot(file.stem, file.hdf5);
    Remove(names.state);  // first: a state without weights would look torn
    Remove(names.model);
    Remove(names.averaged);
  }
}

void RemoveLeftovers(const std::string& prefix) {
  for (const fs::path& file : FilesBeside(prefix)) {
    const std::string name = file.filename().string();
    const bool ours = name.starts_with(Start(prefix)) || name.starts_with(Start(prefix + kBest));
    if (ours) RemoveLeftover(file.string());
  }
}

}  // namespace moka
