// What a training leaves behind that is interrupted: by an error in the middle, by a request while
// its last passes run, by a save that fails at the end.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "io/system_calls.h"
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

std::atomic<bool> held = false;

class Interruption : public ::testing::Test {
 protected:
  Interruption() : before_(Calls()) { held = false; }
  ~Interruption() override { Calls() = before_; }
  std::string Text(const std::string& fields, const std::string& net = Regression()) const {
    return SolverText(net, fields + " snapshot_prefix: '" + (folder_ / "s") + "'");
  }
  TemporaryFolder folder_;

 private:
  const SystemCalls before_;
};

// Throws once, in the iteration after a snapshot began, and notes what becomes of that.
class ThrowsOnce final : public SolverObserver {
 public:
  void OnSnapshotStart(const std::string&, const std::string&) override { begun_ = true; }
  void OnIteration(const IterationReport&) override {
    if (!begun_ || thrown_) return;
    thrown_ = true;
    throw Error("the log's disk is full");
  }
  void OnSnapshot(const std::string&, const std::string&) override { text += "saved;"; }
  void OnSnapshotFailed(int64_t iteration, const std::string&) override {
    text += "failed " + std::to_string(iteration) + ";";
  }
  std::string text;

 private:
  bool begun_ = false, thrown_ = false;
};

TEST_F(Interruption, ByAnErrorTellsWhatBecameOfTheSnapshotUnderWay) {
  Calls().fsync = [](int) { return errno = EIO, -1; };
  ThrowsOnce observer;
  Training training(Text("snapshot: 2 max_iter: 5"));
  training->AddObserver(&observer);
  EXPECT_EQ(ErrorOf([&] { training->Solve(); }), "the log's disk is full");
  EXPECT_EQ(observer.text, "failed 2;");
}

TEST_F(Interruption, ByAnErrorLeavesTheSnapshotUnderWayToItsIteration) {
  const std::string text = Text("momentum: 0.9 snapshot: 2 max_iter: 5");
  ThrowsOnce observer;
  Training training(text);
  training->AddObserver(&observer);
  EXPECT_EQ(ErrorOf([&] { training->Solve(); }), "the log's disk is full");
  training->Solve();
  Training steps(text), resumed(text);
  steps->Step(3);
  resumed->Restore(folder_ / "s_iter_2.solverstate");
  resumed->Step(1);
  EXPECT_EQ(resumed.Values("ip", 0), steps.Values("ip", 0));
}

class ThrowsInATest final : public SolverObserver {
 public:
  explicit ThrowsInATest(bool does) : does_(does) {}
  void OnTest(const TestReport& report) override {
    if (std::exchange(does_, false)) throw Error("the log's disk is full");
    values.push_back(report.outputs[0].value);
  }
  std::vector<double> values;

 private:
  bool does_;
};

TEST_F(Interruption, ByAnErrorInATestDoesNotMoveTheTestsData) {
  const std::string text = SolverText(Regression(), "test_interval: 3 test_iter: 2 max_iter: 3");
  Training broken(text), whole(text);
  ThrowsInATest once(true), never(false);
  broken->AddObserver(&once);
  whole->AddObserver(&never);
  EXPECT_EQ(ErrorOf([&] { broken->Solve(); }), "the log's disk is full");
  broken->Solve();
  whole->Solve();
  EXPECT_EQ(once.values, never.values);
}

const std::string kWithBatchNorm = std::string(kNumbers) + InnerProduct("ip", "x", "h") +
                                   "layer { name: 'bn' type: 'BatchNorm' bottom: 'h' top: 'y' }\n" +
                                   kLoss;

TEST_F(Interruption, ByARequestInTheLastPassesSavesTheRunningMeansOfTheIteration) {
  Training training(
      Text("snapshot_after_train: true test_interval: 3 test_iter: 1 max_iter: 3", kWithBatchNorm));
  std::string before;
  training->Solve([&] {
    if (!std::filesystem::exists(folder_ / "s_iter_3.solverstate")) return SolverRequest::kNone;
    before = folder_.Read("s_iter_3.caffemodel");
    return SolverRequest::kSnapshot;
  });
  EXPECT_NE(before, "");
  EXPECT_EQ(folder_.Read("s_iter_3.caffemodel"), before);
  training->Snapshot();
  EXPECT_EQ(folder_.Read("s_iter_3.caffemodel"), before);
}

