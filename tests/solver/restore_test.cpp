// Which snapshots and weights a solver takes, and that a refused one leaves it as it was.
#include <gtest/gtest.h>

#include <filesystem>

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
  folder_.Write("early", "\x08\xfb\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  EXPECT_EQ(ErrorFrom("early", Regression()), "early: its iteration, -5, lies before the first");
  folder_.Write("long", std::string("\x12\x80\x80\x80\x01", 5) + std::string(1 << 21, 'x') + whole);
  EXPECT_EQ(ErrorFrom("long", Regression()),
            "long: is it a .solverstate? It does not look like one");
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

}  // namespace
}  // namespace moka
