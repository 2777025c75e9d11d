// Snapshots of a training: everything that the next iteration depends on, so that a resumed run
// gives the same bits.
#include <set>

#include "io/caffemodel.h"
#include "solver/learning_rate.h"
#include "solver/snapshot.h"
#include "solver/solver_impl.h"

namespace moka {

std::vector<uint64_t> Solver::Impl::TestCounters() const {
  std::vector<uint64_t> counters;
  for (const auto& test : test_nets) counters.push_back(test->counter());
  return counters;
}

void Solver::Impl::SetTestCounters(const std::vector<uint64_t>& counters) {
  for (size_t i = 0; i < test_nets.size(); ++i) test_nets[i]->set_counter(counters[i]);
}

std::string Solver::Impl::SnapshotStem() const {
  return prefix_ + "_iter_" + std::to_string(iteration);
}

void Solver::Impl::Snapshot() {
  WriteSnapshot();
  TellOfSnapshot();
}

void Solver::Impl::TrySnapshot() {
  try {
    WriteSnapshot();
  } catch (const Error& error) {
    for (SolverObserver* observer : observers) observer->OnSnapshotFailed(iteration, error.what());
    return;
  }
  TellOfSnapshot();  // outside: what an observer throws is not caught
}

void Solver::Impl::TellOfSnapshot() {
  const std::string stem = SnapshotStem();
  for (SolverObserver* observer : observers) {
    observer->OnSnapshot(stem + ".caffemodel", stem + ".solverstate");
  }
}

void Solver::Impl::WriteSnapshot() {
  const std::string model = SnapshotStem() + ".caffemodel";
  SaveWeights(model, *net, s.snapshot_diff());

  SolverState state;
  state.set_iter(static_cast<int>(iteration));
  state.set_learned_net(model);
  state.set_current_step(CurrentStep(s, iteration));
  state.set_seed(context.seed());
  state.set_train_counter(net->counter());
  for (uint64_t counter :
       counters_before_tests_.empty() ? TestCounters() : counters_before_tests_) {
    state.add_test_counter(counter);
  }
  for (double loss : losses_.losses()) state.add_recent_loss(loss);
  WriteSolverState(SnapshotStem() + ".solverstate", state, updater->history());
  snapshot_at_ = iteration;
  last_state_ = SnapshotStem() + ".solverstate";
}

// Other weights: what was saved at this iteration is no longer what there is.
LoadReport Solver::Impl::LoadWeights(const std::vector<std::string>& files,
                                     OnMismatch on_mismatch) {
  LoadReport report = LoadAllWeights(files, *weights, on_mismatch);
  snapshot_at_ = -1;
  return report;
}

// Whether the history belongs to this net and rule.
void Solver::Impl::CheckFit(const StoredState& stored, const std::string& path) {
  const std::vector<Tensor>& history = updater->history();
  if (stored.history.size() != history.size()) {
    throw Error(path, ": the history has ", stored.history.size(),
                " blobs, this net and solver type need ", history.size());
  }
  for (size_t i = 0; i < history.size(); ++i) {
    if (stored.history[i].Fits(history[i].shape())) continue;
    throw Error(path, ": the history of ", updater->HistoryName(i), " is ", stored.history[i].shape,
                ", in the net it is ", history[i].shape());
  }
}

// Whether the file has values for every layer of this net that needs some.
void Solver::Impl::CheckComplete(const std::string& model) const {
  WireReader reader(model);
  std::set<std::string> there;
  for (const StoredLayer& layer : ScanCaffemodel(reader)) there.insert(layer.name);
  for (int i = 0; i < net->layer_count(); ++i) {
    const LayerInfo layer = net->layer(i);
    if (layer.params.empty() || there.count(layer.name) > 0) continue;
    throw Error(model, ": there are no values for layer \"", layer.name, "\" of the net");
  }
}

// All is checked before anything changes: after an error the solver is as it was.
void Solver::Impl::Restore(const std::string& path) {
  WireReader reader(path);
  const StoredState stored = ScanSolverState(reader);
  const SolverState& state = stored.state;
  CheckFit(stored, path);

  const std::string model = FindLearnedNet(state.learned_net(), path);
  CheckComplete(model);
  LoadWeights({model}, OnMismatch::kError);

  for (size_t i = 0; i < stored.history.size(); ++i) {
    ReadBlob(reader, stored.history[i], updater->history()[i].values());
  }
  iteration = state.iter();
  last_state_ = path;
  if (state.has_seed()) context.set_seed(state.seed());
  // Caffe's states have no counters: its data begins anew, ours goes on where the iterations stand.
  net->set_counter(state.has_train_counter()
                       ? state.train_counter()
                       : static_cast<uint64_t>(iteration) * static_cast<uint64_t>(s.iter_size()));
  if (static_cast<size_t>(state.test_counter_size()) == test_nets.size()) {
    SetTestCounters({state.test_counter().begin(), state.test_counter().end()});
  }
  counters_before_tests_.clear();  // there are some if a test threw
  losses_.Clear();
  for (double loss : state.recent_loss()) losses_.Add(loss);
}

}  // namespace moka
