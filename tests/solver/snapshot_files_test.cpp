// The files of snapshots in their folder: which are found, and which go away.
#include "solver/snapshot_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "io/hdf5.h"
#include "solver/training.h"

namespace moka {
namespace {

namespace fs = std::filesystem;

using testing::ErrorOf;
using testing::Regression;
using testing::SolverText;
using testing::TemporaryFolder;
using testing::Training;

class SnapshotFiles : public ::testing::Test {
 protected:
  std::string Text(const std::string& more, const std::string& name = "s") const {
    return SolverText(Regression(), "snapshot_prefix: '" + (folder_ / name) + "' " + more);
  }
  // The iteration it goes on from.
  static int64_t Resumed(const std::string& text) {
    Training training(text);
    EXPECT_TRUE(training->ResumeNewest().skipped.empty());
    return training->iteration();
  }

  TemporaryFolder folder_;
};

TEST_F(SnapshotFiles, SaysThatAFolderCannotBeRead) {
  EXPECT_EQ(
      ErrorOf([&] { FindSnapshots(folder_ / "none/s"); }),
      "cannot look for snapshots in \"" + (folder_ / "none") + "\": No such file or directory");
}

TEST_F(SnapshotFiles, KeepsSoManyOfTheNewest) {
  {
    Training training(Text("snapshot: 1 snapshot_keep: 2 max_iter: 12 ema_decay: 0.5"));
    training->Solve();
  }
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder_.path()))
    files.push_back(entry.path().filename().string());
  std::sort(files.begin(), files.end());
  EXPECT_EQ(files,
            (std::vector<std::string>{"s_iter_11.caffemodel", "s_iter_11.solverstate",
                                      "s_iter_11_averaged.caffemodel", "s_iter_12.caffemodel",
                                      "s_iter_12.solverstate", "s_iter_12_averaged.caffemodel"}));
}

// A training that begins anew in the other format, over the snapshots of an earlier one.
TEST_F(SnapshotFiles, KeepsBothFormatsOfAnIterationAndRemovesEachByItself) {
  for (const std::string i : {"1", "2", "3"}) {
    for (const std::string end : {"", ".h5"}) {
      folder_.Write("s_iter_" + i + ".solverstate" + end, "");
      folder_.Write("s_iter_" + i + ".caffemodel" + end, "");
    }
  }
  std::filesystem::remove(folder_ / "s_iter_2.solverstate");
  SolverState state;
  state.set_iter(3);
  RemoveOldSnapshots(folder_ / "s", state, 2);
  EXPECT_EQ(folder_.files(), 7u);
  EXPECT_TRUE(fs::exists(folder_ / "s_iter_3.solverstate.h5"));
  EXPECT_TRUE(fs::exists(folder_ / "s_iter_3.solverstate"));
  EXPECT_TRUE(fs::exists(folder_ / "s_iter_2.solverstate.h5"));
  RemoveOldSnapshots(folder_ / "s", state, 1);
  EXPECT_EQ(folder_.files(), 5u);  // with the weights that have no state
  EXPECT_TRUE(fs::exists(folder_ / "s_iter_2.caffemodel"));
}

// One without its weights is none; it goes away when it is older than those that stay.
TEST_F(SnapshotFiles, DoesNotCountTornOnesAmongThoseThatStay) {
  for (const std::string i : {"1", "2", "3", "4", "5", "6"}) {
    folder_.Write("s_iter_" + i + ".solverstate", "");
    folder_.Write("s_iter_" + i + ".caffemodel", "");
  }
  for (const std::string i : {"1", "3", "5"}) fs::remove(folder_ / ("s_iter_" + i + ".caffemodel"));
  SolverState state;
  state.set_iter(6);
  RemoveOldSnapshots(folder_ / "s", state, 2);
  EXPECT_TRUE(fs::exists(folder_ / "s_iter_6.caffemodel"));
  EXPECT_TRUE(fs::exists(folder_ / "s_iter_5.solverstate"));
  EXPECT_TRUE(fs::exists(folder_ / "s_iter_4.caffemodel"));
  EXPECT_EQ(folder_.files(), 5u);
}

