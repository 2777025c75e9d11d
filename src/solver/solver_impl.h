// What stands behind Solver.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "moka/solver.h"
#include "solver/learning_rate.h"
#include "solver/loss_window.h"
#include "solver/updater.h"

namespace moka {

class Solver::Impl {
 public:
  using Request = std::function<SolverRequest()>;

  Impl(const SolverDescription& description, const NetSchema& schema, const Registry& registry,
       Context& context, int level, const std::vector<std::string>& stages);

  // solver.cpp: the loop
  bool Solve(Solver& solver, const Request& request);
  double Iterate(bool display);
  bool TestAll(const Request& request);
  // False if it was stopped; then the report is worth nothing.
  bool RunTest(int net, const Request& request, TestReport& report);

  // training_state.cpp: snapshots
  void Snapshot();
  // If it fails, the observers are told, and the training goes on.
  void TrySnapshot();
  LoadReport LoadWeights(const std::vector<std::string>& files, OnMismatch on_mismatch);
  void Restore(const std::string& path);

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
  bool TestDue() const;
  bool HandleRequest(const Request& request);
  void LastPasses(const Request& request, bool& stopped);
  void Report(double loss, float rate, bool display);

  // diverge.cpp: numbers that are not finite
  double Forward();
  void Backward(bool add);
  double ForwardOfTest(int i);
  bool GradientsAreFinite(double norm);
  [[noreturn]] void DivergeAtLoss(double loss);
  [[noreturn]] void DivergeAtGradients();
  [[noreturn]] void DivergeAtUpdate();
  [[noreturn]] void Diverge(const std::string& what, const std::string& first);
  std::string Where() const;
  std::string LastSnapshot() const;

  std::vector<uint64_t> TestCounters() const;
  void SetTestCounters(const std::vector<uint64_t>& counters);
  std::string SnapshotStem() const;
  void WriteSnapshot();
  void TellOfSnapshot();
  void CheckFit(const struct StoredState& stored, const std::string& path);
  void CheckComplete(const std::string& model) const;

  std::string prefix_;
  std::unique_ptr<RateSchedule> rate_;
  LossWindow losses_;
  int64_t snapshot_at_ = -1;  // the iteration of the last snapshot
  std::string last_state_;    // the .solverstate that was written or read last
  // While tests run: the test nets' counters before. A snapshot taken then keeps these, since a
  // resumed run repeats the tests.
  std::vector<uint64_t> counters_before_tests_;
  std::chrono::steady_clock::time_point displayed_time_ = std::chrono::steady_clock::now();
  int64_t displayed_iteration_ = 0;
};

}  // namespace moka
