// The snapshots of a training that lie in its folder.
#include "solver/snapshot_files.h"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>
#include <system_error>

#include "io/output_file.h"
#include "io/system_calls.h"
#include "moka/error.h"
#include "solver/snapshot.h"

namespace moka {
namespace {

namespace fs = std::filesystem;

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

// N of PREFIX_iter_N.solverstate.
std::optional<int64_t> IterationOf(const fs::path& file, const std::string& prefix) {
  const std::string name = file.string(), start = prefix + "_iter_", end = ".solverstate";
  if (!name.starts_with(start) || !name.ends_with(end)) return std::nullopt;
  int64_t iteration = 0;
  const char* first = name.data() + start.size();
  const char* last = name.data() + name.size() - end.size();
  const auto [rest, problem] = std::from_chars(first, last, iteration);
  if (problem != std::errc() || rest != last || iteration < 0) return std::nullopt;
  return iteration;
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
    if (const auto iteration = IterationOf(file, prefix))
      found.push_back({file.string(), *iteration});
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
  int newer = 0;
  for (const SnapshotFile& file : FindSnapshots(prefix)) {
    if (file.iteration > iteration || newer++ < keep) continue;
    const std::string stem = fs::path(file.state).replace_extension().string();
    const SnapshotNames names = NamesOfSnapshot(stem);
    Remove(names.state);  // first: a state without weights would look torn
    Remove(names.model);
    Remove(names.averaged);
  }
}

void RemoveLeftovers(const std::string& prefix) {
  for (const fs::path& file : FilesBeside(prefix)) {
    const std::string name = file.string();
    const bool ours =
        name.starts_with(prefix + "_iter_") || name.starts_with(prefix + kBest + "_iter_");
    const int writer = ours ? WriterOf(name) : 0;
    if (writer > 0 && !IsAlive(writer)) Calls().unlink(name.c_str());
  }
}

}  // namespace moka