TEST_F(Interruption, TheBestOfTheLastPassesIsTheLastSnapshotsEqual) {
  Training training(
      Text("snapshot_best: 'loss' best_is: HIGHEST snapshot_after_train: true "
           "test_initialization: false test_interval: 3 test_iter: 1 max_iter: 3",
           kWithBatchNorm));
  training->Solve();
  EXPECT_EQ(folder_.Read("s_best_iter_3.caffemodel"), folder_.Read("s_iter_3.caffemodel"));
}

// Each of these would end a training with success, though what it was for is not on the disk.
TEST_F(Interruption, OfTheLastSaveIsAnErrorWhicheverItIs) {
  const auto full = [](const char* path, int flags, mode_t mode) {
    return (flags & O_CREAT) != 0 ? (errno = ENOSPC, -1) : open(path, flags, mode);
  };
  const std::string no_space = "\": No space left on device";
  Training best(
      Text("snapshot_best: 'loss' test_initialization: false test_interval: 3 "
           "test_iter: 1 max_iter: 3"));
  Training asked(Text("snapshot: 3 max_iter: 3"));
  Calls().open = full;
  EXPECT_EQ(ErrorOf([&] { best->Solve(); }),
            "cannot write \"" + (folder_ / "s_best_iter_3.caffemodel") + no_space);
  EXPECT_EQ(ErrorOf([&] {
              asked->Solve([&] {
                return asked->iteration() == 3 ? SolverRequest::kSnapshot : SolverRequest::kNone;
              });
            }),
            "cannot write \"" + (folder_ / "s_iter_3.caffemodel") + no_space);
}

// The first best one cannot be written, the disk has room again: the next best is saved, though it
// is no better than the one that was lost.
class BestNotes final : public SolverObserver {
 public:
  void OnBest(int64_t iteration, const std::string&, double) override {
    text += std::to_string(iteration) + " ";
  }
  void OnSnapshotFailed(int64_t, const std::string&) override {
    text += "failed ";
    held = false;
  }
  std::string text;
};

TEST_F(Interruption, OfABestSaveMakesRoomForTheNextBest) {
  // A rate of 0: every test finds the same weights, and, with the same batch, the same loss.
  Training training(Text("snapshot_best: 'loss' test_interval: 2 test_iter: 1 max_iter: 1000000 ")
                        .replace(9, 3, "0.0"));
  held = true;
  Calls().open = [](const char* path, int flags, mode_t mode) {
    return held && (flags & O_CREAT) != 0 ? (errno = ENOSPC, -1) : open(path, flags, mode);
  };
  BestNotes notes;
  training->AddObserver(&notes);
  training->Solve([&] {
    training->test_net(0).set_counter(0);
    return notes.text.size() > std::string("0 failed ").size() ? SolverRequest::kStop
                                                               : SolverRequest::kNone;
  });
  EXPECT_EQ(notes.text.substr(0, 9), "0 failed ");
  EXPECT_GT(notes.text.size(), 9u);
  EXPECT_EQ(folder_.files(), 2u);
}

TEST_F(Interruption, ABestValueOfAnotherOutputIsForgotten) {
  const std::string fields = "test_interval: 2 test_iter: 1 snapshot: 3 max_iter: 6 ";
  BestNotes whole, same, other;
  const auto run = [&](const std::string& best, BestNotes& notes, bool resumed) {
    Training training(Text(fields + best));
    training->AddObserver(&notes);
    if (resumed) training->Restore(folder_ / "s_iter_3.solverstate");
    training->Solve();
  };
  run("snapshot_best: 'loss'", whole, false);
  run("snapshot_best: 'loss'", same, true);
  run("snapshot_best: 'loss' best_is: HIGHEST", other, true);
  EXPECT_EQ(whole.text.substr(0, 6), "0 2 4 ");  // lower and lower
  EXPECT_EQ(same.text.substr(0, 2), "4 ");
  EXPECT_EQ(other.text.substr(0, 2), "4 ");  // the first of its kind, though lower than the last
}

}  // namespace
}  // namespace moka
