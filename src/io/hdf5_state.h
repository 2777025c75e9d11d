// HDF5 states of training (.solverstate.h5): iter, current_step, learned_net, history/0, 1, ... as
// Caffe has them, and moka_state: all fields of SolverState but the history, serialised.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "moka/shape.h"
#include "moka/solver.pb.h"
#include "moka/tensor.h"

namespace moka {

// `state` without history. As WriteHdf5Weights: `path` is a temporary name, moka_sealed is set.
void WriteHdf5State(const std::string& path, const SolverState& state,
                    const std::vector<const Tensor*>& history);

class Hdf5State {
 public:
  // Throws Error as Hdf5Weights does; also if moka_state contradicts what Caffe reads.
  explicit Hdf5State(const std::string& path);
  ~Hdf5State();
  Hdf5State(Hdf5State&&) noexcept;
  Hdf5State& operator=(Hdf5State&&) noexcept;

  const SolverState& state() const;  // without history
  const std::vector<Shape>& history() const;
  bool sealed() const;
  // The values of one blob; out.size() must be the count of its shape. Throws Error.
  void ReadHistory(size_t index, std::span<float> out) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace moka
