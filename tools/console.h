// What a training looks like on the terminal: Caffe's log lines, and, where somebody watches, one
// line that lives.
#pragma once

#include <chrono>
#include <string>

#include "moka/solver.h"

namespace moka::tool {

// A line at the bottom of a terminal that is drawn again and again. Does nothing when stderr is no
// terminal.
class LiveLine {
 public:
  LiveLine();
  ~LiveLine();
  bool alive() const { return alive_; }
  void Draw(const std::string& text);  // at most ten times a second
  void Clear();

 private:
  void Put(const std::string& text);

  bool alive_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_;
};

// Prints what a solver reports, in Caffe's words: people parse them.
class Console final : public SolverObserver {
 public:
  void OnStart(const Solver& solver) override;
  void OnIteration(const IterationReport& report) override;
  void OnTestStart(int64_t iteration, int net) override;
  void OnTest(const TestReport& report) override;
  void OnSnapshotStart(const std::string& model, const std::string& state) override;
  void OnSnapshot(const std::string& model, const std::string& state) override;
  void OnSnapshotFailed(int64_t iteration, const std::string& reason) override;
  void OnOldSnapshotStays(int64_t iteration, const std::string& reason) override;
  void OnBest(int64_t iteration, const std::string& output, double value) override;
  void OnEarlyStop(int64_t iteration, const std::string& output, double best,
                   int64_t best_iteration) override;
  void OnEnd(int64_t iteration, double loss, bool stopped_early) override;

 private:
  void DrawProgress(const IterationReport& report);

  const Solver* solver_ = nullptr;  // from OnStart on
  LiveLine line_;
  int64_t first_iteration_ = 0, max_iteration_ = 0;
  int64_t display_ = 0;
  std::string last_state_;  // the last snapshot
  std::chrono::steady_clock::time_point start_;
};

// Six significant digits, as C++ streams print numbers: what Caffe's readers expect.
std::string Number(double value);
// "0.5 (* 1 = 0.5 loss)"; the number alone if it is no part of the loss.
std::string WithLoss(double value, double loss_weight);

// "1:02:03", "2:03", for what is left.
std::string FormatSeconds(double seconds);

}  // namespace moka::tool
