// Snapshots: where they go, and the .solverstate beside the weights.
#include "solver/snapshot.h"

#include <filesystem>
#include <optional>
#include <system_error>

#include "io/output_file.h"
#include "io/system_calls.h"
#include "io/weights_file.h"
#include "moka/error.h"

namespace moka {
namespace {

namespace fs = std::filesystem;

// Whether the weights are those that the state was saved with.
void CheckPartner(const std::string& path, std::optional<uint32_t> checksum,
                  const std::string& state_path) {
  const std::optional<uint32_t> found = WeightsFile(path).checksum();
  if (!checksum || found == checksum) return;
  throw Error(state_path, ": it belongs to other weights than those in ", path,
              ": the checksum should be ", *checksum, ", there is ",
              found ? std::to_string(*found) : "none", "; was one of the files replaced?");
}

// Where the weights of a state lie: as it says, or else beside it. Throws Error.
std::string FindPartner(const std::string& name, std::optional<uint32_t> checksum,
                        const std::string& state_path) {
  if (name.empty()) {
    throw Error(state_path,
                ": it names no weights (learned_net); to begin with those that belong to "
                "it, give the .caffemodel as --weights");
  }
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
  if (fs::path(name).lexically_normal() == fs::path(beside).lexically_normal()) {
    throw Error(state_path, ": its weights are missing, ", name);
  }
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

SnapshotNames NamesOfSnapshot(const std::string& stem, bool hdf5) {
  const std::string end = hdf5 ? ".h5" : "";
  return {stem + ".caffemodel" + end, stem + ".solverstate" + end,
          stem + "_averaged.caffemodel" + end};
}

void CheckSnapshotSize(const SnapshotImage& image) {
  const int64_t model = CaffemodelBytes(image.net_name, image.model);
  for (const auto& [name, bytes] :
       {std::pair(".caffemodel", model), {".solverstate", StateBytes(image.history)}}) {
    if (bytes <= kMostModelBytes) continue;
    throw Error("a ", name, " of this training would have ", bytes, " bytes, and one can have ",
                kMostModelBytes, " at most; snapshot_format: HDF5 has no such limit")
        .At("snapshot");
  }
}

void WriteSnapshot(const SnapshotImage& image, const SnapshotNames& names) {
  SolverState state = image.state;
  std::vector<std::string> written;
  const auto write = [&](const std::string& path, const std::vector<LayerToWrite>& layers) {
    const uint32_t checksum = WriteWeightsFile(path, image.net_name, layers);
    written.push_back(path);
    return checksum;
  };
  try {
    state.set_learned_net(names.model);
    state.set_model_checksum(write(names.model, image.model));
    if (!image.averaged.empty()) {
      state.set_averaged_net(names.averaged);
      state.set_averaged_checksum(write(names.averaged, image.averaged));
    }
    WriteStateFile(names.state, state, image.history);
  } catch (...) {
    // Weights without a state only take room, and may be why there was none for the state.
    std::error_code ignored;
    if (!fs::exists(names.state, ignored)) {
      for (const std::string& path : written) Calls().unlink(path.c_str());
    }
    throw;
  }
}

StoredSnapshot::StoredSnapshot(const std::string& path) : file(path) {
  const SolverState& state = file.state();
  std::optional<uint32_t> checksum;
  if (state.has_model_checksum()) checksum = state.model_checksum();
  model = FindPartner(state.learned_net(), checksum, path);
  if (state.has_averaged_net())
    averaged = FindPartner(state.averaged_net(), state.averaged_checksum(), path);
}

}  // namespace moka
