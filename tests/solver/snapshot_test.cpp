// Snapshots: where they go, what is in them, and that a resumed training gives the same bits as one
// that was never interrupted.
#include "solver/snapshot.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "moka/net.pb.h"
#include "solver/training.h"

namespace moka {
namespace {

using testing::ErrorOf;
using testing::InnerProduct;
using testing::kLoss;
using testing::kNumbers;
using testing::Regression;
using testing::SolverText;
using testing::TemporaryFolder;
using testing::Training;

SolverDescription WithPrefix(const std::string& file, const std::string& prefix) {
  SolverDescription solver;
  solver.file = file;
  if (!prefix.empty()) solver.common.set_snapshot_prefix(prefix);
  return solver;
}

TEST(SnapshotPrefix, IsWhatTheFileSaysOrTheFileItself) {
  TemporaryFolder folder;
  EXPECT_EQ(SnapshotPrefix(WithPrefix("a/lenet.prototxt", "out/x")), "out/x");
  EXPECT_EQ(SnapshotPrefix(WithPrefix("a/lenet.prototxt", "")), "a/lenet");
  EXPECT_EQ(SnapshotPrefix(WithPrefix("a/lenet.prototxt", folder.path())), folder / "lenet");
  EXPECT_EQ(SnapshotPrefix(WithPrefix("", "")), "snapshot");
}

TEST(SnapshotPrefix, IsTriedBeforeTrainingStarts) {
  TemporaryFolder folder;
  folder.Write("file", "");
  const auto error = [&](const std::string& prefix, const std::string& more) {
    return ErrorOf(
        [&] { Training(SolverText(Regression(), "\nsnapshot_prefix: '" + prefix + "' " + more)); });
  };
  EXPECT_EQ(error(folder / "none/x", "snapshot: 10"),
            "solver.prototxt:2:1: there is no folder " + (folder / "none") +
                " for snapshots; make it, or choose another snapshot_prefix");
  EXPECT_EQ(error(folder / "file/x", "snapshot: 10"),
            "solver.prototxt:2:1: snapshots are not possible here: cannot write \"" +
                (folder / "file/x_iter_0.solverstate") + "\": Not a directory");
  EXPECT_EQ(error(folder / "x", "snapshot: 10"), "");
  EXPECT_EQ(error(folder / "none/x", ""), "");  // no snapshots, no check
  EXPECT_EQ(folder.files(), 1u);
}

TEST(Snapshot, HoldsTheNetInCaffesFormat) {
  TemporaryFolder folder;
  Training training(
      SolverText("name: 'little' " + Regression(),
                 "snapshot_diff: true momentum: 0.9 snapshot_prefix: '" + (folder / "s") + "'"));
  training->Step(3);
  training->Snapshot();
  NetParameter net;
  ASSERT_TRUE(net.ParseFromString(folder.Read("s_iter_3.caffemodel")));
  EXPECT_EQ(net.name(), "little");
  ASSERT_EQ(net.layer_size(), 3);
  EXPECT_EQ(net.layer(1).name(), "ip");
  EXPECT_EQ(net.layer(1).type(), "InnerProduct");
  EXPECT_EQ(net.layer(1).bottom(0), "x");
  EXPECT_EQ(net.layer(1).phase(), TRAIN);
  EXPECT_TRUE(net.layer(1).has_phase());
  EXPECT_EQ(net.layer(1).unknown_fields().substr(0, 2),
            "\xaa\x07");  // inner_product_param is field 117
  ASSERT_EQ(net.layer(1).blobs_size(), 2);
  EXPECT_EQ(net.layer(1).blobs(1).shape().dim(0), 3);
  const auto& data = net.layer(1).blobs(0).data();
  EXPECT_EQ(std::vector<float>(data.begin(), data.end()), training.Values("ip", 0));
  EXPECT_EQ(net.layer(1).blobs(0).diff_size(), 9);

  SolverState state;
  ASSERT_TRUE(state.ParseFromString(folder.Read("s_iter_3.solverstate")));
  EXPECT_EQ(state.iter(), 3);
  EXPECT_EQ(state.learned_net(), folder / "s_iter_3.caffemodel");
  ASSERT_EQ(state.history_size(), 2);
  EXPECT_EQ(state.history(0).data_size(), 9);
  EXPECT_EQ(state.seed(), 1u);
  EXPECT_EQ(state.train_counter(), 3u);
}

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

// Data, dropout, a window of losses, momentum, a step policy, two test nets.
std::string EverythingThatHasState(const std::string& prefix, int max_iter) {
  const std::string net =
      kNumbers + InnerProduct("ip1", "x", "h") +
      "layer { name: 'drop' type: 'Dropout' bottom: 'h' top: 'd' }\n" +
      "layer { name: 'noise' type: 'DummyData' top: 'n' dummy_data_param { shape { dim: 4 dim: 3 } "
      "data_filler { type: "
      "'gaussian' } } }\n" +
      "layer { name: 'sum' type: 'Eltwise' bottom: 'd' bottom: 'n' top: 's' }\n" +
      InnerProduct("ip2", "s", "y") + kLoss;
  return "base_lr: 0.02 lr_policy: 'step' gamma: 0.5 stepsize: 7 momentum: 0.9 weight_decay: 0.01 "
         "iter_size: 2 "
         "average_loss: 5 display: 3 test_interval: 4 test_iter: 2 test_iter: 3 clip_gradients: 2 "
         "snapshot: 5 max_iter: " +
         std::to_string(max_iter) + " snapshot_prefix: '" + prefix + "' net_param {" + net + "}";
}

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
  state.clear_learned_net();
  expected.clear_learned_net();
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

class Restore : public ::testing::Test {
 protected:
  std::string Prefix() const { return "snapshot_prefix: '" + (folder_ / "s") + "'"; }
  // What restoring this net from the file says, without the folder's name.
  std::string ErrorFrom(const std::string& file, const std::string& net) {
    Training training(SolverText(net, Prefix()));
    std::string error = ErrorOf([&] { training->Restore(folder_ / file); });
    EXPECT_EQ(training->iteration(), 0);
    for (size_t at; (at = error.find(folder_.path() + "/")) != std::string::npos;) {
      error.erase(at, folder_.path().size() + 1);
    }
    return error;
  }
  void MakeSnapshot() {
    Training training(SolverText(Regression(), Prefix()));
    training->Snapshot();
  }

