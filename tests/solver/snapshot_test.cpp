// Snapshots: where they go, what is in them, when they are taken, and what happens when one fails.
#include "solver/snapshot.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "moka/net.pb.h"
#include "solver/training.h"

namespace moka {
namespace {

using testing::ErrorOf;
using testing::EverythingThatHasState;
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
    if (then) then(iteration);
  }
  std::string text;
  std::function<void(int64_t)> then;
};

// The folder vanishes during the first iteration, and is there again after the snapshot of `back`
// has failed.
TEST(Snapshot, ThatFailsOnTheWayDoesNotEndTheTraining) {
  TemporaryFolder folder;
  const std::string inner = folder / "inner";
  const auto run = [&](int back, const std::string& more) {
    std::filesystem::create_directory(inner);
    Training training(SolverText(
        Regression(), "snapshot: 2 max_iter: 6 snapshot_prefix: '" + inner + "/s' " + more));
    Failures failures;
    failures.then = [&](int64_t iteration) {
      if (iteration == back) std::filesystem::create_directory(inner);
    };
    training->AddObserver(&failures);
    const std::string error = ErrorOf([&] {
      training->Solve([&] {
        if (training->iteration() == 1) std::filesystem::remove_all(inner);
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
  EXPECT_EQ(run(3, ""), missed);
  EXPECT_TRUE(std::filesystem::exists(inner + "/s_iter_4.solverstate"));
  EXPECT_TRUE(std::filesystem::exists(inner + "/s_iter_6.solverstate"));
  // The last one is what the training is for.
  for (const std::string more : {"", "snapshot_after_train: true"}) {
    EXPECT_EQ(run(-1, more), missed + "4: " + cannot("4") + "\n" + cannot("6")) << more;
  }
}

TEST(Snapshot, WithoutItsWeightsSaysWhereTheyWereLookedFor) {
  TemporaryFolder folder;
  const auto error = [&](const std::string& learned_net) {
    SolverState state;
    state.set_iter(7);
    if (!learned_net.empty()) state.set_learned_net(learned_net);
    folder.Write("s", state.SerializeAsString());
    return ErrorOf([&] { StoredSnapshot(folder / "s"); });
  };
  EXPECT_EQ(error("/none/m"),
            (folder / "s") + ": its weights are missing, both /none/m and " + (folder / "m"));
  EXPECT_EQ(error(folder / "m"), (folder / "s") + ": its weights are missing, " + (folder / "m"));
  EXPECT_EQ(error(folder.path() + "/./m"),
            (folder / "s") + ": its weights are missing, " + folder.path() + "/./m");
  EXPECT_EQ(error(""), (folder / "s") +
                           ": it names no weights (learned_net); to begin with those "
                           "that belong to it, give the .caffemodel as --weights");
}

// Before training, and not when the first one is due.
TEST(Snapshot, ThatOtherReadersCouldNotReadIsRefusedWithItsLength) {
  LayerDescription layer;
  layer.common.set_name("ip");
  float nothing = 0;
  const Tensor w(Shape{1 << 28}, &nothing);  // never touched
  SnapshotImage image;
  image.model = {{&layer, TRAIN, {{w.shape(), &w, nullptr}}}};
  image.history = {&w, &w};
  EXPECT_EQ(ErrorOf([&] { CheckSnapshotSize(image); }),
            "a .solverstate of this training would have 2147483690 bytes, and one can have "
            "2147483647 at most; snapshot_format: HDF5 has no such limit");
  image.history.pop_back();
  EXPECT_EQ(ErrorOf([&] { CheckSnapshotSize(image); }), "");
  image.model.push_back(image.model[0]);
  EXPECT_EQ(ErrorOf([&] { CheckSnapshotSize(image); }),
            "a .caffemodel of this training would have 2147483733 bytes, and one can have "
            "2147483647 at most; snapshot_format: HDF5 has no such limit");
}

}  // namespace
}  // namespace moka
