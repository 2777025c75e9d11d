// Training that comes to numbers that are not finite: it stops in the iteration in which they
// appear, and says where they came from.
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

#include "moka/update_rule.h"
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

// y = x; the gradient of the top's first element is infinite in pass number 4.
class SpoilsPassFour final : public Layer {
 public:
  explicit SpoilsPassFour(const LayerSpec& spec) : Layer(spec) {}
  static LayerTraits Traits(const LayerSpec&) {
    return LayerTraits().BottomGradientReads(Reads::Nothing()).MayShare(0, 0);
  }
  void Reshape(Shapes bottom, Plan& plan) override { plan.top(0) = bottom[0]; }
  void Forward(ForwardPass& pass) override {
    std::copy_n(pass.bottom(0).data(), pass.bottom(0).count(), pass.top(0).data());
  }
  void Backward(BackwardPass& pass) override {
    Tensor& dx = pass.bottom_diff(0);
    std::copy_n(pass.top_diff(0).data(), dx.count(), dx.data());
    if (pass.counter() == 4) dx.data()[0] = std::numeric_limits<float>::infinity();
  }
};

// Leaves the values alone; what it remembers is beyond all bounds from iteration 2 on.
class Hoard final : public UpdateRule {
 public:
  explicit Hoard(const SolverParameter&) {}
  int histories() const override { return 1; }
  void Update(const UpdatePiece& piece) const override {
    for (int64_t i = 0; i < piece.n; ++i)
      piece.history[0][i] = piece.iteration >= 2 ? 1e38f * 10 : 1;
  }
};

// Remembers nothing, and leaps to infinity at iteration 1.
class Leap final : public UpdateRule {
 public:
  explicit Leap(const SolverParameter&) {}
  int histories() const override { return 0; }
  void Update(const UpdatePiece& piece) const override {
    if (piece.iteration == 1) piece.w[piece.n - 1] = -std::numeric_limits<float>::infinity();
  }
};

class OwnTraining {
 public:
  explicit OwnTraining(const std::string& text, int threads = 2)
      : registry_(Registered()),
        schema_(registry_),
        context_({.threads = threads, .seed = 1}),
        solver_(Parsed(text), schema_, registry_, context_) {}
  Solver* operator->() { return &solver_; }

 private:
  static Registry Registered() {
    Registry registry = testing::Layers();
    registry.Add<SpoilsPassFour>("SpoilsPassFour");
    registry.AddUpdateRule<Hoard>("Hoard");
    registry.AddUpdateRule<Leap>("Leap");
    return registry;
  }
  SolverDescription Parsed(const std::string& text) const {
    SolverDescription solver = schema_.ParseSolver(text, "solver.prototxt");
    solver.common.set_snapshot_after_train(false);
    return solver;
  }

  Registry registry_;
  NetSchema schema_;
  Context context_;
  Solver solver_;
};

const std::string kSpoilt =
    testing::kNumbers + testing::InnerProduct("ip", "x", "h") +
    "layer { name: 'spoil' type: 'SpoilsPassFour' bottom: 'h' top: 'h' }\n" +
    testing::InnerProduct("ip2", "h", "y") + testing::kLoss;

const std::string kWhere =
    "the gradients are not finite; first bad: layer \"spoil\" "
    "(SpoilsPassFour), gradient of bottom \"h\": 1 of 12 values are not "
    "finite";

TEST(Diverge, NamesABadGradientInItsIterationWithoutClipping) {
  for (const int threads : {1, 2, 3}) {
    OwnTraining training(SolverText(kSpoilt, "max_iter: 9"), threads);
    EXPECT_EQ(ErrorOf([&] { training->Solve(); }), "iteration 4, learning rate 0.1: " + kWhere);
    EXPECT_EQ(training->iteration(), 4);
    for (const float w : training->net().weights().Find("ip", 0)->values().values())
      EXPECT_TRUE(std::isfinite(w));
  }
}

TEST(Diverge, LeavesTheWeightsAsTheyWereBeforeABadGradient) {
  OwnTraining training(SolverText(kSpoilt, "max_iter: 9")),
      good(SolverText(kSpoilt, "max_iter: 4"));
  EXPECT_NE(ErrorOf([&] { training->Solve(); }), "");
  good->Solve();
  const auto values = [](OwnTraining& one) {
    const auto span = one->net().weights().Find("ip2", 0)->values().values();
    return std::vector<float>(span.begin(), span.end());
  };
  EXPECT_EQ(values(training), values(good));
}

// The params of layer a come first; nothing is wrong with them. With a rate that would spoil the
// next pass, the layer can only be found if nothing was updated.
TEST(Diverge, LeavesTheWeightsBeforeABadGradientAlone) {
  const std::string net =
      kNumbers + InnerProduct("a", "x", "ya") + InnerProduct("b", "x", "yb") +
      "layer { name: 'spoil' type: 'SpoilsPassFour' bottom: 'yb' top: 'yb' }\n"
      "layer { name: 'sum' type: 'Eltwise' bottom: 'ya' bottom: 'yb' top: 'y' }\n" +
      kLoss;
  for (const std::string clip : {"", "clip_gradients: 1e30 "}) {
    std::string text = SolverText(net, clip + "max_iter: 9 gamma: 1e38 stepvalue: 4");
    text.replace(text.find("'fixed'"), 7, "'multistep'");
    OwnTraining training(text);
    training->Step(4);
    const auto values = [&] {
      const auto span = training->net().weights().Find("a", 0)->values().values();
      return std::vector<float>(span.begin(), span.end());
    };
    const std::vector<float> before = values();
    EXPECT_NE(ErrorOf([&] {
                training->Solve();
              }).find("first bad: layer \"spoil\" (SpoilsPassFour), gradient of bottom \"yb\""),
              std::string::npos);
    EXPECT_EQ(values(), before);
  }
}

