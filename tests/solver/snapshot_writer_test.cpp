// Snapshots are written beside the training.
#include "solver/snapshot_writer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "io/system_calls.h"
#include "solver/training.h"

namespace moka {
namespace {

using testing::ErrorOf;
using testing::Regression;
using testing::SolverText;
using testing::TemporaryFolder;
using testing::Training;

// While `held`, nobody gets a byte onto the disk.
std::atomic<bool> held = false;
std::atomic<int> waiting = 0;

// Lets the writing go on at one iteration, and notes what is told.
class Release final : public SolverObserver {
 public:
  explicit Release(int64_t at) : at_(at) {}
  void OnIteration(const IterationReport& report) override {
    if (report.iteration == at_) {
      while (waiting == 0) std::this_thread::yield();  // it has begun to write
      held = false;
    }
    text += std::to_string(report.iteration) + " ";
  }
  void OnSnapshotStart(const std::string&, const std::string&) override { text += "start "; }
  void OnSnapshot(const std::string& model, const std::string&) override {
    text += "done:" + model.substr(model.rfind('_') + 1, 1) + " ";
  }
  std::string text;

 private:
  const int64_t at_;
};

// The disk is full from the second snapshot on.
class FullDisk final : public SolverObserver {
 public:
  void OnSnapshotStart(const std::string&, const std::string&) override {
    if (++snapshots_ == 2)
      Calls().write = [](int, const void*, size_t) -> ssize_t { return errno = ENOSPC, -1; };
  }

 private:
  int snapshots_ = 0;
};

class SnapshotWriterTest : public ::testing::Test {
 protected:
  SnapshotWriterTest() : before_(Calls()) {
    held = true;
    waiting = 0;
    Calls().write = [](int file, const void* data, size_t bytes) {
      ++waiting;
      while (held) std::this_thread::yield();
      return write(file, data, bytes);
    };
  }
  ~SnapshotWriterTest() override { Calls() = before_; }
  std::string Text(const std::string& more) const {
    return SolverText(Regression(),
                      "momentum: 0.9 snapshot_prefix: '" + (folder_ / "s") + "' " + more);
  }
  // The values of the net after so many iterations.
  static std::vector<float> After(int iterations) {
    Training training(SolverText(Regression(), "momentum: 0.9"));
    training->Step(iterations);
    return training.Values("ip", 0);
  }
  std::vector<float> Saved(int iteration) {
    Training training(Text(""), 99);
    training->Restore(folder_ / ("s_iter_" + std::to_string(iteration) + ".solverstate"));
    return training.Values("ip", 0);
  }

  TemporaryFolder folder_;

 private:
  const SystemCalls before_;
};

TEST_F(SnapshotWriterTest, HoldsOneIterationThoughTheTrainingGoesOn) {
  Training training(Text("snapshot: 2 max_iter: 3"));
  // Not a byte of the snapshot after two iterations is written before the third has begun.
  Release release(2);
  training->AddObserver(&release);
  training->Solve();
  EXPECT_EQ(release.text, "0 1 start 2 done:2 ");
  EXPECT_EQ(Saved(2), After(2));
  EXPECT_NE(Saved(2), training.Values("ip", 0));
}

TEST_F(SnapshotWriterTest, TheSecondWaitsForTheFirst) {
  Training training(Text("snapshot: 2 max_iter: 5"));
  Release release(3);
  training->AddObserver(&release);
  training->Solve();
  EXPECT_TRUE(release.text == "0 1 start 2 3 done:2 start 4 done:4 ") << release.text;
  EXPECT_EQ(Saved(2), After(2));
  EXPECT_EQ(Saved(4), After(4));
}

TEST_F(SnapshotWriterTest, ASolverThatGoesAwayWaitsForIt) {
  {
    Training training(Text("snapshot: 2 max_iter: 100"));
    Release release(2);
    training->AddObserver(&release);
    EXPECT_FALSE(training->Solve(
        [&] { return training->iteration() == 3 ? SolverRequest::kStop : SolverRequest::kNone; }));
  }
  EXPECT_EQ(Saved(2), After(2));
  EXPECT_EQ(folder_.files(), 2u);
}

// The training waits instead.
TEST_F(SnapshotWriterTest, NeedsNoMemoryForACopy) {
  held = false;
  Training training(Text("snapshot: 2 max_iter: 5"));
  training->Step(1);
  const int64_t limit = MemoryLimit();
  SetMemoryLimit(1);
  const std::string error = ErrorOf([&] { training->Solve(); });
  SetMemoryLimit(limit);
  EXPECT_EQ(error, "");
  EXPECT_EQ(Saved(2), After(2));
  EXPECT_EQ(Saved(4), After(4));
}

TEST_F(SnapshotWriterTest, TheLastOneThatFailsIsAnError) {
  held = false;
  Training training(Text("snapshot: 2 max_iter: 4"));
  FullDisk full;
  training->AddObserver(&full);
  const std::string error = ErrorOf([&] { training->Solve(); });
  EXPECT_EQ(error,
            "cannot write \"" + (folder_ / "s_iter_4.caffemodel") + "\": No space left on device");
  EXPECT_EQ(Saved(2), After(2));
  EXPECT_EQ(folder_.files(), 2u);  // nothing half-written
}

TEST_F(SnapshotWriterTest, WeightsWithoutAStateDoNotStay) {
  held = false;
  Training training(Text(""));
  Calls().rename = [](const char* from, const char* to) {
    return std::string_view(to).ends_with(".solverstate") ? (errno = ENOSPC, -1) : rename(from, to);
  };
  EXPECT_EQ(ErrorOf([&] { training->Snapshot(); }),
            "cannot write \"" + (folder_ / "s_iter_0.solverstate") + "\": No space left on device");
  EXPECT_EQ(folder_.files(), 0u);
}

}  // namespace
}  // namespace moka
