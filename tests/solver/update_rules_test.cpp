// Every update rule against a computation of its own, in double precision, from the formulas.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "caught.h"
#include "io/stored_blob.h"
#include "solver/rule_reference.h"
#include "solver/snapshot.h"
#include "solver/updater.h"

namespace moka {
namespace {

using testing::Element;
using testing::ExpectFormula;
using testing::InnerProduct;
using testing::kLoss;
using testing::kNumbers;
using testing::Number;
using testing::SolverText;
using testing::Training;

TEST(UpdateRules, SgdKeepsMomentum) {
  ExpectFormula("momentum: 0.9", [](Element& e, double g, double decay, double rate, int) {
    e.h[0] = 0.9 * e.h[0] + rate * (g + decay);
    e.w -= e.h[0];
  });
}

TEST(UpdateRules, SgdNeedsNoMomentum) {
  ExpectFormula(
      "", [](Element& e, double g, double decay, double rate, int) { e.w -= rate * (g + decay); });
}

TEST(UpdateRules, NesterovLooksAhead) {
  ExpectFormula("type: 'Nesterov' momentum: 0.8",
                [](Element& e, double g, double decay, double rate, int) {
                  const double before = e.h[0];
                  e.h[0] = 0.8 * before + rate * (g + decay);
                  e.w -= 1.8 * e.h[0] - 0.8 * before;
                });
}

TEST(UpdateRules, AdaGradDividesByTheRootOfAllSquares) {
  ExpectFormula("type: 'AdaGrad' delta: 0.02",
                [](Element& e, double g, double decay, double rate, int) {
                  g += decay;
                  e.h[0] += g * g;
                  e.w -= rate * g / (std::sqrt(e.h[0]) + 0.02);
                });
}

TEST(UpdateRules, RmsPropDividesByTheRootOfTheirMean) {
  ExpectFormula("type: 'RMSProp' rms_decay: 0.9 delta: 0.02",
                [](Element& e, double g, double decay, double rate, int) {
                  g += decay;
                  e.h[0] = 0.9 * e.h[0] + 0.1 * g * g;
                  e.w -= rate * g / (std::sqrt(e.h[0]) + 0.02);
                });
}

TEST(UpdateRules, AdaDeltaTakesItsStepsFromThoseBefore) {
  ExpectFormula("type: 'AdaDelta' momentum: 0.9 delta: 0.02",
                [](Element& e, double g, double decay, double rate, int) {
                  g += decay;
                  e.h[0] = 0.9 * e.h[0] + 0.1 * g * g;
                  const double d = g * std::sqrt((e.h[1] + 0.02) / (e.h[0] + 0.02));
                  e.h[1] = 0.9 * e.h[1] + 0.1 * d * d;
                  e.w -= rate * d;
                });
}

void Average(Element& e, double g) {
  e.h[0] = 0.8 * e.h[0] + 0.2 * g;
  e.h[1] = 0.9 * e.h[1] + 0.1 * g * g;
}

TEST(UpdateRules, AdamCorrectsBothMeansAndAddsDeltaToTheRawRoot) {
  ExpectFormula("type: 'Adam' momentum: 0.8 momentum2: 0.9 delta: 0.02",
                [](Element& e, double g, double decay, double rate, int t) {
                  Average(e, g + decay);
                  const double correction =
                      std::sqrt(1 - std::pow(0.9, t)) / (1 - std::pow(0.8, t));
                  e.w -= rate * correction * e.h[0] / (std::sqrt(e.h[1]) + 0.02);
                });
}

TEST(UpdateRules, AdamWDecaysBesideTheStep) {
  ExpectFormula("type: 'AdamW' momentum: 0.8 momentum2: 0.9 delta: 0.02",
                [](Element& e, double g, double decay, double rate, int t) {
                  Average(e, g);
                  const double m = e.h[0] / (1 - std::pow(0.8, t)),
                               v = e.h[1] / (1 - std::pow(0.9, t));
                  e.w -= rate * (m / (std::sqrt(v) + 0.02) + decay);
                });
}

TEST(UpdateRules, AmsGradNeverForgetsTheLargestMean) {
  ExpectFormula("type: 'AMSGrad' momentum: 0.8 momentum2: 0.9 delta: 0.02",
                [](Element& e, double g, double decay, double rate, int t) {
                  Average(e, g + decay);
                  e.h[2] = std::max(e.h[2], e.h[1]);
                  const double m = e.h[0] / (1 - std::pow(0.8, t)),
                               v = e.h[2] / (1 - std::pow(0.9, t));
                  e.w -= rate * m / (std::sqrt(v) + 0.02);
                });
}

// The bias has one axis, and so the plain rate; in some circumstances its decay_mult is 0, too.
TEST(UpdateRules, LarsGivesEachParamItsRate) {
  ExpectFormula(
      "type: 'LARS' momentum: 0.9 lars_param { eta: 0.4 epsilon: 0.01 }",
      [](Element& e, double g, double decay, double rate, int) {
        e.h[0] = 0.9 * e.h[0] + rate * (g + decay);
        e.w -= e.h[0];
      },
      [](size_t param, double w, double g, double decay) {
        return param == 1 ? 1 : 0.4 * w / (g + decay * w + 0.01);
      });
}

// What LARS does to a param of this shape, from w = 3 with gradient 4.
float AfterLars(const Shape& shape, float decay_mult, float w, float dw) {
  SolverParameter solver;
  solver.set_type("LARS");
  solver.set_weight_decay(0.5f);
  Param param("w", shape, true);
  param.decay_mult = decay_mult;
  param.Change().Fill(w);
  Tensor diff(shape);
  diff.Fill(dw);
  Context context({.threads = 1, .seed = 1});
  const std::vector<Learned> learned = {{"ip", 0, &param, &diff}};
  Updater updater(solver, BuiltinLayers(), learned, context);
  updater.Apply(1, 0, 0);
  return param.values().data()[0];
}

TEST(UpdateRules, LarsLeavesBiasesUndecayedParamsAndZerosAtThePlainRate) {
  // 3 - 0.001 3 / (4 + 0.5 3) (4 + 0.5 3)
  EXPECT_FLOAT_EQ(AfterLars({1, 1}, 1, 3, 4), 2.997f);
  EXPECT_FLOAT_EQ(AfterLars({1}, 1, 3, 4), -2.5f);     // 3 - (4 + 0.5 3)
  EXPECT_FLOAT_EQ(AfterLars({1, 1}, 0, 3, 4), -1.0f);  // 3 - 4
  EXPECT_FLOAT_EQ(AfterLars({1, 1}, 1, 0, 4), -4.0f);
  EXPECT_FLOAT_EQ(AfterLars({1, 1}, 1, 3, 0), 1.5f);  // 3 - 0.5 3
}

// The type and fields of each rule.
const std::vector<std::string> kRules = {
    "type: 'SGD' momentum: 0.9",
    "type: 'Nesterov' momentum: 0.9",
    "type: 'AdaGrad' delta: 0.02",
    "type: 'RMSProp' delta: 0.02",
    "type: 'AdaDelta' momentum: 0.9 delta: 0.02",
    "type: 'Adam' momentum: 0.9 delta: 0.02",
    "type: 'AdamW' momentum: 0.9 delta: 0.02",
    "type: 'AMSGrad' momentum: 0.9 delta: 0.02",
    "type: 'LARS' momentum: 0.9",
};

// Two layers that share w, fed with x and x: y = 2 w x. The same as one layer fed with 2 x, for
// which the gradient is exact too.
TEST(UpdateRules, AddTheGradientsOfSharedParams) {
  const std::string shared = "param { name: 'w' }", no_bias = "bias_term: false";
  for (const std::string& rule : kRules) {
    SCOPED_TRACE(rule);
    const std::string fields = rule + " weight_decay: 0.01";
    Training twice(SolverText(
        kNumbers + InnerProduct("ip", "x", "a", shared, no_bias) +
            InnerProduct("second", "x", "b", shared, no_bias) +
            "layer { name: 'sum' type: 'Eltwise' bottom: 'a' bottom: 'b' top: 'y' }" + kLoss,
        fields));
    Training once(SolverText(std::string(kNumbers) +
                                 "layer { name: 'double' type: 'Eltwise' bottom: 'x' bottom: 'x' "
                                 "top: 'x2' }" +
                                 InnerProduct("ip", "x2", "y", shared, no_bias) + kLoss,
                             fields));
    ASSERT_EQ(twice->net().learned().size(), 1u);
    const std::vector<float> before = twice.Values("ip", 0);
    ASSERT_EQ(before, once.Values("ip", 0));
    twice->Step(10);
    once->Step(10);
    for (size_t i = 0; i < 9; ++i)
      EXPECT_NEAR(twice.Values("ip", 0)[i], once.Values("ip", 0)[i], 1e-5);
    EXPECT_EQ(twice.Values("second", 0), twice.Values("ip", 0));
    EXPECT_NE(twice.Values("ip", 0), before);
  }
}

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

TEST(UpdateRules, GiveTheSameBitsForAnyNumberOfThreads) {
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
TEST(UpdateRules, ChangeEachElementByItselfWhateverThePieces) {
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
TEST(UpdateRules, KeepTheirHistoryInCaffesOrder) {
  const auto check = [](const std::string& type, const std::string& fields, size_t histories) {
    SCOPED_TRACE(type);
    testing::TemporaryFolder folder;
    Training training(SolverText(
        testing::Regression(),
        "type: '" + type + "' " + fields + " snapshot_prefix: '" + (folder / "s") + "'"));
    training->Step(1);
    training->Snapshot();
    const std::string path = folder / "s_iter_1.solverstate";
    WireReader reader(path);
    const StoredState stored = ScanSolverState(reader);
    ASSERT_EQ(stored.history.size(), 2 * histories);
    for (size_t h = 0; h < histories; ++h) {
      EXPECT_EQ(stored.history[2 * h].shape, (Shape{3, 3}));
      EXPECT_EQ(stored.history[2 * h + 1].shape, Shape{3});
    }
    if (histories < 2) return;
    // After the first update of Adam m = (1 - b1) g and v = (1 - b2) g^2; of AdaDelta only the
    // first is a mean of g^2, the second is smaller by far.
    Tensor first(Shape{3}), second(Shape{3});
    ReadBlob(reader, stored.history[1], first.values());
    ReadBlob(reader, stored.history[3], second.values());
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

TEST(UpdateRules, RefuseWhatTheyCannotDoWith) {
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
