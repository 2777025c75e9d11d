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

// What Caffe has.
const std::vector<std::string> kCaffeTypes = {"SGD",     "Nesterov", "AdaGrad",
                                              "RMSProp", "AdaDelta", "Adam"};

}  // namespace

std::unique_ptr<UpdateRule> MakeUpdateRule(const SolverParameter& solver) {
  if (solver.has_solver_type()) {
    throw Error("solver_type stands only in old files, reading them makes it type; set type")
        .At("solver_type");
  }
  const std::string& type = solver.type();
  const auto found = Rules().find(type);
  if (found != Rules().end()) return found->second(solver);
  std::string there;
  std::vector<std::string> known = kCaffeTypes;
  for (const auto& [name, make] : Rules()) {
    there += (there.empty() ? "" : ", ") + name;
    known.push_back(name);
  }
  for (const std::string& name : kCaffeTypes) {
    if (name != type) continue;
    throw Error("solver type \"", type, "\" is not there yet; there is: ", there).At("type");
  }
  const std::string hint = DidYouMean(type, known);
  throw Error("unknown solver type \"", type, "\"", hint.empty() ? "; there is: " + there : hint)
      .At("type");
}

}  // namespace moka
