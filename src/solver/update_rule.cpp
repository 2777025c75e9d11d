// The update rules by name.
#include "solver/update_rule.h"

#include <functional>
#include <map>

#include "moka/error.h"

namespace moka {
namespace {

using Make = std::function<std::unique_ptr<UpdateRule>(const SolverParameter&)>;

const std::map<std::string, Make>& Rules() {
  static const std::map<std::string, Make> rules = {{"SGD", MakeSgd}};
  return rules;
}

// What Caffe has, in the order of solver_type.
const std::vector<std::string> kCaffeTypes = {"SGD",     "Nesterov", "AdaGrad",
                                              "RMSProp", "AdaDelta", "Adam"};

}  // namespace

std::string SolverType(const SolverParameter& solver) {
  if (!solver.has_solver_type()) return solver.type();
  const std::string& old = kCaffeTypes[static_cast<size_t>(solver.solver_type())];
  if (solver.has_type() && solver.type() != old) {
    throw Error("type \"", solver.type(), "\" and the deprecated solver_type ", old,
                " say different things; leave solver_type out")
        .At("solver_type");
  }
  return old;
}

std::unique_ptr<UpdateRule> MakeUpdateRule(const SolverParameter& solver) {
  const std::string type = SolverType(solver);
  const auto found = Rules().find(type);
  if (found != Rules().end()) return found->second(solver);
  std::string there;
  std::vector<std::string> known = kCaffeTypes;
  for (const auto& [name, make] : Rules()) {
    there += (there.empty() ? "" : ", ") + name;
    known.push_back(name);
  }
  const std::string field = solver.has_type() ? "type" : "solver_type";
  for (const std::string& name : kCaffeTypes) {
    if (name != type) continue;
    throw Error("solver type \"", type, "\" is not there yet; there is: ", there).At(field);
  }
  const std::string hint = DidYouMean(type, known);
  throw Error("unknown solver type \"", type, "\"", hint.empty() ? "; there is: " + there : hint)
      .At(field);
}

}  // namespace moka
