// Training: builds the nets, runs the loop.
#include "moka/solver.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "solver/outputs.h"
#include "solver/snapshot.h"
#include "solver/snapshot_files.h"
#include "solver/solver_impl.h"
#include "solver/solver_nets.h"

namespace moka {

SolverObserver::~SolverObserver() = default;
void SolverObserver::OnStart(const Solver&) {}
void SolverObserver::OnIteration(const IterationReport&) {}
void SolverObserver::OnTestStart(int64_t, int) {}
void SolverObserver::OnTest(const TestReport&) {}
void SolverObserver::OnSnapshotStart(const std::string&, const std::string&) {}
void SolverObserver::OnSnapshot(const std::string&, const std::string&) {}
void SolverObserver::OnSnapshotFailed(int64_t, const std::string&) {}
void SolverObserver::OnOldSnapshotStays(int64_t, const std::string&) {}
void SolverObserver::OnBest(int64_t, const std::string&, double) {}
void SolverObserver::OnEarlyStop(int64_t, const std::string&, double, int64_t) {}
void SolverObserver::OnEnd(int64_t, double, bool) {}

namespace {

// A training that changes nothing is a mistake in the net file, and would look like success.
void CheckSomethingLearns(const Net& net) {
  for (int i = 0; i < net.layer_count(); ++i) {
    if (net.layer(i).runs_backward) return;
  }
  Error error("net \"", net.name(), "\" has nothing to train: ",
              net.learned().empty() ? "no layer has learned params"
                                    : "no loss depends on the learned params");
  if (!net.description().file.empty()) error.SetPlace({net.description().file});
  throw error;
}

}  // namespace

Solver::Impl::Impl(const SolverDescription& given, const NetSchema& schema,
                   const Registry& registry, Context& context, int level,
                   const std::vector<std::string>& stages)
    : description(given),
      context(context),
      weights(std::make_shared<Weights>()),
      prefix_(SnapshotPrefix(given)),
      losses_(given.common.average_loss()) {
  CheckSolver(description, registry);
  rate_ = std::make_unique<RateSchedule>(s, registry);
  if (Snapshots()) {
    WithPlaces(description, [&] { CheckSnapshotPrefix(prefix_); });
  }
  if (s.random_seed() >= 0) context.set_seed(static_cast<uint64_t>(s.random_seed()));

  SolverNets nets = ReadSolverNets(description, schema, level, stages);
  NetOptions options;
  options.weights = weights;
  options.workspace = MakeWorkspace();  // the nets run in turn
  options.phase = nets.train.state.phase();
  net = std::make_unique<Net>(std::move(nets.train), registry, context, options);
  CheckSomethingLearns(*net);
  for (NetDescription& test : nets.test) {
    options.phase = test.state.phase();
    options.backward = false;
    test_nets.push_back(std::make_unique<Net>(std::move(test), registry, context, options));
  }
  updater = std::make_unique<Updater>(s, registry, net->learned(), context);
  if (s.ema_decay() > 0) {
    average_ = std::make_unique<WeightAverage>(s.ema_decay(), net->learned(), context);
  }
  WithPlaces(description, [&] {
    if (s.has_snapshot_best()) best_ = std::make_unique<BestTest>(s, test_nets);
    if (Snapshots() && s.snapshot_format() != SolverParameter::HDF5) CheckSizes();
  });
}

bool Solver::Impl::Snapshots() const {
  return s.snapshot() > 0 || s.snapshot_after_train() || s.has_snapshot_best();
}

std::vector<std::string> Solver::Impl::EarlierSnapshots() const {
  std::vector<std::string> states;
  if (!Snapshots()) return states;
  for (const SnapshotFile& file : FindSnapshots(prefix_)) states.push_back(file.state);
  return states;
}

std::string Solver::Impl::BestWeights() const {
  if (!best_ || !best_->state().any) return "";
  const std::string stem = prefix_ + kBest + "_iter_" + std::to_string(best_->state().iteration);
  for (const bool hdf5 : {false, true}) {
    const SnapshotNames names = NamesOfSnapshot(stem, hdf5);
    const std::string& weights_file = average_ ? names.averaged : names.model;
    std::error_code ignored;
    if (std::filesystem::exists(weights_file, ignored)) return weights_file;
  }
  return "";
}

std::string Solver::Impl::AveragedWeights(const std::string& state_path) const {
  const bool hdf5 = state_path.ends_with(".h5");
  const size_t end = state_path.rfind(".solverstate");
  return average_ ? NamesOfSnapshot(state_path.substr(0, end), hdf5).averaged : "";
}

// Better now than when the first one is due.
void Solver::Impl::CheckSizes() {
  SnapshotImage image;
  FillImage(image);
  CheckSnapshotSize(image);
}

bool Solver::Impl::Solve(Solver& solver, const Request& request) {
  if (!s.has_max_iter()) {
    WithPlaces(description, [] { throw Error("max_iter is missing").At("max_iter"); });
  }
  for (SolverObserver* observer : observers) observer->OnStart(solver);
  displayed_time_ = std::chrono::steady_clock::now();
  displayed_iteration_ = iteration;
  bool stopped = false;
  try {
    stopped = Loop(request);
  } catch (...) {
    WaitForSnapshot();  // or nobody would be told what became of it
    throw;
  }
  for (SolverObserver* observer : observers) observer->OnEnd(iteration, losses_.Mean(), stopped);
  return !stopped;
}

// Whether it was stopped.
bool Solver::Impl::Loop(const Request& request) {
  ReserveSnapshot();
  bool stopped = false, early = false;
  while (iteration < s.max_iter() && !stopped && !early) {
    if (TestDue() && (iteration > 0 || s.test_initialization())) {
      stopped = !TestAll(request);
      early = !stopped && StopsEarly();
      if (stopped || early) break;
    }
    Iterate(s.display() > 0 && iteration % s.display() == 0);
    if (const auto result = writer_.Poll()) Tell(*result);
    stopped = !HandleRequest(request);
    if (s.snapshot() > 0 && iteration % s.snapshot() == 0 && snapshot_at_ != iteration) {
      const bool last = stopped || iteration >= s.max_iter();
      last ? Snapshot() : BeginSnapshot("", s.snapshot_keep());
    }
  }
  if (s.snapshot_after_train()) {
    WaitForSnapshot();  // if it failed, it is written anew
    if (snapshot_at_ != iteration) Snapshot();
  } else {
    CheckLearned();
    FinishSnapshot();
  }
  if (!stopped && !early) LastPasses(request, stopped);
  FinishSnapshot();
  return stopped;
}

double Solver::Impl::Iterate(bool display) {
  double loss = 0;
  bool finite = true;
  for (int i = 0; i < s.iter_size(); ++i) {
    loss += Forward();
    // The sums show it; the norm does, too.
    finite = Backward(i > 0, i + 1 == s.iter_size() && !updater->clips());
  }
  loss /= s.iter_size();
  const double norm = updater->clips() ? updater->GradientNorm() : 0;
  if (!finite || !std::isfinite(norm)) DivergeAtGradients();

  losses_.Add(loss);
  rate_->Observe(iteration, losses_.Mean());
  const float rate = rate_->At(iteration);
  Report(loss, rate, display);
  updater->Apply(rate, iteration, norm);
  if (average_) average_->Update();
  ++iteration;
  return loss;
}

void Solver::Impl::Report(double loss, float rate, bool display) {
  if (observers.empty()) return;
  const auto now = std::chrono::steady_clock::now();
  IterationReport report;
  report.iteration = iteration;
  report.loss = loss;
  report.smoothed_loss = losses_.Mean();
  report.rate = rate;
  report.display = display;
  report.seconds = std::chrono::duration<double>(now - displayed_time_).count();
  report.iterations = iteration - displayed_iteration_;
  if (display) {
    report.outputs = ReadOutputs(*net);
    displayed_time_ = now;
    displayed_iteration_ = iteration;
  }
  for (SolverObserver* observer : observers) observer->OnIteration(report);
}

// Does what is asked for; false: stop.
bool Solver::Impl::HandleRequest(const Request& request) {
  const SolverRequest wanted = request ? request() : SolverRequest::kNone;
  if (wanted == SolverRequest::kSnapshot) BeginSnapshot("", s.snapshot_keep());
  return wanted != SolverRequest::kStop;
}

Solver::Solver(const SolverDescription& description, const NetSchema& schema,
               const Registry& registry, Context& context, int level,
               const std::vector<std::string>& stages)
    : impl_(std::make_unique<Impl>(description, schema, registry, context, level, stages)) {}
Solver::~Solver() = default;

LoadReport Solver::LoadWeights(const std::string& path) {
  return impl_->LoadWeights({path}, OnMismatch::kError);
}
LoadReport Solver::LoadWeights(const std::vector<std::string>& files, OnMismatch on_mismatch) {
  return impl_->LoadWeights(files, on_mismatch);
}
void Solver::Restore(const std::string& state_path) { impl_->Restore(state_path); }
ResumeReport Solver::ResumeNewest() { return impl_->ResumeNewest(); }
std::vector<std::string> Solver::EarlierSnapshots() const { return impl_->EarlierSnapshots(); }
std::string Solver::BestWeights() const { return impl_->BestWeights(); }
std::string Solver::AveragedWeights(const std::string& state_path) const {
  return impl_->AveragedWeights(state_path);
}
void Solver::Snapshot() { impl_->Snapshot(); }

bool Solver::Solve(const std::function<SolverRequest()>& request) {
  return impl_->Solve(*this, request);
}

double Solver::Step(int64_t iterations) {
  double loss = 0;
  for (int64_t i = 0; i < iterations; ++i) loss = impl_->Iterate(false);
  return loss;
}

TestReport Solver::Test(int net) { return impl_->Test(net); }

void Solver::CheckNumerics(bool on) {
  impl_->net->CheckNumerics(on);
  for (const auto& test : impl_->test_nets) test->CheckNumerics(on);
}

int64_t Solver::iteration() const { return impl_->iteration; }
const SolverParameter& Solver::param() const { return impl_->s; }
Net& Solver::net() { return *impl_->net; }
const Net& Solver::net() const { return *impl_->net; }
int Solver::test_net_count() const { return static_cast<int>(impl_->test_nets.size()); }
Net& Solver::test_net(int i) { return *impl_->test_nets.at(static_cast<size_t>(i)); }
void Solver::AddObserver(SolverObserver* observer) { impl_->observers.push_back(observer); }

}  // namespace moka
