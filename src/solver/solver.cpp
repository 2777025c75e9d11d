// Training: builds the nets, runs the loop.
#include "moka/solver.h"

#include <algorithm>
#include <utility>

#include "solver/outputs.h"
#include "solver/snapshot.h"
#include "solver/solver_impl.h"
#include "solver/solver_nets.h"

namespace moka {

SolverObserver::~SolverObserver() = default;
void SolverObserver::OnStart(const Solver&) {}
void SolverObserver::OnIteration(const IterationReport&) {}
void SolverObserver::OnTestStart(int64_t, int) {}
void SolverObserver::OnTest(const TestReport&) {}
void SolverObserver::OnSnapshot(const std::string&, const std::string&) {}
void SolverObserver::OnSnapshotFailed(int64_t, const std::string&) {}
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
  if (s.snapshot() > 0 || s.snapshot_after_train()) {
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
}

bool Solver::Impl::Solve(Solver& solver, const Request& request) {
  if (!s.has_max_iter()) {
    WithPlaces(description, [] { throw Error("max_iter is missing").At("max_iter"); });
  }
  for (SolverObserver* observer : observers) observer->OnStart(solver);
  displayed_time_ = std::chrono::steady_clock::now();
  displayed_iteration_ = iteration;
  bool stopped = false;
  while (iteration < s.max_iter() && !stopped) {
    if (TestDue() && (iteration > 0 || s.test_initialization()) && !TestAll(request)) {
      stopped = true;
      break;
    }
    Iterate(s.display() > 0 && iteration % s.display() == 0);
    stopped = !HandleRequest(request);
    if (s.snapshot() > 0 && iteration % s.snapshot() == 0 && snapshot_at_ != iteration) {
      const bool last = stopped || iteration >= s.max_iter();
      last ? Snapshot() : TrySnapshot();
    }
  }
  if (s.snapshot_after_train() && snapshot_at_ != iteration) Snapshot();
  if (!stopped) LastPasses(request, stopped);
  for (SolverObserver* observer : observers) observer->OnEnd(iteration, losses_.Mean(), stopped);
  return !stopped;
}

// After the last update, what Caffe shows: the loss and a test with the final weights. A resumed
// run repeats both, so they leave no trace in what a snapshot holds.
void Solver::Impl::LastPasses(const Request& request, bool& stopped) {
  const uint64_t counter = net->counter();
  const double loss = Forward();
  net->set_counter(counter);
  if (s.display() > 0 && iteration % s.display() == 0) {
    IterationReport report;
    report.iteration = iteration;
    report.loss = loss;
    LossWindow window = losses_;
    window.Add(report.loss);
    report.smoothed_loss = window.Mean();
    report.rate = rate_->At(iteration);
    report.display = report.after_training = true;
    for (SolverObserver* observer : observers) observer->OnIteration(report);
  }
  if (!TestDue()) return;
  const std::vector<uint64_t> counters = TestCounters();
  stopped = !TestAll(request);
  SetTestCounters(counters);
}

bool Solver::Impl::TestDue() const {
  return !test_nets.empty() && iteration % s.test_interval() == 0;
}

double Solver::Impl::Iterate(bool display) {
  double loss = 0;
  for (int i = 0; i < s.iter_size(); ++i) {
    loss += Forward();
    Backward(i > 0);
  }
  loss /= s.iter_size();
  const double norm = updater->clips() ? updater->GradientNorm() : 0;
  if (!GradientsAreFinite(norm)) DivergeAtGradients();

  losses_.Add(loss);
  const float rate = rate_->At(iteration);
  Report(loss, rate, display);
  if (!updater->Apply(rate, iteration, norm)) DivergeAtUpdate();
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
  if (wanted == SolverRequest::kSnapshot) TrySnapshot();
  return wanted != SolverRequest::kStop;
}

bool Solver::Impl::TestAll(const Request& request) {
  counters_before_tests_ = TestCounters();
  bool finished = true;
  for (int i = 0; i < static_cast<int>(test_nets.size()) && finished; ++i) {
    for (SolverObserver* observer : observers) observer->OnTestStart(iteration, i);
    TestReport report;
    finished = RunTest(i, request, report);
    if (!finished) break;
    for (SolverObserver* observer : observers) observer->OnTest(report);
  }
  if (!finished) SetTestCounters(counters_before_tests_);
  counters_before_tests_.clear();
  return finished;
}

bool Solver::Impl::RunTest(int i, const Request& request, TestReport& report) {
  Net& test = *test_nets.at(static_cast<size_t>(i));
  const int passes = s.test_iter(i);
  report.iteration = iteration;
  report.net = i;
  report.has_loss = s.test_compute_loss();
  for (int pass = 0; pass < passes; ++pass) {
    const double loss = ForwardOfTest(i);
    if (report.has_loss) report.loss += loss / passes;
    AddOutputs(ReadOutputs(test), report.outputs);
    if (!HandleRequest(request)) return false;
  }
  for (OutputValue& output : report.outputs) output.value /= passes;
  return true;
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
void Solver::Snapshot() { impl_->Snapshot(); }

bool Solver::Solve(const std::function<SolverRequest()>& request) {
  return impl_->Solve(*this, request);
}

double Solver::Step(int64_t iterations) {
  double loss = 0;
  for (int64_t i = 0; i < iterations; ++i) loss = impl_->Iterate(false);
  return loss;
}

TestReport Solver::Test(int net) {
  TestReport report;
  impl_->RunTest(net, {}, report);
  return report;
}

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