TEST(Diverge, FindsTheBadPassOfSeveralThatAreAddedUp) {
  OwnTraining training(SolverText(kSpoilt, "max_iter: 9 iter_size: 3"));
  EXPECT_EQ(ErrorOf([&] { training->Solve(); }), "iteration 1, learning rate 0.1: " + kWhere);
  EXPECT_EQ(training->net().counter(), 6u);
}

TEST(Diverge, NamesGradientsWhoseSumOnlyIsTooLarge) {
  // y = 0, t = -2e19, x = 1e19: the gradient of w is 2e38 in each pass.
  Training training(SolverText(
      "layer { name: 'data' type: 'DummyData' top: 'x' top: 't' dummy_data_param { shape { dim: 1 "
      "dim: 1 } data_filler { value: 1e19 } data_filler { value: -2e19 } } }\n"
      "layer { name: 'ip' type: 'InnerProduct' bottom: 'x' top: 'y' "
      "inner_product_param { num_output: 1 } }\n"
      "layer { name: 'loss' type: 'EuclideanLoss' bottom: 'y' bottom: 't' }\n",
      "max_iter: 9 iter_size: 2"));
  EXPECT_EQ(ErrorOf([&] { training->Solve(); }),
            "iteration 0, learning rate 0.1: the gradients are not finite; first bad: layer \"ip\" "
            "(InnerProduct), gradient of param \"ip.weight\": 1 of 1 values are not finite");
}

// The weights are looked at when they are used, or saved.
TEST(Diverge, NamesWhatAnUpdateWroteInTheNextPass) {
  Training training(
      SolverText(Regression("param { lr_mult: 1e30 }"), "max_iter: 9").replace(9, 3, "1e30"));
  EXPECT_EQ(ErrorOf([&] { training->Step(2); }),
            "iteration 1, learning rate 1e+30: loss is nan; first bad: "
            "layer \"ip\" (InnerProduct), param \"ip.weight\": 9 of 9 values are not finite");
}

TEST(Diverge, NamesWhatARuleWithoutHistoryWrote) {
  OwnTraining training(SolverText(Regression(), "max_iter: 2 type: 'Leap'"));
  EXPECT_EQ(ErrorOf([&] { training->Solve(); }),
            "iteration 1, learning rate 0.1: the update of ip.weight is not finite; first bad: "
            "layer \"ip\" (InnerProduct), param \"ip.weight\": 1 of 9 values are not finite");
}

TEST(Diverge, NamesTheHistoryThatAnUpdateSpoiltBeforeItIsSaved) {
  TemporaryFolder folder;
  OwnTraining training(SolverText(
      Regression(),
      "max_iter: 9 type: 'Hoard' snapshot: 2 snapshot_prefix: '" + (folder / "s") + "'"));
  EXPECT_EQ(ErrorOf([&] { training->Solve(); }),
            "iteration 3, learning rate 0.1: what the update remembers is not finite; first bad: "
            "layer \"ip\", blob 0, history: 9 of 9 values are not finite; the last snapshot is " +
                (folder / "s_iter_2.solverstate"));
  EXPECT_EQ(folder.files(), 2u);
}

TEST(Diverge, NamesTheLastSnapshotIfItIsThere) {
  TemporaryFolder folder;
  const std::string text =
      SolverText(kSpoilt, "max_iter: 9 snapshot: 2 snapshot_prefix: '" + folder / "s" + "'");
  const std::string error = "iteration 4, learning rate 0.1: " + kWhere;
  EXPECT_EQ(ErrorOf([&] { OwnTraining(text)->Solve(); }),
            error + "; the last snapshot is " + folder / "s_iter_4.solverstate");
  OwnTraining restored(SolverText(kSpoilt, "max_iter: 9"));
  restored->Restore(folder / "s_iter_2.solverstate");
  EXPECT_EQ(ErrorOf([&] { restored->Solve(); }),
            error + "; the last snapshot is " + folder / "s_iter_2.solverstate");
  restored->Restore(folder / "s_iter_2.solverstate");
  std::filesystem::remove(folder / "s_iter_2.solverstate");
  EXPECT_EQ(ErrorOf([&] { restored->Solve(); }), error);
}

TEST(Diverge, NamesTheFirstNumberOfAllWhenEachIsLookedAt) {
  OwnTraining training(SolverText(kSpoilt, "max_iter: 9"));
  training->CheckNumerics(true);
  EXPECT_EQ(ErrorOf([&] { training->Solve(); }),
            "iteration 4, learning rate 0.1: backward: layer \"spoil\" (SpoilsPassFour), gradient "
            "of bottom \"h\": 1 of 12 values are not finite, the first inf at [0, 0]");
  training->net().weights().Find("ip", 1)->Change().data()[2] =
      std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(ErrorOf([&] { training->Step(1); }),
            "iteration 4, learning rate 0.1: forward: layer \"ip\" (InnerProduct), param "
            "\"ip.bias\": 1 of 3 values are not finite, the first nan at [2]");
}

TEST(Diverge, LooksAtTestNetsToo) {
  OwnTraining training(SolverText(Regression(), "max_iter: 9 test_iter: 1 test_interval: 3"));
  training->CheckNumerics(true);
  training->net().weights().Find("ip", 0)->Change().data()[5] =
      -std::numeric_limits<float>::infinity();
  EXPECT_EQ(ErrorOf([&] { training->Solve(); }),
            "iteration 0, learning rate 0.1: test net #0, forward: layer \"ip\" (InnerProduct), "
            "param \"ip.weight\": 1 of 9 values are not finite, the first -inf at [1, 2]");
}

}  // namespace
}  // namespace moka
