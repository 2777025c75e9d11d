// The learning rate at an iteration t: base_lr times
//   fixed      1
//   step       gamma ^ floor(t / stepsize)
//   exp        gamma ^ t
//   inv        (1 + gamma t) ^ -power
//   multistep  gamma ^ (how many stepvalues are <= t)
//   poly       (1 - t / max_iter) ^ power
//   sigmoid    1 / (1 + exp(-gamma (t - stepsize)))
#include "solver/learning_rate.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "moka/error.h"
#include "moka/solver.h"

namespace moka {
namespace {

// The fields that a policy needs besides base_lr, and its factor.
struct Policy {
  std::string name;
  std::vector<std::string> needs;
  std::function<double(const SolverParameter&, double t)> factor;
};

double Multistep(const SolverParameter& solver, double t) {
  const auto passed = std::count_if(solver.stepvalue().begin(), solver.stepvalue().end(),
                                    [&](int value) { return value <= t; });
  return std::pow(double{solver.gamma()}, static_cast<double>(passed));
}

// Beyond max_iter the rate stays 0.
double Poly(const SolverParameter& solver, double t) {
  return std::pow(std::max(0.0, 1 - t / solver.max_iter()), double{solver.power()});
}

const std::vector<Policy>& Policies() {
  using S = SolverParameter;
  static const std::vector<Policy> policies = {
      {"fixed", {}, [](const S&, double) { return 1.0; }},
      {"step",
       {"gamma", "stepsize"},
       [](const S& s, double t) {
         return std::pow(double{s.gamma()}, std::floor(t / s.stepsize()));
       }},
      {"exp", {"gamma"}, [](const S& s, double t) { return std::pow(double{s.gamma()}, t); }},
      {"inv",
       {"gamma", "power"},
       [](const S& s, double t) { return std::pow(1 + s.gamma() * t, -double{s.power()}); }},
      {"multistep", {"gamma", "stepvalue"}, Multistep},
      {"poly", {"power", "max_iter"}, Poly},
      {"sigmoid",
       {"gamma", "stepsize"},
       [](const S& s, double t) { return 1 / (1 + std::exp(-s.gamma() * (t - s.stepsize()))); }},
  };
  return policies;
}

const Policy& FindPolicy(const SolverParameter& solver) {
  std::vector<std::string> names;
  std::string list;
  for (const Policy& policy : Policies()) {
    if (policy.name == solver.lr_policy()) return policy;
    names.push_back(policy.name);
    list += (list.empty() ? "" : ", ") + policy.name;
  }
  if (!solver.has_lr_policy())
    throw Error("lr_policy is missing; there are: ", list).At("lr_policy");
  const std::string hint = DidYouMean(solver.lr_policy(), names);
  throw Error("unknown lr_policy \"", solver.lr_policy(), "\"",
              hint.empty() ? "; there are: " + list : hint)
      .At("lr_policy");
}

bool Has(const SolverParameter& solver, const std::string& field) {
  if (field == "gamma") return solver.has_gamma();
  if (field == "power") return solver.has_power();
  if (field == "stepsize") return solver.has_stepsize();
  if (field == "stepvalue") return solver.stepvalue_size() > 0;
  return solver.has_max_iter();
}

void CheckNumber(const std::string& field, float value, bool may_be_negative) {
  if (!std::isfinite(value)) throw Error(field, " ", value, " is not finite").At(field);
  if (value < 0 && !may_be_negative) throw Error(field, " ", value, " is negative").At(field);
}

void CheckStepvalues(const SolverParameter& solver) {
  for (int i = 1; i < solver.stepvalue_size(); ++i) {
    if (solver.stepvalue(i) < solver.stepvalue(i - 1)) {
      throw Error("stepvalue ", solver.stepvalue(i), " comes after ", solver.stepvalue(i - 1),
                  "; the values must ascend")
          .At("stepvalue[" + std::to_string(i) + "]");
    }
  }
}

}  // namespace

void CheckLearningRate(const SolverParameter& solver) {
  if (!solver.has_base_lr()) throw Error("base_lr is missing").At("base_lr");
  CheckNumber("base_lr", solver.base_lr(), false);
  const Policy& policy = FindPolicy(solver);
  for (const std::string& field : policy.needs) {
    if (!Has(solver, field)) {
      throw Error("lr_policy \"", policy.name, "\" needs ", field, ", which is missing")
          .At("lr_policy");
    }
    if (field == "gamma") CheckNumber(field, solver.gamma(), policy.name == "sigmoid");
    if (field == "power") CheckNumber(field, solver.power(), true);
    if (field == "stepsize" && solver.stepsize() <= 0) {
      throw Error("stepsize ", solver.stepsize(), " must be above 0").At(field);
    }
    if (field == "max_iter" && solver.max_iter() <= 0) {
      throw Error("max_iter ", solver.max_iter(), " must be above 0 for lr_policy \"poly\"")
          .At(field);
    }
    if (field == "stepvalue") CheckStepvalues(solver);
  }
}

int CurrentStep(const SolverParameter& solver, int64_t iteration) {
  if (solver.lr_policy() == "step") return static_cast<int>(iteration / solver.stepsize());
  if (solver.lr_policy() != "multistep") return 0;
  return static_cast<int>(std::count_if(solver.stepvalue().begin(), solver.stepvalue().end(),
                                        [&](int value) { return value <= iteration; }));
}

float LearningRate(const SolverParameter& solver, int64_t iteration) {
  CheckLearningRate(solver);
  const double factor = FindPolicy(solver).factor(solver, static_cast<double>(iteration));
  return static_cast<float>(solver.base_lr() * factor);
}

}  // namespace moka
