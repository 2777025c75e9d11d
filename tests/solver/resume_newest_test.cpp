// --resume=auto: which snapshot a training goes on from, and what keeps it from a damaged one.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "io/hdf5.h"
#include "io/output_file.h"
#include "solver/snapshot_files.h"
#include "solver/training.h"

namespace moka {
namespace {

namespace fs = std::filesystem;

using testing::ErrorOf;
using testing::InnerProduct;
using testing::kLoss;
using testing::kNumbers;
using testing::Regression;
using testing::SolverText;
using testing::TemporaryFolder;
using testing::Training;

class ResumeNewest : public ::testing::Test {
 protected:
  std::string Text(const std::string& more = "", const std::string& net = Regression()) const {
    return SolverText(net, "momentum: 0.5 snapshot_prefix: '" + (folder_ / "s") + "' " + more);
  }
  // Snapshots of the iterations 1, 2 and 10.
  void MakeThree(const std::string& more = "") {
    Training training(Text(more), 5);
    for (const int steps : {1, 1, 8}) {
      training->Step(steps);
      training->Snapshot();
    }
  }
  std::string WithoutFolder(std::string text) const {
    for (size_t at; (at = text.find(folder_.path() + "/")) != std::string::npos;) {
      text.erase(at, folder_.path().size() + 1);
    }
    return text;
  }
  // "10: " and what was skipped.
  std::string Resumed(const std::string& text) {
    Training training(text);
    std::string result;
    const std::string error = ErrorOf([&] {
      const ResumeReport report = training->ResumeNewest();
      result = std::to_string(training->iteration()) + ": " + report.state;
      for (const std::string& reason : report.skipped) result += "; " + reason;
    });
    return WithoutFolder(result + error);
  }
  void Flip(const std::string& file, size_t at, int bits) {
    std::string bytes = folder_.Read(file);
    bytes[at] = static_cast<char>(bytes[at] ^ bits);
    folder_.Write(file, bytes);
  }

