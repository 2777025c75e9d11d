// Snapshots: where they go, and the .solverstate beside the weights.
#include "solver/snapshot.h"

#include <filesystem>
#include <system_error>

#include "io/output_file.h"
#include "moka/error.h"

namespace moka {
namespace {

namespace fs = std::filesystem;

constexpr int kHistory = SolverState::kHistoryFieldNumber;
// Longer ones are in no state's fields, except history: the file is something else.
constexpr int64_t kMostFieldBytes = 1 << 20;

[[noreturn]] void FailNotAState(const WireReader& reader) {
  throw Error(reader.path(), ": is it a .solverstate? It does not look like one");
}

}  // namespace

std::string SnapshotPrefix(const SolverDescription& solver) {
  const fs::path file = solver.file.empty() ? fs::path("snapshot") : fs::path(solver.file);
  if (!solver.common.has_snapshot_prefix()) return fs::path(file).replace_extension().string();
  const fs::path prefix = solver.common.snapshot_prefix();
  std::error_code ignored;
  return fs::is_directory(prefix, ignored) ? (prefix / file.stem()).string() : prefix.string();
}

void CheckSnapshotPrefix(const std::string& prefix) {
  const std::string folder = fs::path(prefix).parent_path().string();
  std::error_code ignored;
  if (!folder.empty() && !fs::exists(folder, ignored)) {
    throw Error("there is no folder ", folder,
                " for snapshots; make it, or choose another snapshot_prefix")
        .At("snapshot_prefix");
  }
  try {
    OutputFile probe(prefix + "_iter_0.solverstate");
  } catch (Error& error) {
    error.Prefix("snapshots are not possible here: ").At("snapshot_prefix");
    throw;
  }
}

void WriteSolverState(const std::string& path, const SolverState& state,
                      const std::vector<Tensor>& history) {
  OutputFile file(path);
  file.Write(state.SerializeAsString());
  for (const Tensor& values : history)
    WriteBlobField(file, kHistory, values.shape(), values, nullptr);
  file.Commit();
}

StoredState ScanSolverState(WireReader& reader) {
  StoredState stored;
  std::string rest;  // all fields but history
  WireReader::Field field;
  reader.Seek(0);
  while (reader.Next(reader.size(), field)) {
    if (field.Is(kHistory, WireReader::kBytes)) {
      stored.history.push_back(ScanBlob(reader, field.begin, field.end));
    } else {
      if (field.end - field.at > kMostFieldBytes) FailNotAState(reader);
      std::string bytes(static_cast<size_t>(field.end - field.at), '\0');
      reader.Seek(field.at);
      reader.Read(bytes.data(), field.end - field.at);
      rest += bytes;
    }
    reader.Seek(field.end);
  }
  const SolverState& state = stored.state;
  if (!stored.state.ParseFromString(rest) || !state.has_iter()) FailNotAState(reader);
  if (state.iter() < 0) {
    throw Error(reader.path(), ": its iteration, ", state.iter(), ", lies before the first");
  }
  return stored;
}

std::string FindLearnedNet(const std::string& learned_net, const std::string& state_path) {
  const std::string beside =
      (fs::path(state_path).parent_path() / fs::path(learned_net).filename()).string();
  std::error_code ignored;
  for (const std::string& path : {learned_net, beside}) {
    if (fs::is_regular_file(path, ignored)) return path;
  }
  throw Error(state_path, ": its weights are missing, both ", learned_net, " and ", beside);
}

}  // namespace moka
