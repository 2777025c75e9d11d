// HDF5 files that are damaged, forged or something else: refused with a reason, or harmless.
#include <gtest/gtest.h>

#include <cstring>

#include "io/hdf5.h"
#include "io/hdf5_apart.h"
#include "io/hdf5_files.h"
#include "moka/file.h"

namespace moka {
namespace {

using testing::TemporaryFolder;
using Floats = std::vector<float>;

class Hdf5Damage : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasHdf5()) GTEST_SKIP() << "skipped: needs a build with HDF5";
  }
  std::string WeightsRefusal(const std::string& contents) const {
    return Refusal<Error>(folder, [&] { ReadAll(Hdf5Weights(folder.Write("m.h5", contents))); });
  }
  TemporaryFolder folder;
};

std::string SmallModel(const TemporaryFolder& folder) {
  const Tensor w(Shape{2}, Floats{1, 2});
  WriteHdf5Weights(folder / "small.h5", {{"ip", {{w.shape(), &w, nullptr}}}});
  return folder.Read("small.h5");
}

TEST_F(Hdf5Damage, RefusesWhatIsNoModelWithItsReason) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"soft", "/data/ip/0: it is a link to another place; those are not followed"},
      {"external", "/data/ip/0: it is a link to another file; those are not followed"},
      {"raw", "/data/ip/0: its values lie in other files, which are not opened"},
      {"virtual", "/data/ip/0: its values lie in other files, which are not opened"},
      {"cycle", "/data/ip/0: it is a group, not a dataset"},
      {"strings", "/data/ip/0: it holds strings, not floats of 32 or 64 bits"},
      {"integers", "/data/ip/0: it holds integers, not floats of 32 or 64 bits"},
      {"half", "/data/ip/0: it holds floats of 16 bits, not floats of 32 or 64 bits"},
      {"named", "/data/ip: it holds \"kernel\"; blobs are called 0, 1, 2, ..."},
      {"zeros", "/data/ip: it holds \"00\"; blobs are called 0, 1, 2, ..."},
      {"lzf",
       "/data/ip/0: it is packed by filter 32000, which is not read; gzip, shuffle and fletcher32 "
       "are"},
      {"huge",
       "/data/ip/0: shape 1099511627776x1099511627776 is too large: the product of its sizes "
       "exceeds 2^63 - 1"},
      {"nothing", "/data/ip/0: it has no values"},
      {"unwritten", "/data/ip/0: its values were never written"},
      {"many_axes", "/data/ip/0: shape 1x1x1x1x1x1x1x1x1 has 9 axes; at most 8 are possible"},
      {"far_index", "/data/ip: blob 4000000000; the last that is possible is 99999"},
      {"chunk", "/data/ip/0: damaged: a chunk of 4194304 bytes for 8"},
      {"beyond",
       "/data/ip/0: damaged: its 8 bytes at 1000000000 reach beyond the end of the file, at 3472"},
      {"large",
       "/data/ip/0: damaged: a shape of 1000000000000x2 has 8000000000000 bytes, there are 616"},
      {"other", "there is no group /data in it; is it a .caffemodel.h5?"}};
  for (const auto& [name, reason] : table) {
    EXPECT_EQ(FixtureRefusal<Hdf5Weights>(name + ".h5"), name + ".h5: " + reason);
  }
}

TEST_F(Hdf5Damage, RefusesWhatIsNoStateWithItsReason) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"changed",
       "/moka_state: iter, current_step and learned_net are 501, 0 and \"\" in it, beside it they "
       "are 500, 2 and \"lenet_iter_500.caffemodel.h5\"; another program changed the file"},
      {"garbled", "/moka_state: damaged: it is no SolverState"},
      {"gap", "/history: of its 2 blobs, 0 is missing"},
      {"negative", "/iter: -1 lies outside of 0 to 2147483647"},
      {"fraction", "/iter: it holds floats of 32 bits, not an integer"},
      {"two", "/iter: it holds 2 values, not one integer"},
      {"any_length",
       "/learned_net: it holds strings of any length, not a string of a fixed length"}};
  for (const auto& [name, reason] : table) {
    EXPECT_EQ(FixtureRefusal<Hdf5State>(name + ".solverstate.h5"),
              name + ".solverstate.h5: " + reason);
  }
}

