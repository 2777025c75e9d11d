// What every update rule has to keep: the same bits however the work is cut, Caffe's order of the
// history, refusals. The formulas are in update_rules_test.cpp.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "caught.h"
#include "io/state_file.h"
#include "solver/rule_reference.h"
#include "solver/snapshot.h"
#include "solver/updater.h"

namespace moka {
namespace {

using testing::kRules;
using testing::Number;
using testing::SolverText;
using testing::Training;

// More than one piece of work, and a last one that is shorter.
std::vector<float> AfterThreeUpdates(const SolverParameter& solver, int threads) {
  Context context({.threads = threads, .seed = 1});
  Param w("w", Shape{3, 16667}, true);
  Tensor dw(w.shape());
  for (int64_t i = 0; i < 50001; ++i) {
    w.Change().data()[i] = Number(i, 0, 0);
    dw.data()[i] = Number(i, 1, 0);
  }
  const std::vector<Learned> learned = {{"ip", 0, &w, &dw}};
  Updater updater(solver, BuiltinLayers(), learned, context);
  for (int64_t step = 0; step < 3; ++step) updater.Apply(0.1f, step, updater.GradientNorm());
  std::vector<float> all(w.values().values().begin(), w.values().values().end());
  for (const Tensor& history : updater.history())
    all.insert(all.end(), history.values().begin(), history.values().end());
  return all;
}

TEST(RuleContract, GiveTheSameBitsForAnyNumberOfThreads) {
  for (const std::string& rule : kRules) {
    SCOPED_TRACE(rule);
    const SolverParameter solver =
        testing::Schema()
            .ParseSolver(rule + " weight_decay: 0.01 clip_gradients: 100 clip_value: 0.5")
            .common;
    const std::vector<float> one = AfterThreeUpdates(solver, 1);
    EXPECT_EQ(AfterThreeUpdates(solver, 2), one);
    EXPECT_EQ(AfterThreeUpdates(solver, 3), one);
    EXPECT_NE(one[50000], Number(50000, 0, 0));
  }
}

// The middle of a piece is computed by other instructions than its end.
TEST(RuleContract, ChangeEachElementByItselfWhateverThePieces) {
  constexpr int64_t n = 67;
  for (const std::string& text : kRules) {
    SCOPED_TRACE(text);
    const auto rule = BuiltinLayers().MakeUpdateRule(testing::Schema().ParseSolver(text).common);
    const auto updated = [&](int64_t size) {
      std::vector<float> memory(5 * n), dw(n);
      for (int64_t i = 0; i < n; ++i) memory[static_cast<size_t>(i)] = Number(i, 0, 0);
      for (int64_t step = 0; step < 3; ++step) {
        for (int64_t i = 0; i < n; ++i)
          dw[static_cast<size_t>(i)] = Number(i, 1, static_cast<uint64_t>(step));
        for (int64_t begin = 0; begin < n; begin += size) {
          UpdatePiece piece;
          piece.n = std::min(size, n - begin);
          piece.w = memory.data() + begin;
          piece.dw = dw.data() + begin;
          for (int h = 0; h < rule->histories(); ++h)
            piece.history[static_cast<size_t>(h)] = memory.data() + (h + 1) * n + begin;
          piece.rate = 0.1f;
          piece.scale = 0.7f;
          piece.l1 = 0.01f;
          piece.iteration = step;
          rule->Update(piece);
        }
      }
      return memory;
    };
    const std::vector<float> whole = updated(n);
    EXPECT_EQ(updated(1), whole);
    EXPECT_EQ(updated(7), whole);
  }
}

// Caffe's order: of all params the first history, then of all the second.
TEST(RuleContract, KeepTheirHistoryInCaffesOrder) {
  const auto check = [](const std::string& type, const std::string& fields, size_t histories) {
    SCOPED_TRACE(type);
    testing::TemporaryFolder folder;
    Training training(SolverText(
        testing::Regression(),
        "type: '" + type + "' " + fields + " snapshot_prefix: '" + (folder / "s") + "'"));
    training->Step(1);
    training->Snapshot();
    const std::string path = folder / "s_iter_1.solverstate";
    StateFile stored(path);
    ASSERT_EQ(stored.history().size(), 2 * histories);
    for (size_t h = 0; h < histories; ++h) {
      EXPECT_EQ(stored.history()[2 * h].shape, (Shape{3, 3}));
      EXPECT_EQ(stored.history()[2 * h + 1].shape, Shape{3});
    }
    if (histories < 2) return;
    // After the first update of Adam m = (1 - b1) g and v = (1 - b2) g^2; of AdaDelta only the
    // first is a mean of g^2, the second is smaller by far.
    Tensor first(Shape{3}), second(Shape{3});
    stored.ReadHistory(1, first.values());
    stored.ReadHistory(3, second.values());
    for (int64_t i = 0; i < 3; ++i) {
      const double m = first.data()[i], v = second.data()[i];
      if (type == "AdaDelta") {
        const double d2 = m / 0.5 * 0.01 / (m + 0.01);
        EXPECT_NEAR(v, 0.5 * d2, 1e-6);
      } else {
        EXPECT_NEAR(v, 0.25 * (m / 0.5) * (m / 0.5), 1e-6);
      }
    }
  };
  check("SGD", "momentum: 0.5", 1);
  check("Nesterov", "momentum: 0.5", 1);
  check("AdaGrad", "", 1);
  check("RMSProp", "", 1);
  check("LARS", "", 1);
  check("AdaDelta", "momentum: 0.5 delta: 0.01", 2);
  check("Adam", "momentum: 0.5 momentum2: 0.75", 2);
  check("AdamW", "momentum: 0.5 momentum2: 0.75", 2);
  check("AMSGrad", "momentum: 0.5 momentum2: 0.75", 3);
}

TEST(RuleContract, RefuseWhatTheyCannotDoWith) {
  const auto refusal = [](const std::string& fields) {
    const Error error = Caught(
        [&] { testing::Layers().MakeUpdateRule(testing::Schema().ParseSolver(fields).common); });
    return error.field() + ": " + error.message();
  };
  EXPECT_EQ(refusal("type: 'AdaGrad' momentum: 0.9"),
            "momentum: solver type \"AdaGrad\" has no momentum, but momentum is 0.9; leave it out");
  EXPECT_EQ(refusal("type: 'RMSProp' momentum: 0.9"),
            "momentum: solver type \"RMSProp\" has no momentum, but momentum is 0.9; leave it out");
  EXPECT_EQ(refusal("type: 'AdaGrad' momentum: nan"),
            "momentum: solver type \"AdaGrad\" has no momentum, but momentum is nan; leave it out");
  EXPECT_EQ(refusal("type: 'RMSProp' rms_decay: 1"),
            "rms_decay: rms_decay 1 must be at least 0 and below 1");
  EXPECT_EQ(refusal("type: 'RMSProp' rms_decay: nan"),
            "rms_decay: rms_decay nan must be at least 0 and below 1");
  for (const std::string type : {"AdaGrad", "RMSProp", "AdaDelta", "Adam", "AdamW", "AMSGrad"}) {
    const std::string with = "type: '" + type + "' delta: ";
    EXPECT_EQ(refusal(with + "0"), "delta: delta 0 must be above 0 and finite");
    EXPECT_EQ(refusal(with + "-1"), "delta: delta -1 must be above 0 and finite");
    EXPECT_EQ(refusal(with + "inf"), "delta: delta inf must be above 0 and finite");
    EXPECT_EQ(refusal(with + "nan"), "delta: delta nan must be above 0 and finite");
  }
  for (const std::string type : {"Adam", "AdamW", "AMSGrad"}) {
    const std::string with = "type: '" + type + "' momentum2: ";
    EXPECT_EQ(refusal(with + "1"), "momentum2: momentum2 1 must be at least 0 and below 1");
    EXPECT_EQ(refusal(with + "-0.5"), "momentum2: momentum2 -0.5 must be at least 0 and below 1");
  }
  for (const std::string type :
       {"SGD", "Nesterov", "AdaDelta", "Adam", "AdamW", "AMSGrad", "LARS"}) {
    const std::string with = "type: '" + type + "' momentum: ";
    EXPECT_EQ(refusal(with + "1"), "momentum: momentum 1 must be at least 0 and below 1");
    EXPECT_EQ(refusal(with + "nan"), "momentum: momentum nan must be at least 0 and below 1");
  }
  EXPECT_EQ(refusal("type: 'LARS' lars_param { eta: 0 }"),
            "lars_param.eta: eta 0 must be above 0 and finite");
  EXPECT_EQ(refusal("type: 'LARS' lars_param { eta: nan }"),
            "lars_param.eta: eta nan must be above 0 and finite");
  EXPECT_EQ(refusal("type: 'LARS' lars_param { epsilon: -1 }"),
            "lars_param.epsilon: epsilon -1 must be a number from 0 up");
}

}  // namespace
}  // namespace moka
