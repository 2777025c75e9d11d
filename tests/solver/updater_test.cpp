// What the updater does for every rule: which params it touches, and the norm of their gradients.
// The formulas of the rules are in update_rules_test.cpp.
#include "solver/updater.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "solver/training.h"

namespace moka {
namespace {

using testing::Number;
using testing::Regression;
using testing::SolverText;
using testing::Training;

TEST(Updater, LeavesParamsWithRateZeroAlone) {
  Training training(
      SolverText(Regression("param { lr_mult: 0 }"), "weight_decay: 0.1 momentum: 0.9"));
  const std::vector<float> before = training.Values("ip", 0);
  const uint64_t version = training->net().weights().Find("ip", 0)->version();
  training->Step(3);
  EXPECT_EQ(training.Values("ip", 0), before);
  EXPECT_EQ(training->net().weights().Find("ip", 0)->version(), version);
  EXPECT_NE(training.Values("ip", 1), (std::vector<float>{0.5f, 0.5f, 0.5f}));
}

TEST(Updater, TellsCachesThatAValueChanged) {
  Training training(SolverText(Regression(), ""));
  const uint64_t version = training->net().weights().Find("ip", 0)->version();
  training->Step(1);
  EXPECT_GT(training->net().weights().Find("ip", 0)->version(), version);
}

// More than one piece of work, and a last one that is shorter.
TEST(Updater, AddsUpTheSameNormForAnyNumberOfThreads) {
  SolverParameter solver;
  solver.set_clip_gradients(5);
  Param w("w", Shape{50001}, true);
  Tensor dw(Shape{50001});
  for (int64_t i = 0; i < 50001; ++i) dw.data()[i] = Number(i, 1, 0);
  const std::vector<Learned> learned = {{"ip", 0, &w, &dw}};
  std::vector<double> norms;
  for (const int threads : {1, 2, 3}) {
    Context context({.threads = threads, .seed = 1});
    norms.push_back(Updater(solver, BuiltinLayers(), learned, context).GradientNorm());
  }
  EXPECT_EQ(norms[1], norms[0]);
  EXPECT_EQ(norms[2], norms[0]);
  EXPECT_NEAR(norms[0], std::sqrt(50001 / 2.0), 0.1);  // the mean of sin^2 is a half
}

}  // namespace
}  // namespace moka
