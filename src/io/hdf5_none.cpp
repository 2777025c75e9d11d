// HDF5 in a build without it: everything says so.
#include "io/hdf5.h"
#include "io/hdf5_state.h"
#include "io/hdf5_weights.h"
#include "moka/error.h"

namespace moka {

bool HasHdf5() { return false; }

void WriteHdf5Weights(const std::string& path, const std::vector<Hdf5Layer>&) {
  NeedHdf5("write", path);
}
void WriteHdf5State(const std::string& path, const SolverState&,
                    const std::vector<const Tensor*>&) {
  NeedHdf5("write", path);
}

// Never made: the constructors throw.
struct Hdf5Weights::Impl {
  std::vector<StoredHdf5Layer> layers;
};
Hdf5Weights::Hdf5Weights(const std::string& path) { NeedHdf5("read", path); }
Hdf5Weights::~Hdf5Weights() = default;
Hdf5Weights::Hdf5Weights(Hdf5Weights&&) noexcept = default;
Hdf5Weights& Hdf5Weights::operator=(Hdf5Weights&&) noexcept = default;
const std::vector<StoredHdf5Layer>& Hdf5Weights::layers() const { return impl_->layers; }
bool Hdf5Weights::sealed() const { return false; }
void Hdf5Weights::Read(size_t, size_t, std::span<float>) const {}

struct Hdf5State::Impl {
  SolverState state;
  std::vector<Shape> history;
};
Hdf5State::Hdf5State(const std::string& path) { NeedHdf5("read", path); }
Hdf5State::~Hdf5State() = default;
Hdf5State::Hdf5State(Hdf5State&&) noexcept = default;
Hdf5State& Hdf5State::operator=(Hdf5State&&) noexcept = default;
const SolverState& Hdf5State::state() const { return impl_->state; }
const std::vector<Shape>& Hdf5State::history() const { return impl_->history; }
bool Hdf5State::sealed() const { return false; }
void Hdf5State::ReadHistory(size_t, std::span<float>) const {}

}  // namespace moka
