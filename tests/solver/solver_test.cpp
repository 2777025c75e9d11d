// The solver's loop: what happens when, and what it reports.
#include "moka/solver.h"

#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include "moka/file.h"
#include "solver/training.h"

namespace moka {
namespace {

using testing::ErrorOf;
using testing::InnerProduct;
using testing::kLoss;
using testing::Layers;
using testing::Regression;
using testing::Schema;
using testing::SolverText;
using testing::TemporaryFolder;
using testing::Training;

// Writes down what happens, in words.
class Diary final : public SolverObserver {
 public:
  void OnStart(const Solver&) override { text << "start;"; }
  void OnIteration(const IterationReport& report) override {
    reports.push_back(report);
    text << (report.after_training ? " last "
             : report.display      ? " show "
                                   : " step ")
         << report.iteration << ";";
  }
  void OnTestStart(int64_t iteration, int net) override {
    text << " test " << net << " at " << iteration << ";";
  }
  void OnTest(const TestReport& report) override { tests.push_back(report); }
  void OnSnapshotStart(const std::string& model, const std::string&) override {
    text << " snapshot " << model.substr(model.find_last_of('_') + 1) << ";";
  }
  void OnEnd(int64_t iteration, double, bool stopped) override {
    text << (stopped ? " stopped " : " end ") << iteration;
  }

