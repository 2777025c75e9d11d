// The tests of a training, on the way and after the last update.
#include <algorithm>
#include <utility>

#include "solver/outputs.h"
#include "solver/snapshot_files.h"
#include "solver/solver_impl.h"

namespace moka {
namespace {

// Puts what Forward changes of the params, such as running means, back to what it was.
class KeptState {
 public:
  explicit KeptState(const Weights& weights) {
    for (const Weights::Entry& entry : weights.entries()) {
      for (const auto& param : entry.params) {
        if (!param->learned()) kept_.emplace_back(param, std::as_const(*param).values().Clone());
      }
    }
  }
  ~KeptState() {
    for (const auto& [param, values] : kept_) {
      std::copy_n(values.data(), values.count(), param->Change().data());
    }
  }
  KeptState(const KeptState&) = delete;
  KeptState& operator=(const KeptState&) = delete;

 private:
  std::vector<std::pair<std::shared_ptr<Param>, Tensor>> kept_;
};

}  // namespace

bool Solver::Impl::TestDue() const {
  return !test_nets.empty() && iteration % s.test_interval() == 0;
}

bool Solver::Impl::TestAll(const Request& request) {
  tested_ = Now();
  bool finished = false, better = false;
  try {
    finished = RunTests(request, better);
  } catch (...) {
    ForgetTests();
    throw;
  }
  if (!finished) {
    ForgetTests();
  } else if (better) {
    for (SolverObserver* observer : observers)
      observer->OnBest(iteration, s.snapshot_best(), best_->state().value);
    best_before_ = tested_.best;
    BeginSnapshot(kBest, 1);
  }
  return finished;
}

// As if they had not begun.
void Solver::Impl::ForgetTests() {
  SetTestCounters(tested_.counters);
  if (best_) best_->set_state(tested_.best);
}

bool Solver::Impl::RunTests(const Request& request, bool& better) {
  const WithAverage with(average_.get());
  for (int i = 0; i < static_cast<int>(test_nets.size()); ++i) {
    for (SolverObserver* observer : observers) observer->OnTestStart(iteration, i);
    TestReport report;
    if (!RunTest(i, request, report)) return false;
    for (SolverObserver* observer : observers) observer->OnTest(report);
    better = (best_ && best_->Consider(report)) || better;
  }
  return true;
}

TestReport Solver::Impl::Test(int i) {
  const WithAverage with(average_.get());
  TestReport report;
  RunTest(i, {}, report);
  return report;
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

bool Solver::Impl::StopsEarly() {
  if (!best_ || !best_->patience_is_over()) return false;
  for (SolverObserver* observer : observers) {
    observer->OnEarlyStop(iteration, s.snapshot_best(), best_->state().value,
                          best_->state().iteration);
  }
  return true;
}

// After the last update, what Caffe shows: the loss and a test with the final weights. A resumed
// run repeats both, so they leave no trace in what a snapshot holds.
void Solver::Impl::LastPasses(const Request& request, bool& stopped) {
  const uint64_t counter = net->counter();
  double loss = 0;
  {
    const KeptState keep(*weights);
    loss = Forward();
  }
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

}  // namespace moka
