// moka lr: how the learning rate of a solver file moves, before any training.
#include <fmt/format.h>
#include <gflags/gflags.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "command.h"
#include "flags.h"
#include "moka/error.h"
#include "moka/learning_rate.h"
#include "moka/solver.h"

namespace moka::tool {
namespace {

constexpr int64_t kRows = 16;               // of the table, beside jumps
constexpr size_t kMostJumps = 16;           // with more, none is in the table
constexpr int kColumns = 60, kHeight = 12;  // of the plot; with its axis 72 wide

// The smallest of 1, 2, 5, 10, 20, 50, ... that is at least `least`.
int64_t RoundNumber(int64_t least) {
  for (int64_t power = 1;; power *= 10) {
    for (const int64_t digit : {1, 2, 5}) {
      if (digit * power >= least) return digit * power;
    }
  }
}

struct Row {
  int64_t iteration;
  float rate, before;  // before: that of the last iteration, where it jumps
  bool jump;
};

// What is shown of the rates, which come one by one.
class Curve {
 public:
  // `warm`: where a warm-up ends.
  Curve(int64_t iterations, int64_t warm)
      : iterations_(iterations),
        warm_(warm),
        step_(RoundNumber((iterations + kRows - 1) / kRows)) {}

  void Add(int64_t iteration, float rate) {
    if (iteration % step_ == 0 || Always(iteration))
      rows_.push_back({iteration, rate, rate, false});
    while (columns_.size() < kColumns && IterationOf(columns_.size()) <= iteration)
      columns_.push_back(rate);
    if (rate > highest_) {
      highest_ = rate;
      highest_at_ = iteration;
    }
    std::copy(last_.begin() + 1, last_.end(), last_.begin());
    last_.back() = rate;
    if (iteration >= 2) NoteJump(iteration - 1, iteration >= 3 ? last_[0] : NAN, last_[3]);
  }
  void End() {
    std::copy(last_.begin() + 1, last_.end(), last_.begin());
    if (iterations_ >= 2) NoteJump(iterations_ - 1, iterations_ >= 3 ? last_[0] : NAN, NAN);
  }

  void PrintTable() const;
  void PrintPlot() const;

 private:
  int64_t IterationOf(size_t column) const {
    return (2 * static_cast<int64_t>(column) + 1) * iterations_ / (2 * kColumns);
  }
  bool Always(int64_t iteration) const {
    return iteration == iterations_ - 1 || iteration == warm_;
  }
  void NoteJump(int64_t iteration, float earlier, float later);
  std::vector<Row> Rows() const;

  const int64_t iterations_, warm_, step_;
  std::vector<Row> rows_, jumps_;
  int64_t jump_count_ = 0;
  std::vector<float> columns_;
  std::array<float, 4> last_ = {};
  float highest_ = 0;
  int64_t highest_at_ = 0;
};

// A jump from last_[1] to last_[2] is a change that is much larger than those beside it; there is
// none beside it where there is no number.
void Curve::NoteJump(int64_t iteration, float earlier, float later) {
  const float before = last_[1], rate = last_[2];
  const float change = std::abs(rate - before);
  const float beside = std::fmax(std::abs(before - earlier), std::abs(later - rate));
  if (!(change > 0.01f * std::max(before, rate)) || change <= 4 * beside) return;
  if (++jump_count_ <= static_cast<int64_t>(kMostJumps))
    jumps_.push_back({iteration, rate, before, true});
}

std::vector<Row> Curve::Rows() const {
  const bool all_jumps = jump_count_ == static_cast<int64_t>(jumps_.size());
  std::vector<Row> rows = all_jumps ? jumps_ : std::vector<Row>();
  const bool few = rows.size() <= kMostJumps / 2;
  for (const Row& row : rows_) {
    const bool jumps = std::any_of(rows.begin(), rows.end(), [&](const Row& other) {
      return other.jump && other.iteration == row.iteration;
    });
    const bool wanted = few || row.iteration % (2 * step_) == 0 || Always(row.iteration);
    if (wanted && !jumps) rows.push_back(row);
  }
  std::sort(rows.begin(), rows.end(),
            [](const Row& a, const Row& b) { return a.iteration < b.iteration; });
  return rows;
}

void Curve::PrintTable() const {
  fmt::print("{:>10}  {:>12}\n", "iteration", "lr");
  for (const Row& row : Rows()) {
    fmt::print("{:>10}  {:>12.6g}{}\n", row.iteration, row.rate,
               row.jump ? fmt::format("  jumps from {:.6g}", row.before) : "");
  }
  if (jump_count_ > static_cast<int64_t>(jumps_.size())) {
    fmt::print("It jumps {} times, first at iteration {} from {:.6g} to {:.6g}.\n", jump_count_,
               jumps_[0].iteration, jumps_[0].before, jumps_[0].rate);
  }
}

void Curve::PrintPlot() const {
  fmt::print("highest {:.6g} at iteration {}\n", highest_, highest_at_);
  for (int row = kHeight; row > 0; --row) {
    const float least = highest_ * (static_cast<float>(row) - 0.5f) / kHeight;
    std::string line;
    for (const float rate : columns_) line += rate > 0 && rate >= least ? '#' : ' ';
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{:>9} |{}\n", row == kHeight ? fmt::format("{:.6g}", highest_) : "", line);
  }
  fmt::print("{:>9} +{}\n", 0, std::string(kColumns, '-'));
  fmt::print("{:>12}{:>{}}\n", 0, iterations_ - 1, kColumns - 1);
}

// How many iterations are shown: --iterations, or else max_iter.
int64_t Iterations(const SolverDescription& solver) {
  if (!gflags::GetCommandLineFlagInfoOrDie("iterations").is_default) {
    if (FLAGS_iterations >= 1) return FLAGS_iterations;
    throw UsageError(fmt::format("--iterations must be at least 1, not {}", FLAGS_iterations));
  }
  const char* const hint = "--iterations=N says how many iterations to show";
  const auto place = solver.places.find("max_iter");
  if (place == solver.places.end())
    throw Error("max_iter is missing; ", hint).SetPlace({solver.file});
  if (solver.common.max_iter() >= 1) return solver.common.max_iter();
  throw Error("max_iter ", solver.common.max_iter(), " must be at least 1; ", hint)
      .SetPlace(place->second);
}

}  // namespace

int RunLr(const Arguments& arguments) {
  if (arguments.empty()) throw UsageError("moka lr needs a solver file");
  Session session;
  const SolverDescription solver = session.schema.ReadSolver(arguments[0]);
  const int64_t iterations = Iterations(solver);
  Curve curve(iterations, solver.common.warmup_iter());
  VisitLearningRates(solver, session.registry, iterations,
                     [&](int64_t iteration, float rate) { curve.Add(iteration, rate); });
  curve.End();
  const std::string& policy = solver.common.lr_policy();
  fmt::print("{}: lr_policy \"{}\"\n\n", arguments[0], policy);
  if (session.registry.MakeLearningRatePolicy(solver.common)
          ->Interface(LossDriven::kName, LossDriven::kVersion) != nullptr) {
    fmt::print(
        "{} depends on the loss. These are the rates for a loss that never changes;\n"
        "one that falls gives others.\n\n",
        policy);
  }
  curve.PrintTable();
  fmt::print("\n");
  curve.PrintPlot();
  return 0;
}

}  // namespace moka::tool
