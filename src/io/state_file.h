// The state of a training in a file, of either format: .solverstate, or .solverstate.h5 (HDF5).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/hdf5_state.h"
#include "io/stored_blob.h"
#include "io/wire_reader.h"
#include "moka/solver.pb.h"
#include "moka/tensor.h"

namespace moka {

// To be read. The format is what the file begins with, whatever its name.
class StateFile {
 public:
  // Throws Error if it is damaged by its checksum or otherwise, or no state.
  explicit StateFile(const std::string& path);

  const SolverState& state() const { return state_; }  // without history
  const std::vector<StoredBlob>& history() const { return history_; }
  void ReadHistory(size_t i, std::span<float> out);

 private:
  void ScanBinary();

  std::unique_ptr<WireReader> reader_;
  std::unique_ptr<Hdf5State> hdf5_;
  SolverState state_;
  std::vector<StoredBlob> history_;
};

// snapshot_prefix of a state, or "" if it has none. Reads no more of a binary one than its
// beginning. Throws Error as StateFile, where it notices.
std::string PrefixInState(const std::string& path);

// How long a binary file of this history will be, about: nothing else in it is long.
int64_t StateBytes(const std::vector<const Tensor*>& history);
// Writes `state` without history, then the history, in the format of the file's name; it is there
// only once it is whole. Throws Error.
void WriteStateFile(const std::string& path, const SolverState& state,
                    const std::vector<const Tensor*>& history);

}  // namespace moka
