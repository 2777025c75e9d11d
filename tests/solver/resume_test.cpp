// A resumed training gives the same bits as one that was never interrupted.
#include <gtest/gtest.h>

#include "moka/net.pb.h"
#include "solver/training.h"

namespace moka {
namespace {

using testing::EverythingThatHasState;
using testing::Regression;
using testing::SolverText;
using testing::TemporaryFolder;
using testing::Training;

// Everything of a run that can be seen from outside.
class Log final : public SolverObserver {
 public:
  void OnIteration(const IterationReport& report) override {
    losses.push_back(report.smoothed_loss);
    if (!report.after_training) losses.push_back(report.loss);
  }
  void OnTest(const TestReport& report) override {
    for (const OutputValue& output : report.outputs) tests.push_back(output.value);
  }
  std::vector<double> losses, tests;
};

TEST(Resume, GivesTheBitsOfATrainingThatWasNeverInterrupted) {
  TemporaryFolder whole, parts;
  Log log, before, after;
  {
    Training training(EverythingThatHasState(whole / "s", 20), 11, 2);
    training->AddObserver(&log);
    EXPECT_TRUE(training->Solve());
  }
  {
    Training training(EverythingThatHasState(parts / "s", 20), 11, 1);
    training->AddObserver(&before);
    EXPECT_FALSE(training->Solve(
        [&] { return training->iteration() == 10 ? SolverRequest::kStop : SolverRequest::kNone; }));
  }
  {
    Training training(EverythingThatHasState(parts / "s", 20), 999,
                      3);  // another seed: the state's counts
    training->Restore(parts / "s_iter_10.solverstate");
    EXPECT_EQ(training->iteration(), 10);
    training->AddObserver(&after);
    EXPECT_TRUE(training->Solve());
  }
  before.losses.insert(before.losses.end(), after.losses.begin(), after.losses.end());
  before.tests.insert(before.tests.end(), after.tests.begin(), after.tests.end());
  EXPECT_EQ(before.losses, log.losses);
  EXPECT_EQ(before.tests, log.tests);
  EXPECT_EQ(parts.Read("s_iter_20.caffemodel"), whole.Read("s_iter_20.caffemodel"));
  SolverState state, expected;
  ASSERT_TRUE(state.ParseFromString(parts.Read("s_iter_20.solverstate")));
  ASSERT_TRUE(expected.ParseFromString(whole.Read("s_iter_20.solverstate")));
  for (SolverState* one : {&state, &expected}) {  // these have the folder's name in them
    one->clear_learned_net();
    one->clear_checksum();
  }
  EXPECT_EQ(state.SerializeAsString(), expected.SerializeAsString());
}

// Asks once in the fourth pass of the tests at 8, within the second net.
TEST(Resume, RepeatsTheTestsDuringWhichTheSnapshotWasTaken) {
  TemporaryFolder folder;
  Log log;
  Training whole(EverythingThatHasState(folder / "a", 12), 11);
  whole->AddObserver(&log);
  whole->Solve();
  ASSERT_EQ(log.tests.size(), 8u);
  for (const SolverRequest request : {SolverRequest::kStop, SolverRequest::kSnapshot}) {
    const std::string name = request == SolverRequest::kStop ? "stop" : "go";
    {
      Training training(EverythingThatHasState(folder / name, 12) + "snapshot_after_train: true",
                        11);
      int passes = 0;
      training->Solve([&] {
        return training->iteration() == 8 && ++passes == 4 ? request : SolverRequest::kNone;
      });
    }
    Log after;
    Training training(EverythingThatHasState(folder / name, 12), 5);
    training->Restore(folder / (name + "_iter_8.solverstate"));
    training->AddObserver(&after);
    training->Solve();
    EXPECT_EQ(after.tests, std::vector<double>(log.tests.begin() + 4, log.tests.end())) << name;
  }
}

TEST(Resume, ReadsAStateThatCaffeWrote) {
  TemporaryFolder folder;
  Training training(SolverText(
      Regression(), "momentum: 0.9 iter_size: 3 snapshot_prefix: '" + (folder / "s") + "'"));
  training->Snapshot();
  SolverState state;  // only what Caffe knows
  state.set_iter(40);
  state.set_learned_net("examples/somewhere/else/s_iter_0.caffemodel");  // found beside the state
  for (const int count : {9, 3}) {
    BlobProto& blob = *state.add_history();
    blob.mutable_shape()->add_dim(count == 9 ? 3 : count);
    if (count == 9) blob.mutable_shape()->add_dim(3);
    for (int i = 0; i < count; ++i) blob.add_data(0.25f);
  }
  const std::vector<float> before = training.Values("ip", 0);
  training->Restore(folder.Write("caffe.solverstate", state.SerializeAsString()));
  EXPECT_EQ(training->iteration(), 40);
  EXPECT_EQ(training->net().counter(), 120u);
  training->Snapshot();
  SolverState again;
  ASSERT_TRUE(again.ParseFromString(folder.Read("s_iter_40.solverstate")));
  EXPECT_EQ(again.history(1).data(2), 0.25f);
  EXPECT_EQ(training.Values("ip", 0), before);
}

}  // namespace
}  // namespace moka
