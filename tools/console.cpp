// What a training looks like on the terminal.
#include "console.h"

#include <fmt/format.h>
#include <glog/logging.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace moka::tool {

LiveLine::LiveLine()
    : alive_(isatty(STDERR_FILENO) != 0 && std::getenv("TERM") &&
             std::string(std::getenv("TERM")) != "dumb") {}
LiveLine::~LiveLine() { Clear(); }

namespace {

// How much fits into one line of the terminal: a line that is broken cannot be drawn over.
size_t Columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2) return std::string::npos;
  return size.ws_col - 1u;
}

}  // namespace

void LiveLine::Draw(const std::string& text) {
  const auto now = std::chrono::steady_clock::now();
  if (!alive_ || (drawn_ && now - last_ < std::chrono::milliseconds(100))) return;
  Put(fmt::format("\r\x1b[K{}", text.substr(0, Columns())));
  last_ = now;
  drawn_ = true;
}

void LiveLine::Clear() {
  if (!drawn_) return;
  Put("\r\x1b[K");
  drawn_ = false;
}

// The terminal may go away while the training goes on: then nobody watches any more.
void LiveLine::Put(const std::string& text) {
  if (!alive_) return;
  alive_ = std::fputs(text.c_str(), stderr) >= 0 && std::fflush(stderr) == 0;
}

std::string Number(double value) { return fmt::format("{:g}", value); }

std::string WithLoss(double value, double loss_weight) {
  if (loss_weight == 0) return Number(value);
  return fmt::format("{} (* {} = {} loss)", Number(value), Number(loss_weight),
                     Number(loss_weight * value));
}

std::string FormatSeconds(double seconds) {
  const int64_t s = std::llround(seconds);
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

namespace {

std::string Describe(const OutputValue& output, const char* net) {
  return fmt::format("    {} net output #{}: {} = {}", net, output.index, output.name,
                     WithLoss(output.value, output.loss_weight));
}

}  // namespace

void Console::OnStart(const Solver& solver) {
  solver_ = &solver;
  first_iteration_ = solver.iteration();
  max_iteration_ = solver.param().max_iter();
  display_ = solver.param().display();
  start_ = std::chrono::steady_clock::now();
  LOG(INFO) << "Solving " << solver.net().name();
  LOG(INFO) << "Learning Rate Policy: " << solver.param().lr_policy();
  if (solver.param().ema_decay() > 0 && solver.test_net_count() > 0) {
    LOG(INFO) << "Tests are of the mean of the weights (ema_decay "
              << Number(solver.param().ema_decay()) << ")";
  }
}

void Console::OnIteration(const IterationReport& report) {
  if (report.display) {
    line_.Clear();
    if (report.after_training) {
      LOG(INFO) << "Iteration " << report.iteration << ", loss = " << Number(report.smoothed_loss);
      return;
    }
    const double per_second =
        report.seconds > 0 ? static_cast<double>(report.iterations) / report.seconds : 0;
    LOG(INFO) << fmt::format("Iteration {} ({} iter/s, {}s/{} iters), loss = {}", report.iteration,
                             Number(per_second), Number(report.seconds), display_,
                             Number(report.smoothed_loss));
    for (const OutputValue& output : report.outputs) LOG(INFO) << Describe(output, "Train");
    LOG(INFO) << "Iteration " << report.iteration << ", lr = " << Number(report.rate);
  }
  if (line_.alive()) DrawProgress(report);
}

void Console::DrawProgress(const IterationReport& report) {
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const int64_t done = report.iteration + 1 - first_iteration_;
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  const double left =
      rate > 0 ? static_cast<double>(max_iteration_ - report.iteration - 1) / rate : 0;
  const double share = static_cast<double>(report.iteration + 1) /
                       static_cast<double>(std::max<int64_t>(max_iteration_, 1));
  const int bars = static_cast<int>(share * 20);
  line_.Draw(fmt::format("[{}{}] {:3.0f} %  {}/{}  {:.1f} iter/s  loss {:.4g}  lr {:.3g}  {} left",
                         std::string(static_cast<size_t>(bars), '#'),
                         std::string(static_cast<size_t>(20 - bars), '.'), 100 * share,
                         report.iteration + 1, max_iteration_, rate, report.smoothed_loss,
                         report.rate, FormatSeconds(left)));
}

void Console::OnTestStart(int64_t iteration, int net) {
  line_.Clear();
  LOG(INFO) << "Iteration " << iteration << ", Testing net (#" << net << ")";
}

void Console::OnTest(const TestReport& report) {
  line_.Clear();
  if (report.has_loss) LOG(INFO) << "Test loss: " << Number(report.loss);
  for (const OutputValue& output : report.outputs) LOG(INFO) << Describe(output, "Test");
}

void Console::OnSnapshotStart(const std::string& model, const std::string& state) {
  line_.Clear();
  const char* const format = model.ends_with(".h5") ? "HDF5" : "binary proto";
  LOG(INFO) << "Snapshotting to " << format << " file " << model;
  LOG(INFO) << "Snapshotting solver state to " << format << " file " << state;
  const std::string averaged = solver_ == nullptr ? "" : solver_->AveragedWeights(state);
  if (!averaged.empty()) LOG(INFO) << "Snapshotting the mean of the weights to " << averaged;
}

void Console::OnSnapshot(const std::string&, const std::string& state) { last_state_ = state; }

void Console::OnSnapshotFailed(int64_t iteration, const std::string& reason) {
  line_.Clear();
  LOG(ERROR) << "Iteration " << iteration << ": no snapshot: " << reason;
}

void Console::OnOldSnapshotStays(int64_t iteration, const std::string& reason) {
  line_.Clear();
  LOG(ERROR) << "Iteration " << iteration << ": more snapshots than snapshot_keep: " << reason;
}

void Console::OnBest(int64_t iteration, const std::string& output, double value) {
  line_.Clear();
  LOG(INFO) << "Iteration " << iteration << ", best " << output << " so far: " << Number(value);
}

void Console::OnEarlyStop(int64_t iteration, const std::string& output, double best,
                          int64_t best_iteration) {
  line_.Clear();
  LOG(INFO) << "Iteration " << iteration << ", end by early_stop_patience: " << output
            << " has not become better than " << Number(best) << " of iteration " << best_iteration;
}

void Console::OnEnd(int64_t iteration, double, bool stopped_early) {
  line_.Clear();
  if (stopped_early) {
    LOG(INFO) << "Optimization stopped early.";
    LOG(INFO) << "Stopped at iteration " << iteration
              << (last_state_.empty() ? "" : "; to go on: --snapshot=" + last_state_);
    return;
  }
  const std::string best = solver_->BestWeights();
  if (!best.empty())
    LOG(INFO) << "Best weights by " << solver_->param().snapshot_best() << ": " << best;
  LOG(INFO) << "Optimization Done.";
}

}  // namespace moka::tool
