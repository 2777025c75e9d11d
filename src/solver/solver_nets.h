// The nets that a solver file names, each with the state that it is built for.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "moka/description.h"
#include "moka/schema.h"

namespace moka {

struct SolverNets {
  NetDescription train;
  std::vector<NetDescription>
      test;  // in Caffe's order: test_net_param, test_net, then net as often as test_iter are left
};

// Reads them; each state is: its phase, then what the net file says, then train_state or
// test_state, then level and stages. Throws Error or ErrorList. The description has passed
// CheckSolver.
SolverNets ReadSolverNets(const SolverDescription& solver, const NetSchema& schema, int level,
                          const std::vector<std::string>& stages);

// Runs `work`; an Error that it throws gets the place of its field in the solver file, if it has
// none yet.
void WithPlaces(const SolverDescription& solver, const std::function<void()>& work);

}  // namespace moka
