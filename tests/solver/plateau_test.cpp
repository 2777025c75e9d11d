// lr_policy "plateau": when the rate falls, and that a resumed training goes on with the same
// rates.
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "caught.h"
#include "moka/solver.pb.h"
#include "solver/learning_rate.h"
#include "solver/training.h"

namespace moka {
namespace {

using testing::Regression;
using testing::SolverText;
using testing::TemporaryFolder;
using testing::Training;

SolverParameter Plateau(const std::vector<int>& windows) {
  SolverParameter solver;
  solver.set_lr_policy("plateau");
  solver.set_base_lr(0.5f);
  solver.set_gamma(0.5f);
  for (const int window : windows) solver.add_plateau_winsize(window);
  return solver;
}

// The rates of iterations `first` and on, which have these losses.
std::vector<float> Rates(RateSchedule& schedule, int64_t first, const std::vector<double>& losses) {
  std::vector<float> rates;
  for (const double loss : losses) {
    schedule.Observe(first, loss);
    rates.push_back(schedule.At(first++));
  }
  return rates;
}

TEST(Plateau, FallsAfterEachWindowWithoutALowerLoss) {
  RateSchedule schedule(Plateau({3, 2}), testing::Layers());
  // The lowest loss is that of iteration 1. Three later the first window ends, two later the second
  // one; there is no third.
  EXPECT_EQ(
      Rates(schedule, 0, {10, 9, 9, 9.5, 9, 9, 9, 20, 20, 20}),
      (std::vector<float>{0.5f, 0.5f, 0.5f, 0.5f, 0.25f, 0.25f, 0.125f, 0.125f, 0.125f, 0.125f}));
}

TEST(Plateau, WaitsAnewAfterALowerLoss) {
  RateSchedule schedule(Plateau({3, 2}), testing::Layers());
  EXPECT_EQ(Rates(schedule, 0, {10, 10, 10, 9, 9, 9, 9, 8, 8, 8}),
            (std::vector<float>{0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.25f, 0.25f, 0.25f, 0.125f}));
}

TEST(Plateau, StopsAtMinLr) {
  SolverParameter solver = Plateau({1, 1, 1});
  solver.set_min_lr(0.1f);
  RateSchedule schedule(solver, testing::Layers());
  EXPECT_EQ(Rates(schedule, 0, {1, 1, 1, 1, 1}),
            (std::vector<float>{0.5f, 0.25f, 0.125f, 0.1f, 0.1f}));
}

TEST(Plateau, WarmsUpToTheRateThatItStandsAt) {
  SolverParameter solver = Plateau({2});
  solver.set_warmup_iter(4);
  RateSchedule schedule(solver, testing::Layers());
  EXPECT_EQ(Rates(schedule, 0, {1, 1, 1, 1, 1}),
            (std::vector<float>{0, 0.125f, 0.125f, 0.1875f, 0.25f}));
}

TEST(Plateau, GoesOnFromItsState) {
  const std::vector<double> losses = {5, 4, 4, 4, 3, 3.5, 3.5, 3.5, 3.5, 3.5};
  RateSchedule whole(Plateau({2, 3, 1}), testing::Layers());
  const std::vector<float> rates = Rates(whole, 0, losses);
  for (size_t cut = 0; cut <= losses.size(); ++cut) {
    const auto middle = losses.begin() + static_cast<int64_t>(cut);
    RateSchedule before(Plateau({2, 3, 1}), testing::Layers());
    std::vector<float> resumed = Rates(before, 0, {losses.begin(), middle});
    RateSchedule after(Plateau({2, 3, 1}), testing::Layers());
    after.CheckState(before.State(), "file");
    after.SetState(before.State());
    const std::vector<float> rest = Rates(after, static_cast<int64_t>(cut), {middle, losses.end()});
    resumed.insert(resumed.end(), rest.begin(), rest.end());
    EXPECT_EQ(resumed, rates) << "cut at " << cut;
  }
  whole.SetState({});
  EXPECT_EQ(Rates(whole, 0, losses), rates);
}

class RateLog final : public SolverObserver {
 public:
  void OnIteration(const IterationReport& report) override { rates.push_back(report.rate); }
  std::vector<float> rates;
};

// Windows as short as the noise of the losses.
std::string Noisy(const std::string& prefix) {
  std::string text = SolverText(
      Regression(),
      "average_loss: 2 weight_decay: 0.3 gamma: 0.5 plateau_winsize: 1 plateau_winsize: 2 "
      "plateau_winsize: 2 snapshot_prefix: '" +
          prefix + "'");
  return text.replace(text.find("'fixed'"), 7, "'plateau'");
}

TEST(Plateau, IsResumedInTheMiddle) {
  TemporaryFolder folder;
  RateLog whole, after;
  Training training(Noisy(folder / "s"));
  training->AddObserver(&whole);
  training->Step(12);
  training->Snapshot();
  training->Step(28);
  Training resumed(Noisy(folder / "s"));
  resumed->Restore(folder / "s_iter_12.solverstate");
  resumed->AddObserver(&after);
  resumed->Step(28);
  EXPECT_EQ(after.rates, std::vector<float>(whole.rates.begin() + 12, whole.rates.end()));
  EXPECT_LT(whole.rates[11], whole.rates[0]);  // it fell before the cut
  EXPECT_LT(after.rates[27], after.rates[0]);  // and afterwards
}

TEST(Plateau, BeginsAnewWithAStateOfAnotherPolicy) {
  TemporaryFolder folder;
  Training fixed(SolverText(Regression(), "snapshot_prefix: '" + (folder / "s") + "'"));
  fixed->Step(2);
  fixed->Snapshot();
  RateLog log;
  Training training(Noisy(folder / "s"));
  training->Step(20);
  training->Restore(folder / "s_iter_2.solverstate");
  training->AddObserver(&log);
  training->Step(1);
  EXPECT_EQ(log.rates, std::vector<float>{0.1f});
}

TEST(Plateau, RefusesAStateThatItCannotHaveWrittenAndStaysAsItWas) {
  TemporaryFolder folder;
  Training training(Noisy(folder / "s"));
  training->Step(3);
  training->Snapshot();
  SolverState state;
  ASSERT_TRUE(state.ParseFromString(folder.Read("s_iter_3.solverstate")));
  ASSERT_EQ(state.policy_state_size(), 3);
  state.clear_sealed();  // or the checksum would have to be right
  state.clear_checksum();
  const auto refusal = [&](const std::vector<double>& numbers) {
    state.mutable_policy_state()->Clear();
    for (const double number : numbers) state.add_policy_state(number);
    const std::string path = folder.Write("bad.solverstate", state.SerializeAsString());
    training->Step(1);
    const int64_t before = training->iteration();
    const std::string message = Caught([&] { training->Restore(path); }).message();
    EXPECT_EQ(training->iteration(), before);
    EXPECT_EQ(message.substr(0, path.size() + 2), path + ": ");
    return message.substr(path.size() + 2);
  };
  EXPECT_EQ(refusal({1, 2}), "lr_policy \"plateau\" remembers 3 numbers, not 2");
  EXPECT_EQ(refusal({-1, 2, 0.5}),
            "lr_policy \"plateau\" cannot have fallen -1 times, last at iteration 2, with a lowest "
            "loss of 0.5");
  EXPECT_EQ(
      refusal({1, 2.5, 0.5}),
      "lr_policy \"plateau\" cannot have fallen 1 times, last at iteration 2.5, with a lowest "
      "loss of 0.5");
  EXPECT_EQ(refusal({1, 2, std::numeric_limits<double>::quiet_NaN()}),
            "lr_policy \"plateau\" cannot have fallen 1 times, last at iteration 2, with a lowest "
            "loss of nan");
}

TEST(Plateau, RefusesWhatMakesNoSense) {
  const auto refusal = [](const auto& change) {
    SolverParameter solver = Plateau({3, 2});
    change(solver);
    const Error error = Caught([&] { RateSchedule(solver, testing::Layers()); });
    return error.field() + ": " + error.message();
  };
  EXPECT_EQ(refusal([](auto& s) { s.clear_gamma(); }),
            "lr_policy: lr_policy \"plateau\" needs gamma, which is missing");
  EXPECT_EQ(refusal([](auto& s) { s.clear_plateau_winsize(); }),
            "lr_policy: lr_policy \"plateau\" needs plateau_winsize, which is missing");
  EXPECT_EQ(refusal([](auto& s) { s.set_gamma(1.5f); }),
            "gamma: gamma 1.5 must be from 0 to 1 for lr_policy \"plateau\"");
  EXPECT_EQ(refusal([](auto& s) { s.set_gamma(-0.5f); }),
            "gamma: gamma -0.5 must be from 0 to 1 for lr_policy \"plateau\"");
  EXPECT_EQ(refusal([](auto& s) { s.set_plateau_winsize(1, 0); }),
            "plateau_winsize[1]: plateau_winsize 0 must be at least 1");
  EXPECT_EQ(refusal([](auto& s) { s.set_min_lr(0.75f); }),
            "min_lr: min_lr 0.75 is above base_lr, 0.5");
}

}  // namespace
}  // namespace moka