  std::ostringstream text;
  std::vector<IterationReport> reports;
  std::vector<TestReport> tests;
};

std::string DiaryOf(const std::string& fields, int stop_after = -1,
                    SolverRequest request = SolverRequest::kStop) {
  TemporaryFolder folder;
  Training training(
      SolverText(Regression(), fields + " snapshot_prefix: '" + (folder / "s") + "'"));
  Diary diary;
  training->AddObserver(&diary);
  int asked = 0;
  const bool finished =
      training->Solve([&] { return asked++ == stop_after ? request : SolverRequest::kNone; });
  EXPECT_EQ(finished, diary.text.str().find("stopped") == std::string::npos);
  return diary.text.str();
}

TEST(Solver, RefusesANetThatHasNothingToTrain) {
  const std::string ip = testing::InnerProduct("ip", "x", "y");
  EXPECT_EQ(
      ErrorOf([&] { Training(testing::SolverText(testing::kNumbers + ip, "")); }),
      "solver.prototxt: net \"\" has nothing to train: no loss depends on the learned params");
  EXPECT_EQ(ErrorOf([&] { Training(testing::SolverText(testing::kNumbers, "")); }),
            "solver.prototxt: net \"\" has nothing to train: no layer has learned params");
}

TEST(Solver, DoesNothingButStepsByItself) {
  EXPECT_EQ(DiaryOf("max_iter: 3"), "start; step 0; step 1; step 2; end 3");
}

TEST(Solver, TestsShowsAndSavesAsCaffeDoes) {
  EXPECT_EQ(
      DiaryOf("max_iter: 4 display: 2 test_interval: 2 test_iter: 1 snapshot: 3 "
              "snapshot_after_train: true"),
      "start; test 0 at 0; show 0; step 1; test 0 at 2; show 2; snapshot 3.caffemodel; step 3; "
      "snapshot 4.caffemodel; last 4; test 0 at 4; end 4");
}

TEST(Solver, SavesTheEndOnce) {
  EXPECT_EQ(DiaryOf("max_iter: 2 snapshot: 2 snapshot_after_train: true"),
            "start; step 0; step 1; snapshot 2.caffemodel; end 2");
}

TEST(Solver, SkipsTheFirstTestIfToldSo) {
  EXPECT_EQ(DiaryOf("max_iter: 3 test_interval: 2 test_iter: 1 test_initialization: false"),
            "start; step 0; step 1; test 0 at 2; step 2; end 3");
}

TEST(Solver, StopsAfterAnIterationWithASnapshot) {
  EXPECT_EQ(DiaryOf("max_iter: 9 snapshot_after_train: true", 1),
            "start; step 0; step 1; snapshot 2.caffemodel; stopped 2");
  EXPECT_EQ(DiaryOf("max_iter: 9", 1), "start; step 0; step 1; stopped 2");
}

TEST(Solver, StopsWithinATest) {
  EXPECT_EQ(DiaryOf("max_iter: 9 test_interval: 1 test_iter: 3", 5),
            "start; test 0 at 0; step 0; test 0 at 1; stopped 1");
}

TEST(Solver, SavesWhenAskedTo) {
  EXPECT_EQ(DiaryOf("max_iter: 3", 1, SolverRequest::kSnapshot),
            "start; step 0; step 1; snapshot 2.caffemodel; step 2; end 3");
}

TEST(Solver, NeedsMaxIterToSolve) {
  EXPECT_EQ(ErrorOf([] { DiaryOf(""); }), "solver.prototxt: max_iter is missing");
}

TEST(Solver, ReportsRateAndMeanLossOverAWindow) {
  Training training(SolverText(Regression(), "max_iter: 5 display: 2 average_loss: 2"));
  Diary diary;
  training->AddObserver(&diary);
  training->Solve();
  ASSERT_EQ(diary.reports.size(), 5u);
  EXPECT_EQ(diary.reports[0].smoothed_loss, diary.reports[0].loss);
  for (size_t i = 1; i < 5; ++i) {
    EXPECT_DOUBLE_EQ(diary.reports[i].smoothed_loss,
                     (diary.reports[i - 1].loss + diary.reports[i].loss) / 2);
    EXPECT_EQ(diary.reports[i].rate, 0.1f);
  }
  EXPECT_EQ(diary.reports[2].iterations, 2);
  EXPECT_GE(diary.reports[2].seconds, 0);
  EXPECT_EQ(diary.reports[1].outputs.size(), 0u);
  ASSERT_EQ(diary.reports[2].outputs.size(), 1u);
  EXPECT_EQ(diary.reports[2].outputs[0].name, "loss");
  EXPECT_EQ(diary.reports[2].outputs[0].loss_weight, 1);
  EXPECT_FLOAT_EQ(static_cast<float>(diary.reports[2].outputs[0].value),
                  static_cast<float>(diary.reports[2].loss));
}

TEST(Solver, AveragesTheLossOverIterSize) {
  Training one(SolverText(Regression("param { lr_mult: 1e-30 } param { lr_mult: 0 }"), ""));
  Training two(
      SolverText(Regression("param { lr_mult: 1e-30 } param { lr_mult: 0 }"), "iter_size: 2"));
  const double first = one->Step(1), second = one->Step(1);
  EXPECT_DOUBLE_EQ(two->Step(1), (first + second) / 2);
}

TEST(Solver, AveragesEveryScalarOfATestOverItsPasses) {
  // The test net puts out x as it is, 12 numbers, and the loss.
  const std::string outputs =
      "layer { name: 'numbers' type: 'Numbers' top: 'x' top: 't' top: 'free' }";
  Training training(SolverText(outputs + InnerProduct("ip", "x", "y") + kLoss,
                               "test_iter: 2 test_interval: 9 test_compute_loss: true"));
  const TestReport report = training->Test(0);
  ASSERT_EQ(report.outputs.size(), 13u);
  for (int i = 0; i < 12; ++i) {
    const OutputValue& output = report.outputs[static_cast<size_t>(i)];
    EXPECT_EQ(output.name, "free");
    EXPECT_EQ(output.index, i);
    EXPECT_EQ(output.loss_weight, 0);
    EXPECT_DOUBLE_EQ(output.value,
                     (double{testing::Number(i, 2, 0)} + testing::Number(i, 2, 1)) / 2);
  }
  EXPECT_EQ(report.outputs[12].name, "loss");
  EXPECT_EQ(report.outputs[12].index, 12);
  EXPECT_TRUE(report.has_loss);
  EXPECT_NEAR(report.loss, report.outputs[12].value, 1e-6);
}

TEST(Solver, TestsTheWeightsThatItTrains) {
  Training training(SolverText(Regression(), "test_iter: 1 test_interval: 9"));
  EXPECT_EQ(training->test_net(0).weights().Find("ip", 0), training->net().weights().Find("ip", 0));
  const double before = training->Test(0).outputs[0].value;
  training->Step(20);
  EXPECT_LT(training->Test(0).outputs[0].value, before);
}

TEST(Solver, BuildsTestNetsInCaffesOrderEachWithItsState) {
  TemporaryFolder folder;
  const std::string file = folder.Write(
      "net.prototxt",
      "name: 'from file' state { stage: 'net' } " + Regression() +
          "layer { name: 'only' type: 'Numbers' top: 'extra' include { phase: TEST stage: "
          "'net' stage: 'second' min_level: 2 } }");
  const std::string text =
      "base_lr: 0.1 lr_policy: 'fixed' snapshot_after_train: false train_net: '" + file +
      "' test_net: '" + file + "' test_net: '" + file + "' test_net_param { name: 'inside' " +
      Regression() +
      " } test_iter: 1 test_iter: 2 test_iter: 3 test_interval: 10 test_state { } test_state { } "
      "test_state { stage: 'second' }";
  Context context({.threads = 1, .seed = 1});
  Solver solver(Schema().ParseSolver(text), Schema(), Layers(), context, 2);
  ASSERT_EQ(solver.test_net_count(), 3);
  EXPECT_EQ(solver.test_net(0).name(), "inside");
  EXPECT_EQ(solver.test_net(1).name(), "from file");
  EXPECT_EQ(solver.test_net(1).layer_count(), 3);
  EXPECT_EQ(solver.test_net(2).layer_count(), 4);
  EXPECT_EQ(solver.net().phase(), TRAIN);
  EXPECT_EQ(solver.net().layer_count(), 3);
  Solver level0(Schema().ParseSolver(text), Schema(), Layers(), context);
  EXPECT_EQ(level0.test_net(2).layer_count(), 3);
}

TEST(Solver, SaysWhereItLookedForANet) {
  const std::string error =
      ErrorOf([] { Training("\nnet: 'nowhere.prototxt' base_lr: 1 lr_policy: 'fixed'"); });
  EXPECT_EQ(
      error.find("solver.prototxt:2:1: cannot find \"nowhere.prototxt\"; tried nowhere.prototxt"),
      0u)
      << error;
}

TEST(Solver, NamesTheTestNetThatIsMissing) {
  TemporaryFolder folder;
  const std::string net = folder.Write("net.prototxt", Regression());
  const std::string error = ErrorOf([&] {
    Training("train_net: '" + net + "' base_lr: 1 lr_policy: 'fixed' test_interval: 5\n" +
             "test_iter: 1 test_iter: 1\n test_net: '" + net + "'\n test_net: '/no/test.prototxt'");
  });
  EXPECT_EQ(error,
            "solver.prototxt:4:2: cannot find \"/no/test.prototxt\"; tried "
            "/no/test.prototxt");
}

TEST(Solver, TakesItsSeedFromTheFile) {
  Training one(SolverText(Regression(), "random_seed: 7"), 1),
      other(SolverText(Regression(), "random_seed: 7"), 2);
  EXPECT_EQ(one.context().seed(), 7u);
  EXPECT_EQ(one.Values("ip", 0), other.Values("ip", 0));
  EXPECT_NE(one.Values("ip", 0), Training(SolverText(Regression(), "")).Values("ip", 0));
}

TEST(Solver, StopsBeforeAnUpdateWhenTheLossIsNotANumber) {
  Training training(SolverText(Regression(), "max_iter: 9"));
  training->Step(2);
  training->net().weights().Find("ip", 1)->Change().data()[1] =
      std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> before = training.Values("ip", 0);
  try {
    training->Solve();
    FAIL();
  } catch (const Diverged& error) {
    EXPECT_EQ(error.exit_status(), 3);
    EXPECT_STREQ(error.what(),
                 "iteration 2, learning rate 0.1: loss is nan; first bad: layer \"ip\" "
                 "(InnerProduct), param "
                 "\"ip.bias\": 1 of 3 values are not finite");
  }
  EXPECT_EQ(training.Values("ip", 0), before);
  EXPECT_EQ(training->iteration(), 2);
}

TEST(Solver, StopsBeforeAnUpdateWhenTheGradientsToBeClippedAreNotFinite) {
  // y = 1e18 and the loss 5e35 are finite, the gradient 1e18 x is not.
  Training training(SolverText(
      "layer { name: 'data' type: 'DummyData' top: 'x' top: 't' dummy_data_param { shape { dim: 1 "
      "dim: 1 } data_filler { value: 1e30 } data_filler { value: 0 } } }\n"
      "layer { name: 'ip' type: 'InnerProduct' bottom: 'x' top: 'y' "
      "inner_product_param { num_output: 1 weight_filler { value: 1e-12 } } }\n"
      "layer { name: 'loss' type: 'EuclideanLoss' bottom: 'y' bottom: 't' }\n",
      "max_iter: 9 clip_gradients: 1"));
  EXPECT_EQ(ErrorOf([&] { training->Solve(); }),
            "iteration 0, learning rate 0.1: the gradients are not finite; first bad: layer \"ip\" "
            "(InnerProduct), gradient of param \"ip.weight\": 1 of 1 values are not finite");
  EXPECT_EQ(training.Values("ip", 0), std::vector<float>{1e-12f});
}

TEST(Solver, SaysThatTheLastUpdateDiverged) {
  const std::string once = "max_iter: 1 display: 0";
  Training update(SolverText(Regression("param { lr_mult: 1e30 }"), once).replace(9, 3, "1e30"));
  EXPECT_EQ(ErrorOf([&] { update->Solve(); }).substr(0, 72),
            "iteration 0, learning rate 1e+30: the update of ip.weight is not finite;");
  // The weights are finite, the loss with them is not.
  Training loss(SolverText(Regression(), once).replace(9, 3, "1e30"));
  EXPECT_EQ(ErrorOf([&] { loss->Solve(); }).substr(0, 42),
            "iteration 1, learning rate 1e+30: loss is ");
}

TEST(Solver, DivergesOnItsOwnWithARateThatIsTooHigh) {
  Training training(SolverText(Regression(), "max_iter: 1000").replace(9, 3, "1e9"));
  const std::string error = ErrorOf([&] { training->Solve(); });
  EXPECT_EQ(error.find("iteration "), 0u) << error;
  EXPECT_NE(error.find(", learning rate 1e+09: loss is "), std::string::npos) << error;
  EXPECT_NE(error.find("; first bad: layer \""), std::string::npos) << error;
}

}  // namespace
}  // namespace moka
