// snapshot_best and early_stop_patience: the best value so far of an output of a test net.
#include "solver/best_test.h"

#include <algorithm>
#include <cmath>

namespace moka {

BestTest::BestTest(const SolverParameter& solver,
                   const std::vector<std::unique_ptr<Net>>& test_nets)
    : name_(solver.snapshot_best()), patience_(solver.early_stop_patience()) {
  std::string names;
  for (size_t i = 0; i < test_nets.size() && net_ < 0; ++i) {
    for (const NetOutput& output : test_nets[i]->outputs()) {
      names += (names.empty() ? "" : ", ") + output.name;
      if (output.name != name_) continue;
      if (output.values->count() != 1) {
        throw Error("snapshot_best \"", name_, "\" has ", output.values->count(),
                    " values; it must be one number")
            .At("snapshot_best");
      }
      net_ = static_cast<int>(i);
      lowest_ = solver.has_best_is() ? solver.best_is() == SolverParameter::LOWEST
                                     : output.loss_weight != 0;
      break;
    }
  }
  if (net_ < 0) {
    throw Error("snapshot_best: no test net has an output \"", name_, "\"; there ",
                test_nets.empty() ? "is no test net" : "are: " + names)
        .At("snapshot_best");
  }
}

bool BestTest::Consider(const TestReport& report) {
  if (report.net != net_) return false;
  const auto found = std::find_if(report.outputs.begin(), report.outputs.end(),
                                  [&](const OutputValue& output) { return output.name == name_; });
  const double value = found->value;
  const bool better = !std::isnan(value) &&
                      (!state_.any || (lowest_ ? value < state_.value : value > state_.value));
  if (better) {
    state_ = {true, value, report.iteration, 0};
  } else {
    ++state_.tests_since;
  }
  return better;
}

}  // namespace moka
