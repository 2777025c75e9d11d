// snapshot_format: HDF5.
#include <gtest/gtest.h>

#include <filesystem>

#include "io/hdf5.h"
#include "solver/training.h"

namespace moka {
namespace {

using testing::ErrorOf;
using testing::EverythingThatHasState;
using testing::InnerProduct;
using testing::kLoss;
using testing::kNumbers;
using testing::Regression;
using testing::SolverText;
using testing::TemporaryFolder;
using testing::Training;

#define NEEDS_HDF5() \
  if (!HasHdf5()) GTEST_SKIP() << "skipped: needs a build with HDF5"

std::string Text(const std::string& prefix, int max_iter) {
  return EverythingThatHasState(prefix, max_iter) +
         "snapshot_format: HDF5 snapshot_after_train: true snapshot_keep: 2 ema_decay: 0.5";
}

TEST(Hdf5Snapshot, ResumesToTheBitsOfATrainingThatWasNotInterrupted) {
  NEEDS_HDF5();
  TemporaryFolder folder;
  std::vector<float> expected;
  {
    Training training(Text(folder / "a", 12), 11);
    training->Solve();
    expected = training.Values("ip2", 0);
  }
  EXPECT_TRUE(std::filesystem::exists(folder / "a_iter_10.caffemodel.h5"));
  EXPECT_FALSE(std::filesystem::exists(folder / "a_iter_5.solverstate.h5"));
  std::filesystem::remove(folder / "a_iter_12.solverstate.h5");
  Training training(Text(folder / "a", 12), 3);
  EXPECT_EQ(training->ResumeNewest().state, folder / "a_iter_10.solverstate.h5");
  training->Solve();
  EXPECT_EQ(training.Values("ip2", 0), expected);
  // Either format may follow the other.
  Training binary(EverythingThatHasState(folder / "a", 12), 3);
  EXPECT_EQ(binary->ResumeNewest().state, folder / "a_iter_12.solverstate.h5");
  EXPECT_EQ(binary.Values("ip2", 0), expected);
}

TEST(Hdf5Snapshot, HasLayersWithASlashInTheirNames) {
  NEEDS_HDF5();
  TemporaryFolder folder;
  const std::string net = kNumbers + InnerProduct("block/ip", "x", "y") + kLoss;
  const std::string fields = "snapshot_format: HDF5 snapshot_prefix: '" + (folder / "s") + "'";
  Training training(SolverText(net, fields), 1);
  training->Step(2);
  training->Snapshot();
  Training other(SolverText(net, fields), 2);
  const LoadReport report = other->LoadWeights(folder / "s_iter_2.caffemodel.h5");
  EXPECT_EQ(report.loaded, std::vector<std::string>{"block/ip"});
  EXPECT_EQ(other.Values("block/ip", 0), training.Values("block/ip", 0));
}

TEST(Hdf5Snapshot, ABitThatFlipsIsFound) {
  NEEDS_HDF5();
  TemporaryFolder folder;
  const std::string text =
      SolverText(Regression(), "snapshot_format: HDF5 snapshot_prefix: '" + (folder / "s") + "'");
  {
    Training training(text);
    training->Step(1);
    training->Snapshot();
    training->Step(1);
    training->Snapshot();
  }
  Training training(text);
  for (const std::string file : {"s_iter_2.solverstate.h5", "s_iter_2.caffemodel.h5"}) {
    const std::string whole = folder.Read(file);
    for (size_t at = 0; at < whole.size(); at += 61) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ 4);
      folder.Write(file, changed);
      training->ResumeNewest();
      ASSERT_EQ(training->iteration(), 1) << file << ", byte " << at;
    }
    folder.Write(file, whole.substr(0, whole.size() - 11));  // without the checksum
    EXPECT_EQ(ErrorOf([&] { training->Restore(folder / "s_iter_2.solverstate.h5"); }),
              (folder / file) + ": damaged: it ends without its checksum; it was cut off after " +
                  std::to_string(whole.size() - 11) + " bytes, or its end was changed");
    folder.Write(file, whole);
  }
}

}  // namespace
}  // namespace moka
