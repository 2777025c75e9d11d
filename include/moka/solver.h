// Training: the loop, the update rule, test nets, snapshots. Reports through observers; knows
// nothing of the terminal.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "moka/context.h"
#include "moka/description.h"
#include "moka/export.h"
#include "moka/net.h"
#include "moka/registry.h"
#include "moka/schema.h"

namespace moka {

// The learning rate at an iteration: a pure function. The registry's policies are as Caffe defines
// them (fixed, step, exp, inv, multistep, poly, sigmoid), and cosine, one_cycle and plateau; the
// last one looks at the loss, and this is its rate as long as the loss falls. Throws Error for an
// unknown policy (did you mean) or a parameter that the policy needs and the file lacks.
MOKA_EXPORT float LearningRate(const SolverParameter& solver, const Registry& registry,
                               int64_t iteration);
// Calls visit(i, rate) for i from 0 to iterations - 1. A policy that looks at the loss (LossDriven)
// is shown one that never changes. Throws Error as LearningRate does, with the place in the file.
MOKA_EXPORT void VisitLearningRates(const SolverDescription& solver, const Registry& registry,
                                    int64_t iterations,
                                    const std::function<void(int64_t, float)>& visit);
// All that can be wrong with a solver file, before any net is built. Throws Error with the field.
MOKA_EXPORT void CheckSolver(const SolverParameter& solver, const Registry& registry);
// The same, and whether its nets and tests are complete; errors have their place in the file.
MOKA_EXPORT void CheckSolver(const SolverDescription& solver, const Registry& registry);

struct OutputValue {
  std::string name;
  int index = 0;  // Caffe numbers the scalars of all outputs
  double value = 0;
  float loss_weight = 0;
};

struct IterationReport {
  int64_t iteration = 0;
  double loss = 0;           // of this iteration
  double smoothed_loss = 0;  // over average_loss iterations
  float rate = 0;
  bool display = false;         // Caffe would print a line for this one
  bool after_training = false;  // a forward pass after the last update: a loss and nothing else
  double seconds = 0;           // since the last displayed iteration
  int64_t iterations = 0;       // in this time
  std::vector<OutputValue> outputs;  // of the train net; filled when display
};

struct TestReport {
  int64_t iteration = 0;
  int net = 0;
  std::vector<OutputValue> outputs;  // means over test_iter passes
  double loss = 0;                   // if test_compute_loss
  bool has_loss = false;
};

// All calls come from the thread that runs the solver.
class MOKA_EXPORT SolverObserver {
 public:
  virtual ~SolverObserver();
  virtual void OnStart(const class Solver& solver);
  virtual void OnIteration(const IterationReport& report);
  virtual void OnTestStart(int64_t iteration, int net);
  virtual void OnTest(const TestReport& report);
  // A snapshot of this iteration begins to be written, beside the training; some iterations later
  // it is on the disk.
  virtual void OnSnapshotStart(const std::string& model, const std::string& state);
  virtual void OnSnapshot(const std::string& model, const std::string& state);
  // A snapshot on the way could not be written; training goes on. The last one throws instead.
  virtual void OnSnapshotFailed(int64_t iteration, const std::string& reason);
  // snapshot_keep: the snapshot of this iteration is on the disk, but an old one is, too.
  virtual void OnOldSnapshotStays(int64_t iteration, const std::string& reason);
  // snapshot_best: a test found this output better than ever.
  virtual void OnBest(int64_t iteration, const std::string& output, double value);
  // early_stop_patience: the training ends, since this value has not been surpassed.
  virtual void OnEarlyStop(int64_t iteration, const std::string& output, double best,
                           int64_t best_iteration);
  virtual void OnEnd(int64_t iteration, double smoothed_loss, bool stopped_early);
};

// What Solver::ResumeNewest did.
struct ResumeReport {
  std::string state;                 // the .solverstate that the training goes on from, or ""
  std::vector<std::string> skipped;  // newer ones, and what is wrong with each
};

// What somebody outside (a signal) wants; asked after each iteration and each test pass.
enum class SolverRequest { kNone, kSnapshot, kStop };

class MOKA_EXPORT Solver {
 public:
  // Builds the train and test nets. `level` and `stages` are put into every net's state. Throws
  // Error or ErrorList; an unwritable snapshot directory is found here.
  Solver(const SolverDescription& description, const NetSchema& schema, const Registry& registry,
         Context& context, int level = 0, const std::vector<std::string>& stages = {});
  ~Solver();
  Solver(const Solver&) = delete;
  Solver& operator=(const Solver&) = delete;

  // Weights by layer name (fine-tuning), as LoadAllWeights does it; throws Error.
  LoadReport LoadWeights(const std::string& path);
  LoadReport LoadWeights(const std::vector<std::string>& files, OnMismatch on_mismatch);
  // Continues from a .solverstate: iteration, history, counters, and the weights it names. Throws
  // Error if it does not fit.
  void Restore(const std::string& state_path);
  // Continues from the newest snapshot of snapshot_prefix whose files are whole by their checksums,
  // if there is any. Throws Error if there are some and none is whole, or if that one does not fit.
  ResumeReport ResumeNewest();
  // The .solverstate files PREFIX_iter_N that lie there now, the newest first; none for a training
  // that is to write no snapshots. Throws Error if their folder cannot be read.
  std::vector<std::string> EarlierSnapshots() const;
  // snapshot_best: the weights that the best test so far was with (with ema_decay, their mean), or
  // "" if they are not on the disk.
  std::string BestWeights() const;
  // ema_decay: the file of the mean of the weights that belongs to a .solverstate, or "".
  std::string AveragedWeights(const std::string& state_path) const;
  // Writes PREFIX_iter_N.caffemodel and .solverstate, and waits until they are on the disk. Throws
  // Error.
  void Snapshot();

  // Trains until max_iter or a stop; tests, displays and snapshots on the way as the solver file
  // says. A snapshot that fails on the way is reported to the observers, the last one throws.
  // Throws Diverged if numbers are not finite: a loss or a gradient in its iteration; what an
  // update wrote in the next pass, before each snapshot, and at the end. It names iteration, rate,
  // the first layer and blob that went bad, and the last snapshot, if there is one; the weights are
  // then of no use. Returns false if a request stopped it.
  bool Solve(const std::function<SolverRequest()>& request = {});
  // `iterations` more iterations without tests, displays or snapshots. Returns the last loss.
  // Throws Error, Diverged.
  double Step(int64_t iterations);
  // Runs the tests of one test net now, with the mean of the weights if there is ema_decay. Its
  // data go on from here, in snapshots too. Throws Error.
  TestReport Test(int net);

  // Net::CheckNumerics of all nets.
  void CheckNumerics(bool on);

  int64_t iteration() const;
  const SolverParameter& param() const;
  Net& net();
  const Net& net() const;
  int test_net_count() const;
  Net& test_net(int i);
  void AddObserver(SolverObserver* observer);  // borrowed

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace moka
