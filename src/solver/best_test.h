// snapshot_best and early_stop_patience: the best value so far of an output of a test net.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "moka/net.h"
#include "moka/solver.h"

namespace moka {

class BestTest {
 public:
  // Finds the output. Throws Error if no test net has it, or if it is more than one number.
  BestTest(const SolverParameter& solver, const std::vector<std::unique_ptr<Net>>& test_nets);

  // Looks at a test. Whether it was better than all before.
  bool Consider(const TestReport& report);
  // Whether there have been early_stop_patience tests without a better one.
  bool patience_is_over() const { return patience_ > 0 && state_.tests_since >= patience_; }

  // "accuracy, highest"
  std::string what() const { return name_ + (lowest_ ? ", lowest" : ", highest"); }

  struct State {
    bool any = false;
    double value = 0;
    int64_t iteration = 0;
    int tests_since = 0;
  };
  const State& state() const { return state_; }
  void set_state(const State& state) { state_ = state; }

 private:
  const std::string name_;
  const int patience_;
  int net_ = -1;
  bool lowest_ = false;
  State state_;
};

}  // namespace moka
