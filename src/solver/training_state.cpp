// Snapshots of a training: everything that the next iteration depends on, so that a resumed run
// gives the same bits.
#include <set>

#include "io/weights_file.h"
#include "net/save_weights.h"
#include "solver/learning_rate.h"
#include "solver/snapshot.h"
#include "solver/snapshot_files.h"
#include "solver/solver_impl.h"

namespace moka {
namespace {

// "ip1/0"
std::string Name(const Learned& learned) {
  return learned.layer + "/" + std::to_string(learned.index);
}

}  // namespace

std::vector<uint64_t> Solver::Impl::TestCounters() const {
  std::vector<uint64_t> counters;
  for (const auto& test : test_nets) counters.push_back(test->counter());
  return counters;
}

void Solver::Impl::SetTestCounters(const std::vector<uint64_t>& counters) {
  for (size_t i = 0; i < test_nets.size(); ++i) test_nets[i]->set_counter(counters[i]);
}

void Solver::Impl::Snapshot() {
  BeginSnapshot("", s.snapshot_keep(), true);
  const SnapshotResult result = *writer_.Wait();
  if (!result.written) {
    snapshot_at_ = -1;
    throw Error(result.problem);
  }
  Tell(result);
}

void Solver::Impl::BeginSnapshot(const std::string& kind, int keep, bool wait) {
  WaitForSnapshot();
  SnapshotJob job;
  job.prefix = prefix_ + kind;
  job.names = NamesOfSnapshot(job.prefix + "_iter_" + std::to_string(iteration),
                              s.snapshot_format() == SolverParameter::HDF5);
  job.keep = keep;
  FillImage(writer_.image());
  job.wait = wait || !writer_.Copy(context);
  if (job.wait || !writer_.image().finite()) CheckLearned();
  for (SolverObserver* observer : observers)
    observer->OnSnapshotStart(job.names.model, job.names.state);
  writer_.Start(job);
  if (kind.empty()) snapshot_at_ = iteration;
}

// If there is no memory, there may be some later, or the training waits for its snapshots.
void Solver::Impl::ReserveSnapshot() {
  WaitForSnapshot();
  const bool before_the_end =
      s.snapshot() > 0 && (iteration / s.snapshot() + 1) * s.snapshot() < s.max_iter();
  if (!before_the_end && !best_) return;
  FillImage(writer_.image());
  try {
    writer_.image().ReserveCopies();
  } catch (const Error&) {
  }
}

void Solver::Impl::WaitForSnapshot() {
  if (const auto result = writer_.Wait()) Tell(*result);
}

void Solver::Impl::FinishSnapshot() {
  const auto result = writer_.Wait();
  if (result && !result->written) throw Error(result->problem);
  if (result) Tell(*result);
}

void Solver::Impl::Tell(const SnapshotResult& result) {
  if (result.written) last_state_ = result.names.state;
  const bool is_best = result.prefix != prefix_;
  if (!result.written && !is_best && result.iteration == snapshot_at_) snapshot_at_ = -1;
  // The next test that is better than those before it is saved again.
  if (!result.written && is_best && best_->state().iteration == result.iteration)
    best_->set_state(best_before_);
  for (SolverObserver* observer : observers) {
    if (!result.written) {
      observer->OnSnapshotFailed(result.iteration, result.problem);
      continue;
    }
    observer->OnSnapshot(result.names.model, result.names.state);
    if (!result.problem.empty()) observer->OnOldSnapshotStays(result.iteration, result.problem);
  }
}

// Points to the values where they are.
void Solver::Impl::FillImage(SnapshotImage& image) {
  image.net_name = net->name();
  image.model = LayersToWrite(*net, s.snapshot_diff(), average_ ? average_->weights() : Places());
  image.averaged.clear();
  if (average_) image.averaged = LayersToWrite(*net, false, average_->mean());
  image.history.clear();
  for (const Tensor& values : updater->history()) image.history.push_back(&values);
  image.state = State();
}

SolverState Solver::Impl::State() const {
  SolverState state;
  state.set_iter(static_cast<int>(iteration));
  state.set_current_step(CurrentStep(s, iteration));
  state.set_solver_type(s.type());
  state.set_seed(context.seed());
  state.set_train_counter(net->counter());
  const BeforeTests now = tested_.iteration == iteration ? tested_ : Now();
  for (uint64_t counter : now.counters) state.add_test_counter(counter);
  if (now.best.any) {
    state.set_best_value(now.best.value);
    state.set_best_iter(now.best.iteration);
  }
  state.set_tests_since_best(now.best.tests_since);
  if (best_) state.set_best_of(best_->what());
  state.set_lr_policy(s.lr_policy());
  for (double loss : losses_.losses()) state.add_recent_loss(loss);
  for (double number : rate_->State()) state.add_policy_state(number);
  for (const Learned& learned : net->learned()) {
    state.add_history_of(Name(learned));
  }
  state.set_snapshot_prefix(PrefixName(prefix_));
  return state;
}

Solver::Impl::BeforeTests Solver::Impl::Now() const {
  return {iteration, TestCounters(), best_ ? best_->state() : BestTest::State()};
}

// Other weights: what was saved at this iteration is no longer what there is.
LoadReport Solver::Impl::LoadWeights(const std::vector<std::string>& files,
                                     OnMismatch on_mismatch) {
  LoadReport report = LoadAllWeights(files, *weights, on_mismatch);
  if (average_) average_->Begin();
  snapshot_at_ = -1;
  return report;
}

// Whether the history belongs to this net and rule.
void Solver::Impl::CheckFit(const StateFile& file, const std::string& path) {
  const SolverState& state = file.state();
  if (state.has_solver_type() && state.solver_type() != s.type()) {
    throw Error(path, ": it was saved by solver type \"", state.solver_type(), "\", this one is \"",
                s.type(), "\"; to go on with its weights alone, give the .caffemodel as --weights");
  }
  const std::vector<Tensor>& history = updater->history();
  if (file.history().size() != history.size()) {
    throw Error(path, ": the history has ", file.history().size(),
                " blobs, this net and solver type need ", history.size());
  }
  for (size_t i = 0; i < history.size(); ++i) {
    if (file.history()[i].Fits(history[i].shape())) continue;
    throw Error(path, ": the history of ", updater->HistoryName(i), " is ", file.history()[i].shape,
                ", in the net it is ", history[i].shape());
  }
}

// Whether the file has values for every layer of this net that needs some.
void Solver::Impl::CheckComplete(const std::string& model) const {
  const WeightsFile file(model);
  std::set<std::string> there;
  for (const StoredLayer& layer : file.layers()) there.insert(layer.name);
  for (int i = 0; i < net->layer_count(); ++i) {
    const LayerInfo layer = net->layer(i);
    if (layer.params.empty() || there.count(layer.name) > 0) continue;
    throw Error(model, ": there are no values for layer \"", layer.name, "\" of the net");
  }
}

// Whether the history's blobs belong to this net's params in their order.
void Solver::Impl::CheckOrder(const SolverState& state, const std::string& path) const {
  if (state.history_of_size() == 0) return;  // Caffe's
  for (int i = 0; i < static_cast<int>(net->learned().size()); ++i) {
    const std::string ours = Name(net->learned()[static_cast<size_t>(i)]);
    const std::string theirs = i < state.history_of_size() ? state.history_of(i) : "nothing";
    if (ours == theirs) continue;
    throw Error(path, ": it was saved with another net: where this one has the param ", ours,
                ", it has ", theirs);
  }
}

// All is checked before anything changes: after an error the solver is as it was, unless the files
// can no longer be read in the middle of their values.
void Solver::Impl::Restore(const std::string& path) {
  WaitForSnapshot();
  StoredSnapshot snapshot(path);
  const SolverState& state = snapshot.file.state();
  CheckFit(snapshot.file, path);
  std::vector<double> policy(state.policy_state().begin(), state.policy_state().end());
  if (state.has_lr_policy() && state.lr_policy() != s.lr_policy()) policy.clear();
  rate_->CheckState(policy, path);
  CheckComplete(snapshot.model);
  CheckOrder(state, path);
  if (average_ && !snapshot.averaged.empty()) {
    CheckComplete(snapshot.averaged);
    LoadWeights({snapshot.averaged}, OnMismatch::kError);  // the mean begins as these
  }
  LoadAllWeights({snapshot.model}, *weights);
  if (average_ && snapshot.averaged.empty()) average_->Begin();

  for (size_t i = 0; i < snapshot.file.history().size(); ++i) {
    snapshot.file.ReadHistory(i, updater->history()[i].values());
  }
  snapshot_at_ = -1;
  iteration = state.iter();
  rate_->SetState(policy);
  last_state_ = path;
  if (state.has_seed()) context.set_seed(state.seed());
  // Caffe's states have no counters: its data begins anew, ours goes on where the iterations stand.
  net->set_counter(state.has_train_counter()
                       ? state.train_counter()
                       : static_cast<uint64_t>(iteration) * static_cast<uint64_t>(s.iter_size()));
  if (static_cast<size_t>(state.test_counter_size()) == test_nets.size()) {
    SetTestCounters({state.test_counter().begin(), state.test_counter().end()});
  }
  if (best_ && state.best_of() == best_->what()) {
    best_->set_state(
        {state.has_best_value(), state.best_value(), state.best_iter(), state.tests_since_best()});
  }
  if (best_ && state.best_of() != best_->what()) best_->set_state({});  // of another output
  tested_ = {};
  losses_.Clear();
  for (double loss : state.recent_loss()) losses_.Add(loss);
}

ResumeReport Solver::Impl::ResumeNewest() {
  ResumeReport report;
  RemoveLeftovers(prefix_);
  report.state = FindNewestWhole(prefix_, report.skipped);
  if (!report.state.empty()) Restore(report.state);
  return report;
}

}  // namespace moka
