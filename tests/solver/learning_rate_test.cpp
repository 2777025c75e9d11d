// Learning rates at given iterations, and what a policy needs.
#include <gtest/gtest.h>

#include <limits>

#include "moka/error.h"
#include "moka/solver.h"

namespace moka {
namespace {

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

TEST(LearningRate, RefusesUnknownPolicies) {
  EXPECT_EQ(RateError(Policy("Fixed")),
            "lr_policy: unknown lr_policy \"Fixed\"; did you mean \"fixed\"?");
  EXPECT_EQ(RateError(Policy("cyclic-triangles")),
            "lr_policy: unknown lr_policy \"cyclic-triangles\"; there are: exp, fixed, inv, "
            "multistep, poly, sigmoid, step");
  SolverParameter none = Policy("");
  none.clear_lr_policy();
  EXPECT_EQ(RateError(none),
            "lr_policy: lr_policy is missing; there are: exp, fixed, inv, multistep, poly, "
            "sigmoid, step");
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

}  // namespace
}  // namespace moka
