// Snapshots: where they go, and the .solverstate beside the weights.
#include "solver/snapshot.h"

#include <filesystem>
#include <optional>
#include <system_error>

#include "io/caffemodel.h"
#include "io/output_file.h"
#include "io/seal.h"
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

// Whether the weights are those that the state was saved with.
void CheckPartner(const std::string& path, std::optional<uint32_t> checksum,
                  const std::string& state_path) {
  WireReader reader(path);
  const std::optional<uint32_t> found = ScanCaffemodel(reader).checksum;
  if (!checksum || found == checksum) return;
  throw Error(state_path, ": it belongs to other weights than those in ", path,
              ": the checksum should be ", *checksum, ", there is ",
              found ? std::to_string(*found) : "none", "; was one of the files replaced?");
}

// Where the weights of a state lie: as it says, or else beside it. Throws Error.
std::string FindPartner(const std::string& name, std::optional<uint32_t> checksum,
                        const std::string& state_path) {
  const std::string beside =
      (fs::path(state_path).parent_path() / fs::path(name).filename()).string();
  std::optional<Error> problem;
  for (const std::string& path : {name, beside}) {
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored)) continue;
    try {
      CheckPartner(path, checksum, state_path);
      return path;
    } catch (const Error& error) {
      if (!problem) problem = error;
    }
  }
  if (problem) throw *problem;
  throw Error(state_path, ": its weights are missing, both ", name, " and ", beside);
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

SnapshotNames NamesOfSnapshot(const std::string& stem) {
  return {stem + ".caffemodel", stem + ".solverstate", stem + "_averaged.caffemodel"};
}

void CheckSnapshotSize(const SnapshotImage& image) {
  int64_t state = 0;
  for (const Tensor* values : image.history)
    state += BlobFieldBytes(kHistory, values->shape(), *values, nullptr);
  const int64_t model = CaffemodelBytes(image.net_name, image.model);
  for (const auto& [name, bytes] : {std::pair(".caffemodel", model), {".solverstate", state}}) {
    if (bytes <= kMostModelBytes) continue;
    throw Error("a ", name, " of this training would have ", bytes, " bytes, and one can have ",
                kMostModelBytes, " at most; snapshot_format: HDF5 has no such limit")
        .At("snapshot");
  }
}

void WriteSnapshot(const SnapshotImage& image, const SnapshotNames& names) {
  SolverState state = image.state;
  state.set_learned_net(names.model);
  state.set_model_checksum(WriteCaffemodel(names.model, image.net_name, image.model));
  if (!image.averaged.empty()) {
    state.set_averaged_net(names.averaged);
    state.set_averaged_checksum(WriteCaffemodel(names.averaged, image.net_name, image.averaged));
  }
  OutputFile file(names.state);
  file.Write(SealMark());  // first, so that no cut hides it
  file.Write(state.SerializeAsString());
  for (const Tensor* values : image.history)
    WriteBlobField(file, kHistory, values->shape(), *values, nullptr);
  file.Write(Seal(file.checksum()));
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
  const bool parsed = stored.state.ParseFromString(rest);
  CheckSeal(reader, parsed && state.sealed());
  if (!parsed || !state.has_iter()) FailNotAState(reader);
  if (state.iter() < 0) {
    throw Error(reader.path(), ": its iteration, ", state.iter(), ", lies before the first");
  }
  return stored;
}

StoredSnapshot::StoredSnapshot(const std::string& path)
    : reader(path), stored(ScanSolverState(reader)) {
  const SolverState& state = stored.state;
  std::optional<uint32_t> checksum;
  if (state.has_model_checksum()) checksum = state.model_checksum();
  model = FindPartner(state.learned_net(), checksum, path);
  if (state.has_averaged_net())
    averaged = FindPartner(state.averaged_net(), state.averaged_checksum(), path);
}

}  // namespace moka