TEST_F(Hdf5Damage, TellsModelsAndStatesApart) {
  EXPECT_EQ(FixtureRefusal<Hdf5Weights>("float.solverstate.h5"),
            "float.solverstate.h5: this is a .solverstate.h5; training goes on from it with "
            "--snapshot, and weights are in the .caffemodel.h5 beside it");
  EXPECT_EQ(FixtureRefusal<Hdf5State>("float.caffemodel.h5"),
            "float.caffemodel.h5: this is a .caffemodel.h5; --weights reads it, and the state of "
            "training is in the .solverstate.h5 beside it");
  EXPECT_EQ(FixtureRefusal<Hdf5State>("other.h5"),
            "other.h5: there are no iter and history in it; is it a .solverstate.h5?");
}

TEST_F(Hdf5Damage, RefusesWhatIsNoHdf5File) {
  EXPECT_EQ(WeightsRefusal(""), "m.h5: this is no HDF5 file");
  EXPECT_EQ(WeightsRefusal("name: \"LeNet\""), "m.h5: this is no HDF5 file");
  EXPECT_EQ(WeightsRefusal("\x89HDF\r\n\x1a\n and so on"),
            "m.h5: damaged, HDF5 cannot open it: bad superblock version number");
  EXPECT_EQ(Refusal<Error>(folder, [&] { Hdf5Weights weights(folder / "none"); }),
            "cannot read \"none\": No such file or directory");
  EXPECT_EQ(Refusal<Error>(folder, [&] { Hdf5State state(folder / ""); }),
            "cannot read \"\": it is a directory");
}

TEST_F(Hdf5Damage, RefusesEveryCutOfAFile) {
  const std::string whole = SmallModel(folder);
  EXPECT_EQ(WeightsRefusal(whole), "nothing was thrown");
  for (size_t length = 0; length < whole.size(); length += 7) {
    EXPECT_NE(WeightsRefusal(whole.substr(0, length)), "nothing was thrown") << length;
  }
}

// In the format that we write, all but the values has a checksum.
TEST_F(Hdf5Damage, SurvivesAnyChangeOfOneByteOfOurs) {
  if (!kHdf5Apart)
    GTEST_SKIP() << "skipped: under sanitizers HDF5 runs in this process, and may end it";
  const std::string whole = SmallModel(folder);
  int refused = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0xff);
    refused += WeightsRefusal(damaged) != "nothing was thrown";
  }
  EXPECT_GT(refused, 300);
}

// The state of Caffe's that these bytes are: whether it was refused.
bool RefusesState(const TemporaryFolder& folder, const std::string& contents) {
  return Refusal<Error>(folder, [&] {
           const Hdf5State state(folder.Write("s.h5", contents));
           for (size_t i = 0; i < state.history().size(); ++i) {
             if (state.history()[i].count() < 1000) HistoryOf(state, i);
           }
         }) != "nothing was thrown";
}

TEST_F(Hdf5Damage, SurvivesAnyChangeOfOneByteOfCaffes) {
  if (!kHdf5Apart)
    GTEST_SKIP() << "skipped: under sanitizers HDF5 runs in this process, and may end it";
  const std::string whole = ReadFile(Hdf5Fixture("float.solverstate.h5"));
  int refused = 0;
  for (size_t at = 0; at < whole.size(); at += 7) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0xff);
    refused += RefusesState(folder, damaged);
  }
  EXPECT_GT(refused, 50);
}

// Some of these crash HDF5 1.10.
TEST_F(Hdf5Damage, SurvivesAnyWordOfCaffesThatIsAllOnes) {
  if (!kHdf5Apart)
    GTEST_SKIP() << "skipped: under sanitizers HDF5 runs in this process, and may end it";
  const std::string whole = ReadFile(Hdf5Fixture("float.solverstate.h5"));
  int refused = 0;
  for (size_t at = 0; at + 8 <= whole.size(); at += 8) {
    std::string damaged = whole;
    damaged.replace(at, 8, 8, '\xff');
    refused += RefusesState(folder, damaged);
  }
  EXPECT_GT(refused, 50);
}

}  // namespace
}  // namespace moka
