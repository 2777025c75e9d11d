// Learning rates at given iterations, and what a policy needs.
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "caught.h"
#include "moka/error.h"
#include "moka/solver.h"

namespace moka {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

SolverParameter Policy(const std::string& name) {
  SolverParameter solver;
  solver.set_lr_policy(name);
  solver.set_base_lr(0.5f);
  return solver;
}

float Rate(const SolverParameter& solver, int64_t iteration) {
  static const Registry registry = BuiltinLayers();
  return LearningRate(solver, registry, iteration);
}

std::string RateError(const SolverParameter& solver) {
  try {
    Rate(solver, 0);
  } catch (const Error& error) {
    return error.field() + ": " + error.message();
  }
  return "";
}

TEST(LearningRate, StaysFixed) {
  EXPECT_EQ(Rate(Policy("fixed"), 0), 0.5f);
  EXPECT_EQ(Rate(Policy("fixed"), 123456), 0.5f);
}

TEST(LearningRate, FallsEveryStepsize) {
  SolverParameter solver = Policy("step");
  solver.set_gamma(0.5f);
  solver.set_stepsize(100);
  EXPECT_EQ(Rate(solver, 99), 0.5f);
  EXPECT_EQ(Rate(solver, 100), 0.25f);
  EXPECT_EQ(Rate(solver, 399), 0.0625f);
}

TEST(LearningRate, FallsExponentially) {
  SolverParameter solver = Policy("exp");
  solver.set_gamma(0.5f);
  EXPECT_EQ(Rate(solver, 0), 0.5f);
  EXPECT_EQ(Rate(solver, 3), 0.0625f);
}

TEST(LearningRate, FallsInverselyAsLeNetsDoes) {
  SolverParameter solver = Policy("inv");
  solver.set_base_lr(0.01f);
  solver.set_gamma(0.0001f);
  solver.set_power(0.75f);
  EXPECT_FLOAT_EQ(Rate(solver, 0), 0.01f);
  EXPECT_FLOAT_EQ(Rate(solver, 5000), 0.0073778795f);   // 0.01 * 1.5^-0.75
  EXPECT_FLOAT_EQ(Rate(solver, 10000), 0.0059460356f);  // 0.01 * 2^-0.75
}

TEST(LearningRate, FallsAtEachStepvalue) {
  SolverParameter solver = Policy("multistep");
  solver.set_gamma(0.5f);
  solver.add_stepvalue(10);
  solver.add_stepvalue(30);
  EXPECT_EQ(Rate(solver, 9), 0.5f);
  EXPECT_EQ(Rate(solver, 10), 0.25f);
  EXPECT_EQ(Rate(solver, 29), 0.25f);
  EXPECT_EQ(Rate(solver, 30), 0.125f);
  EXPECT_EQ(Rate(solver, 3000), 0.125f);
}

TEST(LearningRate, FallsToZeroAtMaxIter) {
  SolverParameter solver = Policy("poly");
  solver.set_power(2);
  solver.set_max_iter(100);
  EXPECT_EQ(Rate(solver, 0), 0.5f);
  EXPECT_EQ(Rate(solver, 50), 0.125f);
  EXPECT_EQ(Rate(solver, 100), 0.0f);
  EXPECT_EQ(Rate(solver, 150), 0.0f);
}

TEST(LearningRate, FollowsASigmoid) {
  SolverParameter solver = Policy("sigmoid");
  solver.set_gamma(-0.1f);
  solver.set_stepsize(50);
  EXPECT_EQ(Rate(solver, 50), 0.25f);
  EXPECT_FLOAT_EQ(Rate(solver, 40), 0.36552929f);  // 0.5 / (1 + e^-1)
  EXPECT_FLOAT_EQ(Rate(solver, 60), 0.13447071f);  // 0.5 / (1 + e)
}

TEST(LearningRate, FallsAlongHalfACosineToMinLr) {
  SolverParameter solver = Policy("cosine");
  solver.set_min_lr(0.02f);
  solver.set_max_iter(1000);
  EXPECT_EQ(Rate(solver, 0), 0.5f);
  EXPECT_FLOAT_EQ(Rate(solver, 1), 0.499998816f);
  EXPECT_FLOAT_EQ(Rate(solver, 250), 0.429705627f);  // 0.02 + 0.48 (1 + sqrt(1/2)) / 2
  EXPECT_FLOAT_EQ(Rate(solver, 500), 0.26f);
  EXPECT_FLOAT_EQ(Rate(solver, 999), 0.0200011844f);
  EXPECT_FLOAT_EQ(Rate(solver, 1000), 0.02f);
  EXPECT_FLOAT_EQ(Rate(solver, 2000), 0.02f);
  solver.clear_min_lr();
  EXPECT_EQ(Rate(solver, 1000), 0.0f);
  solver.set_base_lr(0);
  EXPECT_EQ(Rate(solver, 500), 0.0f);
}

struct At {
  int64_t iteration;
  float rate;
};
void ExpectRates(const SolverParameter& solver, const std::vector<At>& expected) {
  for (const At& at : expected)
    EXPECT_FLOAT_EQ(Rate(solver, at.iteration), at.rate) << "iteration " << at.iteration;
}

// The numbers of torch.optim.lr_scheduler.OneCycleLR(anneal_strategy='cos', max_lr=0.5), PyTorch
// 1.13, with total_steps as max_iter.
TEST(LearningRate, RisesAndFallsInOneCycleAsPyTorchDoes) {
  SolverParameter solver = Policy("one_cycle");
  solver.set_max_iter(100);
  ExpectRates(solver, {{0, 0.02f},
                       {1, 0.0214068903f},
                       {10, 0.147581974f},
                       {28, 0.49859311f},
                       {29, 0.5f},
                       {30, 0.499748268f},
                       {31, 0.498993578f},
                       {64, 0.250001f},
                       {65, 0.238784837f},
                       {98, 0.000253732358f},
                       {99, 2e-06f},
                       {100, 2e-06f},
                       {5000, 2e-06f}});
  solver.set_max_iter(50);
  solver.set_pct_start(0.25f);
  solver.set_div_factor(10);
  solver.set_final_div_factor(100);
  ExpectRates(solver, {{0, 0.05f},
                       {7, 0.350347913f},
                       {11, 0.497904338f},
                       {12, 0.499780927f},
                       {13, 0.498030647f},
                       {30, 0.255480369f},
                       {49, 0.0005f}});
}

TEST(LearningRate, MayRiseOrFallAllTheWayInOneCycle) {
  SolverParameter solver = Policy("one_cycle");
  solver.set_max_iter(10);
  solver.set_pct_start(0);  // PyTorch's numbers, too
  ExpectRates(solver, {{0, 0.487764178f}, {1, 0.45225444f}, {5, 0.17274706f}, {9, 2e-06f}});
  solver.set_pct_start(1);
  ExpectRates(solver, {{0, 0.02f}, {1, 0.034473771f}, {5, 0.301675563f}, {9, 0.5f}, {10, 0.5f}});
  solver.set_max_iter(1);  // where PyTorch divides by 0
  ExpectRates(solver, {{0, 0.5f}, {1, 0.5f}});
}

TEST(LearningRate, RisesInALineToThatOfThePolicy) {
  SolverParameter solver = Policy("step");
  solver.set_gamma(0.5f);
  solver.set_stepsize(100);
  solver.set_warmup_iter(10);
  ExpectRates(solver, {{0, 0}, {1, 0.05f}, {5, 0.25f}, {9, 0.45f}, {10, 0.5f}, {100, 0.25f}});
  solver.set_warmup_start_lr(0.1f);
  ExpectRates(solver, {{0, 0.1f}, {5, 0.3f}, {10, 0.5f}, {11, 0.5f}});
  solver.set_warmup_iter(200);  // to 0.125, the policy's rate there
  ExpectRates(solver, {{0, 0.1f}, {100, 0.1125f}, {200, 0.125f}, {300, 0.0625f}});
  solver.set_warmup_iter(0);
  ExpectRates(solver, {{0, 0.5f}});
}

TEST(LearningRate, RefusesUnknownPolicies) {
  EXPECT_EQ(RateError(Policy("Fixed")),
            "lr_policy: unknown lr_policy \"Fixed\"; did you mean \"fixed\"?");
  EXPECT_EQ(RateError(Policy("cyclic-triangles")),
            "lr_policy: unknown lr_policy \"cyclic-triangles\"; there are: cosine, exp, "
            "fixed, inv, multistep, one_cycle, plateau, poly, sigmoid, step");
  SolverParameter none = Policy("");
  none.clear_lr_policy();
  EXPECT_EQ(RateError(none),
            "lr_policy: lr_policy is missing; there are: cosine, exp, fixed, inv, multistep, "
            "one_cycle, plateau, poly, sigmoid, step");
}

TEST(LearningRate, RefusesToDoWithoutWhatAPolicyNeeds) {
  SolverParameter no_rate = Policy("fixed");
  no_rate.clear_base_lr();
  EXPECT_EQ(RateError(no_rate), "base_lr: base_lr is missing");
  EXPECT_EQ(RateError(Policy("step")),
            "lr_policy: lr_policy \"step\" needs gamma, which is missing");
  SolverParameter solver = Policy("step");
  solver.set_gamma(0.1f);
  EXPECT_EQ(RateError(solver), "lr_policy: lr_policy \"step\" needs stepsize, which is missing");
  EXPECT_EQ(RateError(Policy("exp")), "lr_policy: lr_policy \"exp\" needs gamma, which is missing");
  solver.set_lr_policy("inv");
  EXPECT_EQ(RateError(solver), "lr_policy: lr_policy \"inv\" needs power, which is missing");
  solver.set_lr_policy("multistep");
  EXPECT_EQ(RateError(solver),
            "lr_policy: lr_policy \"multistep\" needs stepvalue, which is missing");
  solver.set_lr_policy("poly");
  EXPECT_EQ(RateError(solver), "lr_policy: lr_policy \"poly\" needs power, which is missing");
  solver.set_power(1);
  EXPECT_EQ(RateError(solver), "lr_policy: lr_policy \"poly\" needs max_iter, which is missing");
  solver.set_lr_policy("sigmoid");
  EXPECT_EQ(RateError(solver), "lr_policy: lr_policy \"sigmoid\" needs stepsize, which is missing");
}

TEST(LearningRate, RefusesNumbersThatMakeNoSense) {
  SolverParameter solver = Policy("step");
  solver.set_gamma(0.1f);
  solver.set_stepsize(0);
  EXPECT_EQ(RateError(solver), "stepsize: stepsize 0 must be above 0");
  solver.set_gamma(-0.5f);
  EXPECT_EQ(RateError(solver), "gamma: gamma -0.5 is negative");
  solver.set_base_lr(-1);
  EXPECT_EQ(RateError(solver), "base_lr: base_lr -1 is negative");
  solver.set_base_lr(std::numeric_limits<float>::infinity());
  EXPECT_EQ(RateError(solver), "base_lr: base_lr inf is not finite");
  solver.set_base_lr(1);
  solver.set_gamma(std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(RateError(solver), "gamma: gamma nan is not finite");
  SolverParameter steps = Policy("multistep");
  steps.set_gamma(0.1f);
  steps.add_stepvalue(20);
  steps.add_stepvalue(10);
  EXPECT_EQ(RateError(steps), "stepvalue[1]: stepvalue 10 comes after 20; the values must ascend");
  SolverParameter poly = Policy("poly");
  poly.set_power(1);
  poly.set_max_iter(0);
  EXPECT_EQ(RateError(poly), "max_iter: max_iter 0 must be above 0 for lr_policy \"poly\"");
}

// The error for a good solver with one change.
template <typename Change>
std::string ErrorWith(SolverParameter solver, const Change& change) {
  EXPECT_EQ(RateError(solver), "");
  change(solver);
  return RateError(solver);
}

TEST(LearningRate, RefusesCosinesThatMakeNoSense) {
  SolverParameter cosine = Policy("cosine");
  cosine.set_max_iter(100);
  EXPECT_EQ(ErrorWith(cosine, [](auto& s) { s.clear_max_iter(); }),
            "lr_policy: lr_policy \"cosine\" needs max_iter, which is missing");
  EXPECT_EQ(ErrorWith(cosine, [](auto& s) { s.set_max_iter(0); }),
            "max_iter: max_iter 0 must be above 0 for lr_policy \"cosine\"");
  EXPECT_EQ(ErrorWith(cosine, [](auto& s) { s.set_min_lr(-1); }),
            "min_lr: min_lr -1 must be a number from 0 up");
  EXPECT_EQ(ErrorWith(cosine, [](auto& s) { s.set_min_lr(kNan); }),
            "min_lr: min_lr nan must be a number from 0 up");
  EXPECT_EQ(ErrorWith(cosine, [](auto& s) { s.set_min_lr(0.75f); }),
            "min_lr: min_lr 0.75 is above base_lr, 0.5");
}

TEST(LearningRate, RefusesCyclesThatMakeNoSense) {
  SolverParameter cycle = Policy("one_cycle");
  cycle.set_max_iter(100);
  EXPECT_EQ(ErrorWith(cycle, [](auto& s) { s.clear_max_iter(); }),
            "lr_policy: lr_policy \"one_cycle\" needs max_iter, which is missing");
  EXPECT_EQ(ErrorWith(cycle, [](auto& s) { s.set_max_iter(0); }),
            "max_iter: max_iter 0 must be above 0 for lr_policy \"one_cycle\"");
  EXPECT_EQ(ErrorWith(cycle, [](auto& s) { s.set_pct_start(1.5f); }),
            "pct_start: pct_start 1.5 must be from 0 to 1: a share of max_iter");
  EXPECT_EQ(ErrorWith(cycle, [](auto& s) { s.set_pct_start(-0.5f); }),
            "pct_start: pct_start -0.5 must be from 0 to 1: a share of max_iter");
  EXPECT_EQ(ErrorWith(cycle, [](auto& s) { s.set_pct_start(kNan); }),
            "pct_start: pct_start nan must be from 0 to 1: a share of max_iter");
  EXPECT_EQ(ErrorWith(cycle, [](auto& s) { s.set_div_factor(0); }),
            "div_factor: div_factor 0 must be above 0 and finite");
  EXPECT_EQ(ErrorWith(cycle, [](auto& s) { s.set_div_factor(kNan); }),
            "div_factor: div_factor nan must be above 0 and finite");
  EXPECT_EQ(ErrorWith(cycle, [](auto& s) { s.set_final_div_factor(-2); }),
            "final_div_factor: final_div_factor -2 must be above 0 and finite");
}

TEST(LearningRate, RefusesWarmupsThatMakeNoSense) {
  SolverParameter warm = Policy("fixed");
  warm.set_warmup_iter(10);
  EXPECT_EQ(ErrorWith(warm, [](auto& s) { s.set_warmup_iter(-1); }),
            "warmup_iter: warmup_iter -1 must be at least 0");
  EXPECT_EQ(ErrorWith(warm, [](auto& s) { s.set_warmup_start_lr(-0.5f); }),
            "warmup_start_lr: warmup_start_lr -0.5 must be a number from 0 up");
  EXPECT_EQ(ErrorWith(warm, [](auto& s) { s.set_warmup_start_lr(kNan); }),
            "warmup_start_lr: warmup_start_lr nan must be a number from 0 up");
  EXPECT_EQ(ErrorWith(warm, [](auto& s) { s.set_warmup_start_lr(0.75f); }),
            "warmup_start_lr: warmup_start_lr 0.75 is above base_lr, 0.5");
  EXPECT_EQ(ErrorWith(Policy("fixed"), [](auto& s) { s.set_warmup_start_lr(0.25f); }),
            "warmup_start_lr: warmup_start_lr needs warmup_iter, which is missing");
}

TEST(LearningRate, IsShownForAllIterationsInTurn) {
  SolverDescription solver;
  solver.common = Policy("step");
  solver.common.set_gamma(0.5f);
  solver.common.set_stepsize(2);
  std::vector<float> rates;
  const auto visit = [&](int64_t i, float rate) {
    EXPECT_EQ(i, static_cast<int64_t>(rates.size()));
    rates.push_back(rate);
  };
  VisitLearningRates(solver, BuiltinLayers(), 5, visit);
  EXPECT_EQ(rates, (std::vector<float>{0.5f, 0.5f, 0.25f, 0.25f, 0.125f}));
  // With a loss that never changes: the first one is the lowest, the others bring nothing new.
  solver.common.set_lr_policy("plateau");
  solver.common.add_plateau_winsize(3);
  rates.clear();
  VisitLearningRates(solver, BuiltinLayers(), 5, visit);
  EXPECT_EQ(rates, (std::vector<float>{0.5f, 0.5f, 0.5f, 0.25f, 0.25f}));
  solver.common.clear_gamma();
  solver.places["lr_policy"] = {"solver.prototxt", 2, 1};
  const Error error = Caught([&] { VisitLearningRates(solver, BuiltinLayers(), 5, visit); });
  EXPECT_STREQ(error.what(),
               "solver.prototxt:2:1: lr_policy \"plateau\" needs gamma, which is missing");
}

}  // namespace
}  // namespace moka
