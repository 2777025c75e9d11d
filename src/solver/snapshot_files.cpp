// The snapshots of a training that lie in its folder.
#include "solver/snapshot_files.h"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>

#include "io/output_file.h"
#include "io/system_calls.h"
#include "moka/error.h"
#include "solver/snapshot.h"

namespace moka {
namespace {

namespace fs = std::filesystem;

// What the names of its files begin with: the folder may be spelled in several ways ("a//b").
std::string Start(const std::string& prefix) {
  return fs::path(prefix).filename().string() + "_iter_";
}

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
  const std::string state = file.string();
  return SnapshotFile{state, state.substr(0, state.size() - end.size()), iteration,
                      end == ".solverstate.h5"};
}

void Remove(const std::string& path) {
  if (Calls().unlink(path.c_str()) == 0 || errno == ENOENT) return;
  throw Error("cannot remove \"", path, "\": ", std::generic_category().message(errno));
}

bool IsNewer(const SnapshotFile& a, const SnapshotFile& b) { return a.iteration > b.iteration; }

bool IsAlive(int process) { return kill(process, 0) == 0 || errno != ESRCH; }

}  // namespace

std::vector<SnapshotFile> FindSnapshots(const std::string& prefix) {
  std::vector<SnapshotFile> found;
  for (const fs::path& file : FilesBeside(prefix)) {
    if (const auto snapshot = AsSnapshot(file, prefix)) found.push_back(*snapshot);
  }
  std::sort(found.begin(), found.end(),
            [](const SnapshotFile& a, const SnapshotFile& b) { return a.iteration > b.iteration; });
  return found;
}

std::string FindNewestWhole(const std::string& prefix, std::vector<std::string>& skipped) {
  std::vector<SnapshotFile> files = FindSnapshots(prefix);
  const std::vector<SnapshotFile> best = FindSnapshots(prefix + kBest);
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

void RemoveOldSnapshots(const std::string& prefix, int64_t iteration, int keep) {
  std::set<int64_t> kept;  // of one iteration there may be both formats
  for (const SnapshotFile& file : FindSnapshots(prefix)) {
    if (file.iteration > iteration) continue;
    if (kept.size() < static_cast<size_t>(keep)) kept.insert(file.iteration);
    if (kept.contains(file.iteration)) continue;
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
    const int writer = ours ? WriterOf(name) : 0;
    if (writer > 0 && !IsAlive(writer)) Calls().unlink(file.c_str());
  }
}

}  // namespace moka
