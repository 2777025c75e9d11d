// The nets that a solver file names, each with the state that it is built for.
#include "solver/solver_nets.h"

#include <optional>

#include "moka/file.h"

namespace moka {
namespace {

// The net of a field that names a file.
NetDescription ReadNamed(const SolverDescription& solver, const NetSchema& schema,
                         const std::string& path, const std::string& field) {
  std::string found;
  WithPlaces(solver, [&] {
    try {
      found = FindFile(path, solver.file);
    } catch (Error& error) {
      error.At(field);
      throw;
    }
  });
  return schema.ReadNet(found);
}

NetState MergeState(Phase phase, const NetState& net, const NetState* solver, int level,
                    const std::vector<std::string>& stages) {
  NetState state;
  state.set_phase(phase);
  state.MergeFrom(net);
  if (solver != nullptr) state.MergeFrom(*solver);
  if (level != 0) state.set_level(level);
  for (const std::string& stage : stages) state.add_stage(stage);
  return state;
}

}  // namespace

SolverNets ReadSolverNets(const SolverDescription& solver, const NetSchema& schema, int level,
                          const std::vector<std::string>& stages) {
  const SolverParameter& s = solver.common;
  // For training and tests, or for training alone.
  std::optional<NetDescription> both = solver.net_param, train = solver.train_net_param;
  if (s.has_net()) both = ReadNamed(solver, schema, s.net(), "net");
  if (s.has_train_net()) train = ReadNamed(solver, schema, s.train_net(), "train_net");

  SolverNets nets;
  nets.test = solver.test_net_params;
  for (int i = 0; i < s.test_net_size(); ++i) {
    nets.test.push_back(
        ReadNamed(solver, schema, s.test_net(i), "test_net[" + std::to_string(i) + "]"));
  }
  while (both && nets.test.size() < static_cast<size_t>(s.test_iter_size())) {
    nets.test.push_back(*both);
  }
  nets.train = both ? *std::move(both) : *std::move(train);

  nets.train.state = MergeState(TRAIN, nets.train.state,
                                s.has_train_state() ? &s.train_state() : nullptr, level, stages);
  for (size_t i = 0; i < nets.test.size(); ++i) {
    const int k = static_cast<int>(i);
    nets.test[i].state =
        MergeState(TEST, nets.test[i].state, k < s.test_state_size() ? &s.test_state(k) : nullptr,
                   level, stages);
  }
  return nets;
}

void WithPlaces(const SolverDescription& solver, const std::function<void()>& work) {
  try {
    work();
  } catch (Error& error) {
    if (error.place().line == 0 && !error.field().empty()) {
      const auto place = solver.places.find(error.field());
      if (place != solver.places.end()) {
        error.SetPlace(place->second);
      } else {
        error.SetPlace({solver.file, 0, 0});
      }
    }
    throw;
  }
}

}  // namespace moka
