// The state of a training in a file, of either format.
#include "io/state_file.h"

#include <new>

#include "io/hdf5.h"
#include "io/output_file.h"
#include "io/seal.h"
#include "io/weights_file.h"
#include "moka/error.h"

namespace moka {
namespace {

constexpr int kHistory = SolverState::kHistoryFieldNumber;
// Longer ones are in no state's fields, except history: the file is something else.
constexpr int64_t kMostFieldBytes = 1 << 20;
constexpr int64_t kMostBytes = 16 << 20;  // of all of them: what they take in memory is more

[[noreturn]] void FailNotAState(const WireReader& reader) {
  throw Error(reader.path(), ": is it a .solverstate? It does not look like one");
}

}  // namespace

StateFile::StateFile(const std::string& path) try : reader_(std::make_unique<WireReader>(path)) {
  if (!IsHdf5File(path)) {
    ScanBinary();
    return;
  }
  NeedHdf5("read", path);
  const bool sealed = CheckSeal(*reader_, false).has_value();  // before the library looks at it
  hdf5_ = std::make_unique<Hdf5State>(path);
  if (!sealed) CheckSeal(*reader_, hdf5_->sealed());
  state_ = hdf5_->state();
  for (const Shape& shape : hdf5_->history()) history_.emplace_back().shape = shape;
} catch (const std::bad_alloc&) {
  throw Error(path, ": there is not enough memory to read it");
}

void StateFile::ScanBinary() {
  std::string rest;  // all fields but history
  WireReader::Field field;
  WireReader& reader = *reader_;
  reader.Seek(0);
  while (reader.Next(reader.size(), field)) {
    if (field.Is(kHistory, WireReader::kBytes)) {
      history_.push_back(ScanBlob(reader, field.begin, field.end));
    } else {
      const int64_t bytes = field.end - field.at, before = static_cast<int64_t>(rest.size());
      if (bytes > kMostFieldBytes) FailNotAState(reader);
      if (before + bytes > kMostBytes) {
        throw Error(reader.path(), ": all but its history has more than ", kMostBytes,
                    " bytes; is it a .solverstate?");
      }
      rest.resize(static_cast<size_t>(before + bytes));
      reader.Seek(field.at);
      reader.Read(rest.data() + before, bytes);
    }
    reader.Seek(field.end);
  }
  const bool parsed = state_.ParseFromString(rest);
  CheckSeal(reader, parsed && state_.sealed());
  if (!parsed || !state_.has_iter()) FailNotAState(reader);
  if (state_.iter() < 0) {
    throw Error(reader.path(), ": its iteration, ", state_.iter(), ", lies before the first");
  }
}

void StateFile::ReadHistory(size_t i, std::span<float> out) {
  if (hdf5_ != nullptr) return hdf5_->ReadHistory(i, out);
  ReadBlob(*reader_, history_[i], out);
}

std::string PrefixInState(const std::string& path) {
  if (IsHdf5File(path)) return StateFile(path).state().snapshot_prefix();
  WireReader reader(path);
  WireReader::Field field;
  // WriteStateFile puts the history behind all others.
  while (reader.Next(reader.size(), field) && !field.Is(kHistory, WireReader::kBytes)) {
    if (field.Is(SolverState::kSnapshotPrefixFieldNumber, WireReader::kBytes)) {
      if (field.size() > kMostFieldBytes) FailNotAState(reader);
      return reader.ReadBytes(field);
    }
    reader.Seek(field.end);
  }
  return "";
}

int64_t StateBytes(const std::vector<const Tensor*>& history) {
  int64_t bytes = 0;
  for (const Tensor* values : history)
    bytes += BlobFieldBytes(kHistory, values->shape(), *values, nullptr);
  return bytes;
}

void WriteStateFile(const std::string& path, const SolverState& state,
                    const std::vector<const Tensor*>& history) {
  if (IsHdf5Name(path)) NeedHdf5("write", path);
  const auto bytes = static_cast<int64_t>(state.ByteSizeLong());
  if (bytes > kMostBytes) {
    throw Error("cannot write \"", path, "\": all but its history has ", bytes, " bytes, and ",
                kMostBytes, " are the most; is average_loss so large?");
  }
  OutputFile file(path);
  if (IsHdf5Name(path)) {
    WriteHdf5State(file.temporary(), state, history);
    file.Adopt();
  } else {
    file.Write(SealMark());  // first, so that no cut hides it
    file.Write(state.SerializeAsString());
    for (const Tensor* values : history)
      WriteBlobField(file, kHistory, values->shape(), *values, nullptr);
  }
  file.Write(Seal(file.checksum()));
  file.Commit();
}

}  // namespace moka
