// Every update rule against a computation of its own, in double precision, from the formulas.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "solver/rule_reference.h"
#include "solver/updater.h"

namespace moka {
namespace {

using testing::Element;
using testing::ExpectFormula;
using testing::InnerProduct;
using testing::kLoss;
using testing::kNumbers;
using testing::kRules;
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

}  // namespace
}  // namespace moka
