// What stands behind Solver.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "moka/solver.h"
#include "solver/best_test.h"
#include "solver/learning_rate.h"
#include "solver/loss_window.h"
#include "solver/snapshot_writer.h"
#include "solver/updater.h"
#include "solver/weight_average.h"

namespace moka {

class Solver::Impl {
 public:
  using Request = std::function<SolverRequest()>;
  using Places = std::map<const Param*, const Tensor*>;

  Impl(const SolverDescription& description, const NetSchema& schema, const Registry& registry,
       Context& context, int level, const std::vector<std::string>& stages);

  // solver.cpp: the loop
  bool Solve(Solver& solver, const Request& request);
  double Iterate(bool display);
  bool TestAll(const Request& request);
  bool RunTests(const Request& request, bool& better);
  void ForgetTests();
  // False if it was stopped; then the report is worth nothing.
  bool RunTest(int net, const Request& request, TestReport& report);
  TestReport Test(int net);

  // training_state.cpp: snapshots
  void Snapshot();
  // PREFIXkind_iter_N, beside the training; the observers are told of it later. With `keep` > 0,
  // so many of its kind stay.
  void BeginSnapshot(const std::string& kind, int keep, bool wait = false);
  void ReserveSnapshot();
  LoadReport LoadWeights(const std::vector<std::string>& files, OnMismatch on_mismatch);
  void Restore(const std::string& path);
  ResumeReport ResumeNewest();
  std::vector<std::string> EarlierSnapshots() const;
  std::string BestWeights() const;
  std::string AveragedWeights(const std::string& state_path) const;

  SolverDescription description;
  SolverParameter& s = description.common;
  Context& context;
  std::shared_ptr<Weights> weights;
  std::unique_ptr<Net> net;
  std::vector<std::unique_ptr<Net>> test_nets;
  std::unique_ptr<Updater> updater;
  std::vector<SolverObserver*> observers;
  int64_t iteration = 0;

 private:
  bool Snapshots() const;  // whether there will be some
  void CheckSizes();
  bool TestDue() const;
  bool StopsEarly();
  bool Loop(const Request& request);
  bool HandleRequest(const Request& request);
  void LastPasses(const Request& request, bool& stopped);
  void Report(double loss, float rate, bool display);

  // diverge.cpp: numbers that are not finite
  double Forward();
  bool Backward(bool add, bool check);
  double ForwardOfTest(int i);
  [[noreturn]] void DivergeAtLoss(double loss);
  [[noreturn]] void DivergeAtGradients();
  void CheckLearned();
  [[noreturn]] void Diverge(int64_t at, const std::string& what, const std::string& first);
  std::string Where(int64_t at) const;
  std::string LastSnapshot();

  std::vector<uint64_t> TestCounters() const;
  void SetTestCounters(const std::vector<uint64_t>& counters);
  void WaitForSnapshot();
  // The same for the last one, whose failure is an error.
  void FinishSnapshot();
  void Tell(const SnapshotResult& result);
  void FillImage(SnapshotImage& image);
  SolverState State() const;
  void CheckFit(const StateFile& file, const std::string& path);
  void CheckComplete(const std::string& model) const;
  void CheckOrder(const SolverState& state, const std::string& path) const;

  std::string prefix_;
  std::unique_ptr<RateSchedule> rate_;
  LossWindow losses_;
  int64_t snapshot_at_ = -1;  // the iteration of the last snapshot
  std::string last_state_;    // the .solverstate that was written or read last
  // How it was before the last tests. A snapshot of the same iteration keeps that: a resumed run
  // repeats the tests.
  struct BeforeTests {
    int64_t iteration = -1;
    std::vector<uint64_t> counters;
    BestTest::State best;
  };
  BeforeTests Now() const;
  BeforeTests tested_;
  std::unique_ptr<BestTest> best_;          // with snapshot_best
  BestTest::State best_before_;             // the one that is being written
  std::unique_ptr<WeightAverage> average_;  // with ema_decay
  std::chrono::steady_clock::time_point displayed_time_ = std::chrono::steady_clock::now();
  int64_t displayed_iteration_ = 0;
  SnapshotWriter writer_;  // the first to end: it may still be writing
};

}  // namespace moka