  TemporaryFolder folder_;
};

TEST_F(Restore, RefusesASnapshotOfAnotherNet) {
  MakeSnapshot();
  EXPECT_EQ(ErrorFrom("s_iter_0.solverstate", Regression()), "");
  EXPECT_EQ(ErrorFrom("s_iter_0.solverstate",
                      kNumbers + InnerProduct("ip", "x", "y", "", "bias_term: false") + kLoss),
            "s_iter_0.solverstate: the history has 2 blobs, this net and solver type need 1");
  const std::string wide =
      "layer { name: 'numbers' type: 'Numbers' top: 'x' top: 't' } layer { name: 'ip' type: "
      "'InnerProduct' bottom: 'x' "
      "top: 'y' loss_weight: 1 inner_product_param { num_output: 5 } }";
  EXPECT_EQ(
      ErrorFrom("s_iter_0.solverstate", wide),
      "s_iter_0.solverstate: the history of layer \"ip\", blob 0 is 3x3, in the net it is 5x3");
  EXPECT_EQ(ErrorFrom("s_iter_0.solverstate", kNumbers + InnerProduct("other", "x", "y") + kLoss),
            "s_iter_0.caffemodel: there are no values for layer \"other\" of the net");
}

TEST_F(Restore, SaysThatTheWeightsAreMissing) {
  MakeSnapshot();
  std::filesystem::create_directory(folder_ / "moved");
  std::filesystem::rename(folder_ / "s_iter_0.solverstate", folder_ / "moved/s.solverstate");
  std::filesystem::remove(folder_ / "s_iter_0.caffemodel");
  EXPECT_EQ(ErrorFrom("moved/s.solverstate", Regression()),
            "moved/s.solverstate: its weights are missing, both s_iter_0.caffemodel and "
            "moved/s_iter_0.caffemodel");
}

TEST_F(Restore, RefusesWhatIsNoState) {
  MakeSnapshot();
  EXPECT_EQ(ErrorFrom("none", Regression()), "cannot read \"none\": No such file or directory");
  EXPECT_EQ(ErrorFrom("s_iter_0.caffemodel", Regression()),
            "s_iter_0.caffemodel: is it a .solverstate? It does not look like one");
  folder_.Write("empty", "");
  EXPECT_EQ(ErrorFrom("empty", Regression()),
            "empty: is it a .solverstate? It does not look like one");
  const std::string whole = folder_.Read("s_iter_0.solverstate");
  folder_.Write("cut", whole.substr(0, whole.size() - 5));
  EXPECT_NE(ErrorFrom("cut", Regression()).find("cut: damaged at byte "), std::string::npos);
}

TEST(SolverWeights, AreReadByLayerName) {
  TemporaryFolder folder;
  Training source(SolverText(Regression(), "snapshot_prefix: '" + (folder / "s") + "'"), 1);
  source->Snapshot();
  Training target(
      SolverText(kNumbers + InnerProduct("ip", "x", "h") + InnerProduct("new", "h", "y") + kLoss,
                 ""),
      2);
  EXPECT_NE(target.Values("ip", 0), source.Values("ip", 0));
  const LoadReport report = target->LoadWeights(folder / "s_iter_0.caffemodel");
  EXPECT_EQ(report.loaded, std::vector<std::string>{"ip"});
  EXPECT_EQ(report.initial, std::vector<std::string>{"new"});
  EXPECT_EQ(target.Values("ip", 0), source.Values("ip", 0));
}

TEST_F(Restore, LeavesTheSolverAsItWasWhenALayerHasNoValues) {
  MakeSnapshot();
  // Same shapes of history as in the file, but one of the two layers has another name.
  const std::string two = kNumbers + InnerProduct("ip", "x", "h") + InnerProduct("a", "h", "y");
  {
    Training training(SolverText(two + kLoss, Prefix()), 1);
    training->Step(2);
    training->Snapshot();
  }
  const std::string other = kNumbers + InnerProduct("ip", "x", "h") + InnerProduct("b", "h", "y");
  Training training(SolverText(other + kLoss, Prefix()), 2);
  const std::vector<float> before = training.Values("ip", 0);
  EXPECT_EQ(ErrorOf([&] { training->Restore(folder_ / "s_iter_2.solverstate"); }),
            (folder_ / "s_iter_2.caffemodel") + ": there are no values for layer \"b\" of the net");
  EXPECT_EQ(training.Values("ip", 0), before);
  EXPECT_EQ(training->iteration(), 0);
}

TEST(Snapshot, IsTakenAgainAfterOtherValuesWereRead) {
  TemporaryFolder folder;
  Training training(SolverText(
      Regression(), "snapshot: 2 max_iter: 4 snapshot_after_train: true snapshot_prefix: '" +
                        (folder / "s") + "'"));
  training->Solve();
  const std::string model = folder / "s_iter_4.caffemodel";
  std::filesystem::remove(model);
  training->Restore(folder / "s_iter_2.solverstate");
  training->Solve();
  EXPECT_TRUE(std::filesystem::exists(model));
  training->LoadWeights(folder / "s_iter_2.caffemodel");
  training->Solve();  // nothing but the last snapshot
  EXPECT_EQ(folder.Read("s_iter_4.caffemodel"), folder.Read("s_iter_2.caffemodel"));
}

TEST(Snapshot, IsTheSameBeforeAndAfterTheLastPasses) {
  TemporaryFolder folder;
  Training training(EverythingThatHasState(folder / "s", 12) + "snapshot_after_train: true", 11);
  const std::string state = "s_iter_12.solverstate";
  std::vector<std::string> states;
  training->Solve([&] {
    if (training->iteration() < 12 || !std::filesystem::exists(folder / state)) {
      return SolverRequest::kNone;
    }
    states.push_back(folder.Read(state));  // first as before the passes, then as asked for in them
    return SolverRequest::kSnapshot;
  });
  training->Snapshot();
  states.push_back(folder.Read(state));
  ASSERT_EQ(states.size(), 6u);
  for (const std::string& one : states) EXPECT_EQ(one, states[0]);
}

class Failures final : public SolverObserver {
 public:
  void OnSnapshotFailed(int64_t iteration, const std::string& reason) override {
    text += std::to_string(iteration) + ": " + reason + "\n";
  }
  std::string text;
};

// The folder vanishes during the first iteration, and is there again after `back`.
TEST(Snapshot, ThatFailsOnTheWayDoesNotEndTheTraining) {
  TemporaryFolder folder;
  const std::string inner = folder / "inner";
  const auto run = [&](int back, const std::string& more) {
    std::filesystem::create_directory(inner);
    Training training(SolverText(
        Regression(), "snapshot: 2 max_iter: 6 snapshot_prefix: '" + inner + "/s' " + more));
    Failures failures;
    training->AddObserver(&failures);
    const std::string error = ErrorOf([&] {
      training->Solve([&] {
        if (training->iteration() == 1) std::filesystem::remove_all(inner);
        if (training->iteration() == back) std::filesystem::create_directory(inner);
        return training->iteration() == 3 ? SolverRequest::kSnapshot : SolverRequest::kNone;
      });
    });
    EXPECT_EQ(training->iteration(), 6);
    return failures.text + error;
  };
  const auto cannot = [&](const std::string& name) {
    return "cannot write \"" + inner + "/s_iter_" + name +
           ".caffemodel\": No such file or directory";
  };
  const std::string missed = "2: " + cannot("2") + "\n3: " + cannot("3") + "\n";
  EXPECT_EQ(run(4, ""), missed);
  EXPECT_TRUE(std::filesystem::exists(inner + "/s_iter_4.solverstate"));
  EXPECT_TRUE(std::filesystem::exists(inner + "/s_iter_6.solverstate"));
  // The last one is what the training is for.
  for (const std::string more : {"", "snapshot_after_train: true"}) {
    EXPECT_EQ(run(-1, more), missed + "4: " + cannot("4") + "\n" + cannot("6")) << more;
  }
}

}  // namespace
}  // namespace moka