// What is in the place of a file may be no file.
TEST_F(SnapshotFiles, SaysWhatCannotBeRemoved) {
  for (const std::string i : {"1", "2"}) folder_.Write("s_iter_" + i + ".solverstate", "");
  folder_.Write("s_iter_2.caffemodel", "");
  fs::create_directory(folder_ / "s_iter_1.caffemodel");
  SolverState state;
  state.set_iter(2);
  EXPECT_EQ(ErrorOf([&] { RemoveOldSnapshots(folder_ / "s", state, 1); }),
            "cannot remove \"" + (folder_ / "s_iter_1.caffemodel") + "\": Is a directory");
}

TEST_F(SnapshotFiles, LeavesNewerOnesOfAnEarlierTraining) {
  {
    Training earlier(Text(""));
    for (const int steps : {1, 1, 8}) {
      earlier->Step(steps);
      earlier->Snapshot();
    }
  }
  Training training(Text("snapshot: 1 snapshot_keep: 1 max_iter: 2"));
  training->Solve();
  EXPECT_TRUE(fs::exists(folder_ / "s_iter_10.solverstate"));
  EXPECT_TRUE(fs::exists(folder_ / "s_iter_2.solverstate"));
  EXPECT_FALSE(fs::exists(folder_ / "s_iter_1.solverstate"));
}

// The best snapshot of s and those of s_best have names of one kind.
class BestOrPrefix : public SnapshotFiles, public ::testing::WithParamInterface<std::string> {
 protected:
  std::string Named(const std::string& name, const std::string& more) const {
    return Text("snapshot_format: " + GetParam() + " " + more, name);
  }
  bool Has(int iteration) const {
    return fs::exists(folder_ / ("s_best_iter_" + std::to_string(iteration) + ".solverstate" +
                                 (GetParam() == "HDF5" ? ".h5" : "")));
  }
};
INSTANTIATE_TEST_SUITE_P(Formats, BestOrPrefix, ::testing::Values("BINARYPROTO", "HDF5"));

TEST_P(BestOrPrefix, IsToldByTheStates) {
  if (GetParam() == "HDF5" && !HasHdf5()) GTEST_SKIP() << "skipped: needs a build with HDF5";
  {
    Training other(Named("s_best", ""));
    for (const int steps : {1, 2, 10}) {
      other->Step(steps);
      other->Snapshot();
    }
  }
  {
    Training training(Named("s",
                            "snapshot_best: 'loss' test_interval: 2 test_iter: 1 "
                            "max_iter: 14 "));
    training->Solve();
  }
  EXPECT_EQ(folder_.files(), 8u);
  EXPECT_TRUE(Has(1) && Has(3) && Has(13));
  int best = 0;
  while (!Has(best) && best < 14) best += 2;
  EXPECT_EQ(Resumed(Named("s", "")), best);
  EXPECT_EQ(Resumed(Named("s_best", "")), 13);
  Training other(Named("s_best", "snapshot_keep: 1 "));
  EXPECT_EQ(other->ResumeNewest().skipped.size(), 0u);
  other->Step(2);
  other->Snapshot();
  EXPECT_TRUE(!Has(1) && !Has(3) && !Has(13) && Has(15) && Has(best));
}

// Caffe's, and those of Moka before it wrote down the prefix.
TEST_F(SnapshotFiles, TakesStatesThatSayNoPrefixByTheirNames) {
  SolverState state;
  state.set_iter(7);
  folder_.Write("s_best_iter_7.solverstate", state.SerializeAsString());
  folder_.Write("s_best_iter_8.solverstate", "damaged");
  EXPECT_EQ(FindSnapshots(folder_ / "s_best").size(), 2u);
  EXPECT_EQ(FindSnapshots(folder_ / "s_best", "s").size(), 2u);
  state.set_iter(9);
  RemoveOldSnapshots(folder_ / "s_best", state, 1);
  EXPECT_EQ(folder_.files(), 2u);
  folder_.Write("s_best_iter_9.solverstate", state.SerializeAsString());
  folder_.Write("s_best_iter_9.caffemodel", "");
  RemoveOldSnapshots(folder_ / "s_best", state, 1);
  EXPECT_EQ(folder_.files(), 3u);
  EXPECT_TRUE(fs::exists(folder_ / "s_best_iter_8.solverstate"));  // nobody knows whose it is
}

}  // namespace
}  // namespace moka
