// snapshot_best, early_stop_patience and ema_decay.
#include <gtest/gtest.h>

#include <filesystem>

#include "solver/training.h"

namespace moka {
namespace {

using testing::ErrorOf;
using testing::Number;
using testing::Regression;
using testing::SolverText;
using testing::TemporaryFolder;
using testing::Training;

class Notes final : public SolverObserver {
 public:
  void OnTest(const TestReport& report) override { values.push_back(report.outputs[0].value); }
  void OnBest(int64_t iteration, const std::string& output, double value) override {
    text += output + " " + std::to_string(iteration) + "; ";
    best = value;
  }
  void OnEarlyStop(int64_t iteration, const std::string&, double value,
                   int64_t best_iteration) override {
    text += "early " + std::to_string(iteration) + " after " + std::to_string(best_iteration);
    best = value;
  }
  void OnEnd(int64_t iteration, double, bool stopped) override {
    text += " end " + std::to_string(iteration) + (stopped ? ", stopped" : "");
  }
  std::string text;
  double best = 0;
  std::vector<double> values;
};

constexpr const char* kTests = "test_interval: 2 test_iter: 1 snapshot_best: 'loss' ";

TEST(BestTest, IsSavedWheneverATestIsBetterThanAllBefore) {
  TemporaryFolder folder;
  Training training(
      SolverText(Regression(),
                 std::string(kTests) + "max_iter: 12 snapshot_prefix: '" + (folder / "s") + "'"));
  Notes notes;
  training->AddObserver(&notes);
  training->Solve();
  std::string expected;
  double best = 1e30;
  int at = 0;
  for (size_t i = 0; i < notes.values.size(); ++i) {
    if (notes.values[i] >= best) continue;
    best = notes.values[i];
    at = 2 * static_cast<int>(i);
    expected += "loss " + std::to_string(at) + "; ";
  }
  EXPECT_EQ(notes.text, expected + " end 12");
  EXPECT_EQ(notes.best, best);
  EXPECT_GT(at, 0);
  EXPECT_LT(at, 12);  // or the next lines would show nothing
  EXPECT_EQ(folder.files(), 2u);
  const std::string stem = "s_best_iter_" + std::to_string(at);
  EXPECT_TRUE(std::filesystem::exists(folder / (stem + ".caffemodel")));
  EXPECT_TRUE(std::filesystem::exists(folder / (stem + ".solverstate")));
}

TEST(BestTest, MayBeTheHighest) {
  TemporaryFolder folder;
  Training training(SolverText(Regression(), std::string(kTests) +
                                                 "best_is: HIGHEST max_iter: 8 "
                                                 "snapshot_prefix: '" +
                                                 (folder / "s") + "'"));
  Notes notes;
  training->AddObserver(&notes);
  training->Solve();
  EXPECT_EQ(notes.best, *std::max_element(notes.values.begin(), notes.values.end()));
}

TEST(BestTest, PatienceEndsATrainingAlsoWhenItIsResumed) {
  TemporaryFolder folder;
  const std::string text =
      SolverText(Regression(), std::string(kTests) +
                                   "best_is: HIGHEST early_stop_patience: 3 "
                                   "max_iter: 100 snapshot: 5 snapshot_after_train: true "
                                   "snapshot_prefix: '" +
                                   (folder / "s") + "'");
  Notes whole, resumed;
  int64_t end = 0;
  {
    Training training(text);
    training->AddObserver(&whole);
    EXPECT_TRUE(training->Solve());
    end = training->iteration();
  }
  EXPECT_LT(end, 100);
  const size_t early = whole.text.find("early ");
  ASSERT_NE(early, std::string::npos) << whole.text;
  EXPECT_TRUE(std::filesystem::exists(folder / ("s_iter_" + std::to_string(end) + ".solverstate")));
  Training training(text, 2);
  training->Restore(folder / "s_iter_5.solverstate");
  training->AddObserver(&resumed);
  EXPECT_TRUE(training->Solve());
  EXPECT_EQ(training->iteration(), end);
  EXPECT_EQ(resumed.best, whole.best);
  EXPECT_EQ(resumed.text.substr(resumed.text.find("early ")), whole.text.substr(early));
}

TEST(BestTest, RefusesAnOutputThatNoTestHas) {
  const auto error = [](const std::string& fields) {
    return ErrorOf([&] { Training(SolverText(Regression(), "\n" + fields)); });
  };
  EXPECT_EQ(
      error("snapshot_best: 'acc' test_interval: 2 test_iter: 1"),
      "solver.prototxt:2:1: snapshot_best: no test net has an output \"acc\"; there are: loss");
  EXPECT_EQ(
      error("snapshot_best: 'acc'"),
      "solver.prototxt:2:1: snapshot_best: no test net has an output \"acc\"; there is no test "
      "net");
  EXPECT_EQ(
      error("early_stop_patience: 2"),
      "solver.prototxt:2:1: early_stop_patience needs snapshot_best: the output of a test net "
      "to watch");
  EXPECT_EQ(error("early_stop_patience: -1"),
            "solver.prototxt:2:1: early_stop_patience -1 must be at least 0");
  EXPECT_EQ(error("snapshot_keep: -1"), "solver.prototxt:2:1: snapshot_keep -1 must be at least 0");
  const std::string two =
      testing::kNumbers + testing::InnerProduct("ip", "x", "y") +
      "layer { name: 'silent' type: 'Silence' bottom: 't' }" +
      "layer { name: 'out' type: 'Power' bottom: 'y' top: 'out' loss_weight: 1 }";
  EXPECT_EQ(ErrorOf([&] {
              Training(SolverText(two, "\nsnapshot_best: 'out' test_interval: 2 test_iter: 1"));
            }),
            "solver.prototxt:2:1: snapshot_best \"out\" has 12 values; it must be one number");
}

// a = 0.75 a + 0.25 w after each update, from w.
TEST(WeightAverage, IsTestedAndSavedBesideTheWeights) {
  TemporaryFolder folder;
  const std::string fields =
      "test_interval: 1 test_iter: 1 snapshot_prefix: '" + (folder / "s") + "' ";
  Training plain(SolverText(Regression(), fields)),
      training(SolverText(Regression(), fields + "ema_decay: 0.75"));
  std::vector<double> mean;
  for (float w : plain.Values("ip", 0)) mean.push_back(w);
  for (int step = 0; step < 5; ++step) {
    plain->Step(1);
    const std::vector<float> w = plain.Values("ip", 0);
    for (size_t i = 0; i < w.size(); ++i) mean[i] = 0.75 * mean[i] + 0.25 * w[i];
  }
  training->Step(5);
  EXPECT_EQ(training.Values("ip", 0), plain.Values("ip", 0));
  training->Snapshot();
  Training averaged(SolverText(Regression(), fields));
  averaged->LoadWeights(folder / "s_iter_5_averaged.caffemodel");
  const std::vector<float> saved = averaged.Values("ip", 0);
  for (size_t i = 0; i < mean.size(); ++i) EXPECT_NEAR(saved[i], mean[i], 1e-6);
  EXPECT_NE(saved, training.Values("ip", 0));

  training->test_net(0).set_counter(0);
  EXPECT_EQ(training->Test(0).outputs[0].value, averaged->Test(0).outputs[0].value);
  EXPECT_EQ(training.Values("ip", 0), plain.Values("ip", 0));  // back again
}

TEST(WeightAverage, IsWhatTestsAreOf) {
  TemporaryFolder folder;
  const std::string fields = "test_interval: 5 test_iter: 1 max_iter: 5 ";
  Notes with, without;
  Training averaged(SolverText(
      Regression(), fields + "ema_decay: 0.75 snapshot_prefix: '" + (folder / "s") + "'"));
  averaged->AddObserver(&with);
  averaged->Solve();
  averaged->Snapshot();
  Training plain(SolverText(Regression(), fields));
  plain->AddObserver(&without);
  plain->Solve();
  EXPECT_EQ(with.values[0], without.values[0]);
  EXPECT_NE(with.values[1], without.values[1]);
  EXPECT_EQ(averaged.Values("ip", 0), plain.Values("ip", 0));  // back again

  plain->LoadWeights(folder / "s_iter_5_averaged.caffemodel");
  plain->test_net(0).set_counter(1);
  EXPECT_EQ(plain->Test(0).outputs[0].value, with.values[1]);
  EXPECT_EQ(averaged->Test(0).iteration, 5);
}

// A snapshot that is asked for while the tests run holds the weights, not their mean.
TEST(WeightAverage, DoesNotGetIntoASnapshotTakenDuringTests) {
  TemporaryFolder folder;
  const std::string text = SolverText(
      Regression(), "test_interval: 3 test_iter: 4 max_iter: 6 ema_decay: 0.75 snapshot_prefix: '" +
                        (folder / "s") + "'");
  Training training(text);
  int asked = 0;
  training->Solve([&] {
    const bool now = training->iteration() == 3 && ++asked == 3;  // the second pass of the tests
    return now ? SolverRequest::kSnapshot : SolverRequest::kNone;
  });
  Training resumed(text, 9);
  resumed->Restore(folder / "s_iter_3.solverstate");
  Training steps(text);
  steps->Step(3);
  EXPECT_EQ(resumed.Values("ip", 0), steps.Values("ip", 0));
  resumed->Solve();
  EXPECT_EQ(resumed.Values("ip", 0), training.Values("ip", 0));
  training->Snapshot();
  const std::string mean = folder.Read("s_iter_6_averaged.caffemodel");
  resumed->Snapshot();
  EXPECT_EQ(folder.Read("s_iter_6_averaged.caffemodel"), mean);
}

TEST(WeightAverage, RefusesADecayThatIsNone) {
  for (const char* decay : {"1", "-0.5", "nan"}) {
    EXPECT_EQ(
        ErrorOf([&] { Training(SolverText(Regression(), std::string("\nema_decay: ") + decay)); }),
        std::string("solver.prototxt:2:1: ema_decay ") + decay + " must be at least 0 and below 1");
  }
}

TEST(EarlierSnapshots, AreThoseOfThePrefixTheNewestFirst) {
  TemporaryFolder folder;
  const std::string fields = "max_iter: 12 snapshot_prefix: '" + (folder / "s") + "' ";
  Training training(SolverText(Regression(), fields + "snapshot: 5"));
  EXPECT_EQ(training->EarlierSnapshots(), std::vector<std::string>{});
  training->Solve();
  EXPECT_EQ(training->EarlierSnapshots(),
            (std::vector<std::string>{folder / "s_iter_10.solverstate",
                                      folder / "s_iter_5.solverstate"}));
  Training without(SolverText(Regression(), fields));
  EXPECT_EQ(without->EarlierSnapshots(), std::vector<std::string>{});
}

TEST(BestWeights, AreThoseThatWereTestedIfTheyAreThere) {
  TemporaryFolder folder;
  const std::string fields = std::string(kTests) +
                             "best_is: HIGHEST max_iter: 6 snapshot_prefix: '" + (folder / "s") +
                             "' ";
  Training training(SolverText(Regression(), fields));
  Notes notes;
  training->AddObserver(&notes);
  EXPECT_EQ(training->BestWeights(), "");
  EXPECT_EQ(training->AveragedWeights(folder / "s_iter_5.solverstate"), "");
  training->Solve();
  const auto best = std::max_element(notes.values.begin(), notes.values.end());
  const std::string stem =
      folder / ("s_best_iter_" + std::to_string(2 * (best - notes.values.begin())));
  EXPECT_EQ(training->BestWeights(), stem + ".caffemodel");
  std::filesystem::remove(stem + ".caffemodel");
  EXPECT_EQ(training->BestWeights(), "");

  Training mean(SolverText(Regression(), fields + "ema_decay: 0.5"));
  EXPECT_EQ(mean->AveragedWeights(folder / "s_iter_5.solverstate"),
            folder / "s_iter_5_averaged.caffemodel");
  EXPECT_EQ(mean->AveragedWeights(folder / "s_iter_5.solverstate.h5"),
            folder / "s_iter_5_averaged.caffemodel.h5");
  mean->Solve();
  EXPECT_TRUE(mean->BestWeights().ends_with("_averaged.caffemodel")) << mean->BestWeights();
}

}  // namespace
}  // namespace moka