  TemporaryFolder folder_;
};

TEST_F(ResumeNewest, TakesTheHighestNumberAndNotTheLastName) {
  EXPECT_EQ(Resumed(Text()), "0: ");
  MakeThree();
  folder_.Write("s_iter_11.caffemodel", "without a state");
  folder_.Write("s_iter_12.solverstate.old", "another name");
  folder_.Write("s_iter_x.solverstate", "no number");
  folder_.Write("t_iter_50.solverstate", "another prefix");
  EXPECT_EQ(Resumed(Text()), "10: s_iter_10.solverstate");
}

// The prefix may be written in another way than the folder spells it.
TEST_F(ResumeNewest, FindsThemWhateverThePathToThem) {
  MakeThree();
  folder_.Write("s_iter_5.caffemodel.tmp999999999.0", "of nobody");
  const std::string name = fs::path(folder_.path()).filename().string();
  for (const std::string& between : {std::string("//"), std::string("/./"), "/../" + name + "/"}) {
    const std::string prefix = folder_.path() + between + "s";
    EXPECT_EQ(FindSnapshots(prefix).size(), 3u) << between;
    const std::string text = SolverText(
        Regression(), "momentum: 0.5 snapshot_keep: 1 snapshot_prefix: '" + prefix + "'");
    Training training(text);
    EXPECT_EQ(training->ResumeNewest().skipped.size(), 0u);
    EXPECT_EQ(training->iteration(), 10) << between;
    EXPECT_EQ(folder_.files(), 6u) << between;
    folder_.Write("s_iter_5.caffemodel.tmp999999999.0", "of nobody");
  }
}

TEST_F(ResumeNewest, SkipsWhatIsTornAndSaysWhy) {
  MakeThree();
  const std::string whole = folder_.Read("s_iter_10.solverstate");
  folder_.Write("s_iter_10.solverstate", whole.substr(0, whole.size() - 20));
  fs::remove(folder_ / "s_iter_2.caffemodel");
  EXPECT_EQ(
      Resumed(Text()),
      "1: s_iter_1.solverstate; s_iter_10.solverstate: damaged at byte 165: field 3 has 19 "
      "bytes, 10 are left; s_iter_2.solverstate: its weights are missing, s_iter_2.caffemodel");
}

TEST_F(ResumeNewest, RefusesToBeginAnewOverDamagedOnes) {
  MakeThree();
  for (const std::string i : {"1", "2", "10"}) folder_.Write("s_iter_" + i + ".solverstate", "");
  EXPECT_EQ(Resumed(Text()),
            "none of the snapshots s_iter_N.solverstate is whole:\n"
            "  s_iter_10.solverstate: is it a .solverstate? It does not look like one\n"
            "  s_iter_2.solverstate: is it a .solverstate? It does not look like one\n"
            "  s_iter_1.solverstate: is it a .solverstate? It does not look like one\n"
            "to begin anew, remove them or choose another snapshot_prefix");
}

TEST_F(ResumeNewest, TakesTheWeightsThatTheStateWasSavedWith) {
  MakeThree();
  fs::copy_file(folder_ / "s_iter_1.caffemodel", folder_ / "s_iter_10.caffemodel",
                fs::copy_options::overwrite_existing);
  const std::string resumed = Resumed(Text());
  EXPECT_EQ(
      resumed.substr(0, 134),
      "2: s_iter_2.solverstate; s_iter_10.solverstate: it belongs to other weights than those "
      "in s_iter_10.caffemodel: the checksum should be");
  // In another folder it finds those that have come along.
  MakeThree();
  fs::create_directory(folder_ / "copy");
  for (const std::string end : {".caffemodel", ".solverstate"})
    fs::copy_file(folder_ / ("s_iter_10" + end), folder_ / ("copy/s_iter_10" + end));
  fs::copy_file(folder_ / "s_iter_1.caffemodel", folder_ / "s_iter_10.caffemodel",
                fs::copy_options::overwrite_existing);
  Training training(Text());
  training->Restore(folder_ / "copy/s_iter_10.solverstate");
  EXPECT_EQ(training->iteration(), 10);
}

TEST_F(ResumeNewest, RefusesAnotherNetOrSolverTypeInsteadOfSkippingThem) {
  MakeThree();
  EXPECT_EQ(Resumed(Text("", kNumbers + InnerProduct("other", "x", "y") + kLoss)),
            "s_iter_10.caffemodel: there are no values for layer \"other\" of the net");
  EXPECT_EQ(
      Resumed(Text("type: 'Nesterov'")),
      "s_iter_10.solverstate: it was saved by solver type \"SGD\", this one is \"Nesterov\"; to "
      "go on with its weights alone, give the .caffemodel as --weights");
}

TEST_F(ResumeNewest, RefusesLayersOfTheSameShapeInAnotherOrder) {
  const std::string a = InnerProduct("a", "x", "h"), b = InnerProduct("b", "h", "y");
  const std::string c = InnerProduct("b", "x", "h"), d = InnerProduct("a", "h", "y");
  {
    Training training(Text("", kNumbers + a + b + kLoss));
    training->Snapshot();
  }
  EXPECT_EQ(
      Resumed(Text("", kNumbers + c + d + kLoss)),
      "s_iter_0.solverstate: it was saved with another net: where this one has the param b/0, "
      "it has a/0");
}

// Each byte in turn: the newest pair is skipped, or it is as good as before.
TEST_F(ResumeNewest, ABitThatFlipsAnywhereIsFoundOrHarmless) {
  MakeThree("ema_decay: 0.9");
  std::vector<float> values;
  {
    Training training(Text("ema_decay: 0.9"));
    training->ResumeNewest();
    training->Step(2);
    values = training.Values("ip", 0);
  }
  int found = 0, harmless = 0;
  for (const std::string file :
       {"s_iter_10.solverstate", "s_iter_10.caffemodel", "s_iter_10_averaged.caffemodel"}) {
    const std::string whole = folder_.Read(file);
    Training training(Text("ema_decay: 0.9"));
    for (size_t at = 0; at < whole.size(); ++at) {
      Flip(file, at, 1 << at % 8);
      const ResumeReport report = training->ResumeNewest();
      if (training->iteration() == 2) {
        ASSERT_EQ(report.skipped.size(), 1u);
        ++found;
      } else {
        ASSERT_EQ(training->iteration(), 10);
        training->Step(2);
        ASSERT_EQ(training.Values("ip", 0), values) << file << ", byte " << at;
        ++harmless;
      }
      folder_.Write(file, whole);
    }
  }
  EXPECT_GT(found, 500);
  EXPECT_EQ(harmless, 0);
}

TEST_F(ResumeNewest, ACutAnywhereIsFound) {
  MakeThree();
  Training training(Text());
  for (const std::string file : {"s_iter_10.solverstate", "s_iter_10.caffemodel"}) {
    const std::string whole = folder_.Read(file);
    for (size_t length = 0; length < whole.size(); ++length) {
      folder_.Write(file, whole.substr(0, length));
      training->ResumeNewest();
      ASSERT_EQ(training->iteration(), 2) << file << ", " << length;
    }
    folder_.Write(file, whole);
  }
}

TEST_F(ResumeNewest, RemovesWhatADeadProcessLeft) {
  // Its number may be that of a living one, which in a container is 1 for each.
  folder_.Write("s_iter_5.caffemodel.tmp999999999.0", "");
  folder_.Write("s_best_iter_5.caffemodel.tmp1.0", "");
  folder_.Write("t_iter_5.caffemodel.tmp999999999.0", "of another prefix");
  const OutputFile alive(folder_ / "s_iter_5.caffemodel");
  EXPECT_EQ(Resumed(Text()), "0: ");
  EXPECT_TRUE(fs::exists(folder_ / "t_iter_5.caffemodel.tmp999999999.0"));
  EXPECT_TRUE(fs::exists(alive.temporary()));
  EXPECT_EQ(folder_.files(), 2u);
}

// Of a training that began anew in the other format over an earlier one.
TEST_F(ResumeNewest, TakesTheFormatThatWasWrittenLast) {
  if (!HasHdf5()) GTEST_SKIP() << "skipped: needs a build with HDF5";
  const auto age = [&](const std::string& file, int seconds) {
    fs::last_write_time(folder_ / file,
                        fs::file_time_type::clock::now() - std::chrono::seconds(seconds));
  };
  MakeThree();
  MakeThree("snapshot_format: HDF5");
  age("s_iter_10.solverstate", 50);
  age("s_iter_10.solverstate.h5", 60);
  EXPECT_EQ(Resumed(Text()), "10: s_iter_10.solverstate");
  age("s_iter_10.solverstate", 70);
  EXPECT_EQ(Resumed(Text()), "10: s_iter_10.solverstate.h5");
}

}  // namespace
}  // namespace moka
