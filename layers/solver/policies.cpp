// Learning-rate policies. At an iteration t, base_lr is multiplied with
//   fixed      1
//   step       gamma ^ floor(t / stepsize)
//   exp        gamma ^ t
//   inv        (1 + gamma t) ^ -power
//   multistep  gamma ^ (how many stepvalues are <= t)
//   poly       (1 - t / max_iter) ^ power
//   sigmoid    1 / (1 + exp(-gamma (t - stepsize)))
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "checks.h"
#include "moka/learning_rate.h"
#include "moka/registry.h"

namespace moka {
namespace {

using Fields = std::vector<std::string>;

bool Has(const SolverParameter& solver, const std::string& field) {
  if (field == "gamma") return solver.has_gamma();
  if (field == "power") return solver.has_power();
  if (field == "stepsize") return solver.has_stepsize();
  if (field == "stepvalue") return solver.stepvalue_size() > 0;
  return solver.has_max_iter();
}

void CheckFinite(const std::string& field, float value) {
  if (!std::isfinite(value)) throw Error(field, " ", value, " is not finite").At(field);
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

// The fields of the solver file that a policy needs, and its formula.
struct Policy {
  const char* name;
  Fields needs;
  double (*factor)(const SolverParameter&, double t);

  void Check(const SolverParameter& solver) const;
};

void Policy::Check(const SolverParameter& solver) const {
  for (const std::string& field : needs) {
    RequireField(solver, field, Has(solver, field));
    if (field == "gamma") {
      CheckFinite(field, solver.gamma());
      if (solver.gamma() < 0 && std::string_view(name) != "sigmoid")
        throw Error(field, " ", solver.gamma(), " is negative").At(field);
    }
    if (field == "power") CheckFinite(field, solver.power());
    if (field == "stepsize" && solver.stepsize() <= 0) {
      throw Error("stepsize ", solver.stepsize(), " must be above 0").At(field);
    }
    if (field == "max_iter") MaxIter(solver);
    if (field == "stepvalue") CheckStepvalues(solver);
  }
}

double Step(const SolverParameter& s, double t) {
  return std::pow(double{s.gamma()}, std::floor(t / s.stepsize()));
}
double Exp(const SolverParameter& s, double t) { return std::pow(double{s.gamma()}, t); }
double Inv(const SolverParameter& s, double t) {
  return std::pow(1 + s.gamma() * t, -double{s.power()});
}
double Multistep(const SolverParameter& s, double t) {
  const auto passed = std::count_if(s.stepvalue().begin(), s.stepvalue().end(),
                                    [&](int value) { return value <= t; });
  return std::pow(double{s.gamma()}, static_cast<double>(passed));
}
// Beyond max_iter the rate stays 0.
double Poly(const SolverParameter& s, double t) {
  return std::pow(std::max(0.0, 1 - t / s.max_iter()), double{s.power()});
}
double Sigmoid(const SolverParameter& s, double t) {
  return 1 / (1 + std::exp(-s.gamma() * (t - s.stepsize())));
}

class FormulaPolicy final : public LearningRatePolicy {
 public:
  FormulaPolicy(const Policy& policy, const SolverParameter& solver)
      : factor_(policy.factor), solver_(solver) {
    policy.Check(solver);
  }
  double Factor(int64_t iteration) const override {
    return factor_(solver_, static_cast<double>(iteration));
  }

 private:
  double (*const factor_)(const SolverParameter&, double);
  const SolverParameter solver_;
};

}  // namespace

void RegisterLearningRatePolicies(Registry& registry) {
  const Policy policies[] = {
      {"fixed", {}, [](const SolverParameter&, double) { return 1.0; }},
      {"step", {"gamma", "stepsize"}, Step},
      {"exp", {"gamma"}, Exp},
      {"inv", {"gamma", "power"}, Inv},
      {"multistep", {"gamma", "stepvalue"}, Multistep},
      {"poly", {"power", "max_iter"}, Poly},
      {"sigmoid", {"gamma", "stepsize"}, Sigmoid},
  };
  for (const Policy& policy : policies) {
    LearningRatePolicyType type;
    type.name = policy.name;
    type.create = [policy](const SolverParameter& solver, const FieldBytes&) {
      return std::make_unique<FormulaPolicy>(policy, solver);
    };
    registry.AddType(std::move(type));
  }
}

}  // namespace moka
