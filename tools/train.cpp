// moka train: runs a solver.
#include <fmt/format.h>
#include <glog/logging.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "command.h"
#include "console.h"
#include "flags.h"
#include "moka/error.h"
#include "moka/file.h"
#include "moka/solver.h"
#include "weights_table.h"

namespace moka::tool {
namespace {

// Set by signal handlers, read between iterations.
std::atomic<bool> wants_snapshot = false;
std::atomic<int> stopped_by = 0;  // a signal
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

SolverRequest sigint_effect = SolverRequest::kStop, sighup_effect = SolverRequest::kSnapshot;

SolverRequest EffectOf(int signal) {
  if (signal == SIGINT) return sigint_effect;
  return signal == SIGHUP ? sighup_effect : SolverRequest::kStop;
}

void OnSignal(int signal) {
  const SolverRequest effect = EffectOf(signal);
  if (effect == SolverRequest::kSnapshot) wants_snapshot = true;
  if (effect != SolverRequest::kStop) return;
  if (stopped_by.exchange(signal) != 0)
    std::_Exit(kSignalStatus + signal);  // the second one: at once
  const int saved = errno;               // of the call that the signal interrupts
  static constexpr char text[] = "\nStopping after this iteration; once more to stop at once.\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);
  errno = saved;
}

// A signal that whoever started us has ignored stays ignored: nohup, a script's background.
void Handle(int signal) {
  struct sigaction inherited = {};
  sigaction(signal, nullptr, &inherited);
  if (inherited.sa_handler != SIG_IGN) std::signal(signal, OnSignal);
}

SolverRequest EffectOf(const std::string& flag, const std::string& value) {
  if (value == "stop") return SolverRequest::kStop;
  if (value == "snapshot") return SolverRequest::kSnapshot;
  if (value == "none") return SolverRequest::kNone;
  throw UsageError(fmt::format("--{} wants stop, snapshot or none, not \"{}\"", flag, value));
}

SolverRequest NextRequest() {
  if (stopped_by != 0) return SolverRequest::kStop;
  return wants_snapshot.exchange(false) ? SolverRequest::kSnapshot : SolverRequest::kNone;
}

// --weights, or else what the solver file names.
std::vector<std::string> WeightFiles(const SolverParameter& solver) {
  std::vector<std::string> files = SplitCommas(FLAGS_weights);
  if (!files.empty()) return files;
  for (const std::string& entry : solver.weights()) {
    for (const std::string& file : SplitCommas(entry))
      files.push_back(FindFile(file, FLAGS_solver));
  }
  return files;
}

void BeginWith(const std::vector<std::string>& files, OnMismatch on_mismatch, Solver& solver) {
  const LoadReport report = solver.LoadWeights(files, on_mismatch);
  LogWeights(report);
  if (report.not_finite.empty()) return;
  throw Diverged("before training: ", fmt::format("{}", fmt::join(report.not_finite, "\n")));
}

// The seed that counts: a snapshot brings its own.
void LogSeed(const Context& context) {
  LOG(INFO) << "Random seed " << context.seed() << ", " << context.threads() << " threads";
  if (FLAGS_seed >= 0 && context.seed() != static_cast<uint64_t>(FLAGS_seed)) {
    LOG(WARNING) << "--seed=" << FLAGS_seed << " has no effect: the snapshot goes on with its own";
  }
}

// A line of its own: that before it is Caffe's.
void LogWhereItGoesOn(const Solver& solver) {
  if (!solver.param().has_max_iter()) return;  // an error later on
  const std::string where =
      fmt::format("iteration {} of max_iter {}", solver.iteration(), solver.param().max_iter());
  if (solver.iteration() < solver.param().max_iter()) {
    LOG(INFO) << "Going on at " << where;
  } else {
    LOG(WARNING) << "nothing left to do: " << where;
  }
}

// Of another training, or of this one, begun anew by mistake.
void WarnOfEarlierSnapshots(const Solver& solver) {
  std::vector<std::string> states;
  try {
    states = solver.EarlierSnapshots();
  } catch (const Error& error) {  // no reason not to train
    LOG(WARNING) << error.what();
  }
  if (states.empty()) return;
  LOG(WARNING) << fmt::format(
      "This training begins anew and may replace {} of an earlier one, the newest {}; "
      "--resume=auto goes on from there, another snapshot_prefix leaves them alone",
      states.size() == 1 ? "1 snapshot" : fmt::format("{} snapshots", states.size()), states[0]);
}

// Whether the solver goes on from a snapshot.
bool Resume(Solver& solver, const std::string& given) {
  if (given == "auto" && FLAGS_snapshot.empty()) {
    const ResumeReport report = solver.ResumeNewest();
    for (const std::string& reason : report.skipped) LOG(WARNING) << "Skipped: " << reason;
    LOG(INFO) << (report.state.empty() ? "There is no snapshot yet: the training begins"
                                       : "Resuming from " + report.state);
    if (report.state.empty()) return false;
  } else if (given.empty()) {
    return false;
  } else {
    LOG(INFO) << "Resuming from " << given;
    solver.Restore(given);
  }
  LogWhereItGoesOn(solver);
  return true;
}

void LogNetNotices(const Net& net) { LogNotices(net.description().notices); }

}  // namespace

int RunTrain(const Arguments&) {
  if (FLAGS_solver.empty()) throw UsageError("moka train needs --solver=FILE");
  if (!FLAGS_snapshot.empty() && !FLAGS_resume.empty())
    throw UsageError("--snapshot and --resume name the same; give one of them");
  if (!FLAGS_resume.empty() && FLAGS_resume != "auto" &&
      FLAGS_resume.find(".solverstate") == std::string::npos) {
    throw UsageError(
        fmt::format("--resume wants auto or a .solverstate, not \"{}\"", FLAGS_resume));
  }
  const std::string given = FLAGS_snapshot.empty() ? FLAGS_resume : FLAGS_snapshot;
  if (!given.empty() && given != "auto" && !FLAGS_weights.empty()) {
    throw UsageError(fmt::format("--{} brings its own weights; give it or --weights, not both",
                                 FLAGS_snapshot.empty() ? "resume" : "snapshot"));
  }
  const OnMismatch on_mismatch = ChosenOnMismatch();
  if (!given.empty() && given != "auto" && on_mismatch != OnMismatch::kError) {
    throw UsageError("--on_mismatch=skip is for --weights; a snapshot fits as a whole or not");
  }
  sigint_effect = EffectOf("sigint_effect", FLAGS_sigint_effect);
  sighup_effect = EffectOf("sighup_effect", FLAGS_sighup_effect);

  // Ctrl-C ends `tee` too; a log that nobody reads must not cost the snapshot.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file beyond `ulimit -f`: the error of write() says more
  Session session;
  SolverDescription description = session.schema.ReadSolver(FLAGS_solver);
  if (FLAGS_seed >= 0) description.common.set_random_seed(FLAGS_seed);
  LogNotices(description.notices);
  Solver solver(description, session.schema, session.registry, session.context, FLAGS_level,
                Stages());
  LogNetNotices(solver.net());
  CheckFed(solver.net());
  for (int i = 0; i < solver.test_net_count(); ++i) CheckFed(solver.test_net(i));

  Console console;
  solver.AddObserver(&console);
  if (!Resume(solver, given)) {
    const std::vector<std::string> files = WeightFiles(description.common);
    if (!files.empty()) BeginWith(files, on_mismatch, solver);
    if (given.empty()) WarnOfEarlierSnapshots(solver);
  }
  solver.CheckNumerics(FLAGS_check_numerics);
  LogSeed(session.context);
  for (const int signal : {SIGINT, SIGHUP, SIGTERM}) Handle(signal);
  const bool finished = solver.Solve(NextRequest);
  return finished ? 0 : kSignalStatus + stopped_by;
}

}  // namespace moka::tool
