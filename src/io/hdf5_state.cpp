// HDF5 states of training (.solverstate.h5).
#include "io/hdf5_state.h"

#include <limits>

#include "io/hdf5_group.h"
#include "io/hdf5_reader.h"
#include "moka/error.h"

namespace moka {
namespace {

constexpr const char* kIteration = "iter";
constexpr const char* kCurrentStep = "current_step";
constexpr const char* kLearnedNet = "learned_net";
constexpr const char* kHistory = "history";
constexpr const char* kAll = "moka_state";

int32_t ReadInt32(const Hdf5Group& root, const char* name) {
  const Hdf5Dataset dataset = root.OpenDataset(name);
  const int64_t value = dataset.ReadInteger();
  if (value < 0 || value > std::numeric_limits<int32_t>::max()) {
    dataset.Fail(std::to_string(value) + " lies outside of 0 to 2147483647");
  }
  return static_cast<int32_t>(value);
}

// What Caffe reads and writes.
SolverState ReadCaffesFields(const Hdf5Group& root) {
  SolverState state;
  state.set_iter(ReadInt32(root, kIteration));
  if (root.Has(kLearnedNet)) state.set_learned_net(root.OpenDataset(kLearnedNet).ReadString());
  if (root.Has(kCurrentStep)) state.set_current_step(ReadInt32(root, kCurrentStep));
  return state;
}

SolverState ReadAllFields(const Hdf5Group& root, const SolverState& caffes) {
  const Hdf5Dataset dataset = root.OpenDataset(kAll);
  SolverState state;
  if (!state.ParseFromString(dataset.ReadBytes())) dataset.Fail("damaged: it is no SolverState");
  if (state.iter() != caffes.iter() || state.current_step() != caffes.current_step() ||
      state.learned_net() != caffes.learned_net()) {
    dataset.Fail("iter, current_step and learned_net are " + std::to_string(state.iter()) + ", " +
                 std::to_string(state.current_step()) + " and \"" + state.learned_net() +
                 "\" in it, beside it they are " + std::to_string(caffes.iter()) + ", " +
                 std::to_string(caffes.current_step()) + " and \"" + caffes.learned_net() +
                 "\"; another program changed the file");
  }
  state.clear_history();
  return state;
}

}  // namespace

void WriteHdf5State(const std::string& path, const SolverState& state,
                    const std::vector<const Tensor*>& history) {
  WriteHdf5(path, [&](const Hdf5Group& root) {
    root.AddInteger(kIteration, state.iter());
    root.AddString(kLearnedNet, state.learned_net());
    root.AddInteger(kCurrentStep, state.current_step());
    root.AddBytes(kAll, state.SerializeAsString());
    const Hdf5Group group = root.AddGroup(kHistory);
    for (size_t i = 0; i < history.size(); ++i) {
      group.AddFloats(std::to_string(i), history[i]->shape(), *history[i]);
    }
  });
}

namespace {

Hdf5Contents Scan(const Hdf5File& file) {
  const Hdf5Group root(file);
  if (!root.Has(kIteration) || !root.Has(kHistory)) {
    file.Fail(root.Has("data")
                  ? "this is a .caffemodel.h5; --weights reads it, and the state of training is in "
                    "the .solverstate.h5 beside it"
                  : "there are no iter and history in it; is it a .solverstate.h5?");
  }
  SolverState state = ReadCaffesFields(root);
  if (root.Has(kAll)) state = ReadAllFields(root, state);
  const Hdf5Group group = root.OpenGroup(kHistory);
  Hdf5Contents contents;
  contents.state = state.SerializeAsString();
  contents.parts.push_back(ScanBlobs(group, {kHistory}));
  const auto& blobs = contents.parts[0].blobs;
  for (size_t i = 0; i < blobs.size(); ++i) {
    if (blobs[i]) continue;
    group.Fail("of its " + std::to_string(blobs.size()) + " blobs, " + std::to_string(i) +
               " is missing");
  }
  return contents;
}

}  // namespace

struct Hdf5State::Impl {
  Hdf5Reader reader;
  SolverState state;
  std::vector<Shape> history;
};

Hdf5State::Hdf5State(const std::string& path) : impl_(new Impl{Hdf5Reader(path, Scan), {}, {}}) {
  const Hdf5Contents& contents = impl_->reader.contents();
  if (!impl_->state.ParseFromString(contents.state) || contents.parts.size() != 1) {
    throw Error(path, ": damaged, HDF5 fails on it");
  }
  for (const auto& blob : contents.parts[0].blobs) {
    impl_->history.push_back(blob ? blob->shape : Shape{0});
  }
}
Hdf5State::~Hdf5State() = default;
Hdf5State::Hdf5State(Hdf5State&&) noexcept = default;
Hdf5State& Hdf5State::operator=(Hdf5State&&) noexcept = default;

const SolverState& Hdf5State::state() const { return impl_->state; }

const std::vector<Shape>& Hdf5State::history() const { return impl_->history; }

bool Hdf5State::sealed() const { return impl_->reader.contents().sealed; }

void Hdf5State::ReadHistory(size_t index, std::span<float> out) const {
  impl_->reader.Read(0, index, out);
}

}  // namespace moka
