// All that can be wrong with a solver file, before any net is built.
#include <cmath>
#include <string>
#include <vector>

#include "io/hdf5.h"
#include "moka/error.h"
#include "moka/solver.h"
#include "moka/update_rule.h"
#include "solver/learning_rate.h"
#include "solver/solver_nets.h"

namespace moka {
namespace {

void AtLeast(const std::string& field, int64_t value, int64_t least) {
  if (value < least) throw Error(field, " ", value, " must be at least ", least).At(field);
}

void CheckLoop(const SolverParameter& s) {
  AtLeast("max_iter", s.max_iter(), 0);
  AtLeast("display", s.display(), 0);
  AtLeast("average_loss", s.average_loss(), 1);
  AtLeast("iter_size", s.iter_size(), 1);
  AtLeast("snapshot", s.snapshot(), 0);
  AtLeast("test_interval", s.test_interval(), 0);
  for (int i = 0; i < s.test_iter_size(); ++i) {
    if (s.test_iter(i) < 1) {
      throw Error("test_iter ", s.test_iter(i), " must be at least 1")
          .At("test_iter[" + std::to_string(i) + "]");
    }
  }
  AtLeast("snapshot_keep", s.snapshot_keep(), 0);
  AtLeast("early_stop_patience", s.early_stop_patience(), 0);
  if (s.early_stop_patience() > 0 && !s.has_snapshot_best()) {
    throw Error("early_stop_patience needs snapshot_best: the output of a test net to watch")
        .At("early_stop_patience");
  }
  if (!(s.ema_decay() >= 0 && s.ema_decay() < 1)) {
    throw Error("ema_decay ", s.ema_decay(), " must be at least 0 and below 1").At("ema_decay");
  }
  if (s.snapshot_format() == SolverParameter::HDF5 && !HasHdf5()) {
    throw Error(
        "snapshot_format HDF5 needs the HDF5 library (Debian: libhdf5-dev), and this Moka was "
        "built "
        "without it; there is: BINARYPROTO")
        .At("snapshot_format");
  }
}

void CheckDecayAndClipping(const SolverParameter& s) {
  if (!(s.weight_decay() >= 0) || !std::isfinite(s.weight_decay())) {
    throw Error("weight_decay ", s.weight_decay(), " must be a number from 0 up")
        .At("weight_decay");
  }
  if (s.regularization_type() != "L1" && s.regularization_type() != "L2") {
    throw Error("unknown regularization_type \"", s.regularization_type(), "\"; there are: L1, L2")
        .At("regularization_type");
  }
  if (s.clip_gradients() == 0 || std::isnan(s.clip_gradients())) {
    throw Error("clip_gradients ", s.clip_gradients(),
                " would leave no gradient; -1 turns clipping off")
        .At("clip_gradients");
  }
  if (s.clip_value() == 0 || std::isnan(s.clip_value())) {
    throw Error("clip_value ", s.clip_value(),
                " would leave no gradient; -1 turns clipping of single elements off")
        .At("clip_value");
  }
  if (s.clip_after_normalize() && s.clip_gradients() < 0) {
    throw Error("clip_after_normalize needs clip_gradients, which is off")
        .At("clip_after_normalize");
  }
}

std::string Count(int count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

// Forms of the train net that the file gives, as field names.
std::vector<std::string> TrainNetForms(const SolverDescription& solver) {
  std::vector<std::string> forms;
  if (solver.common.has_net()) forms.push_back("net");
  if (solver.net_param) forms.push_back("net_param");
  if (solver.common.has_train_net()) forms.push_back("train_net");
  if (solver.train_net_param) forms.push_back("train_net_param");
  return forms;
}

void CheckTrainNet(const SolverDescription& solver) {
  const std::vector<std::string> forms = TrainNetForms(solver);
  if (forms.empty()) {
    throw Error("there is no train net; one of net, net_param, train_net, train_net_param names it")
        .At("net");
  }
  if (forms.size() > 1) {
    throw Error("two train nets: ", forms[0], " and ", forms[1], "; exactly one is needed")
        .At(forms[1]);
  }
}

void CheckTestNets(const SolverDescription& solver) {
  const SolverParameter& s = solver.common;
  const bool both_phases = s.has_net() || solver.net_param.has_value();
  const int named = s.test_net_size() + static_cast<int>(solver.test_net_params.size());
  const int needed = named > 0 || !both_phases ? named : 1;
  const bool tests =
      named > 0 || (both_phases && (s.test_interval() > 0 || s.test_state_size() > 0));
  if (tests && s.test_iter_size() == 0) {
    throw Error("test_iter is missing; ", needed, needed == 1 ? " is" : " are",
                " needed, one for each test net: how many batches make a test")
        .At(s.has_test_interval() ? "test_interval"
            : named > 0           ? "test_net"
                                  : "test_state");
  }
  if (s.test_iter_size() < needed && tests) {
    throw Error(Count(s.test_iter_size(), "test_iter"), " for ", Count(needed, "test net"))
        .At("test_iter");
  }
  // `net` stands for as many test nets as there are test_iter left.
  if (!both_phases && s.test_iter_size() > named) {
    throw Error(Count(s.test_iter_size(), "test_iter"), " for ", Count(named, "test net"))
        .At("test_iter");
  }
  if (s.test_state_size() > 0 && s.test_state_size() != s.test_iter_size()) {
    throw Error(Count(s.test_state_size(), "test_state"), " for ",
                Count(s.test_iter_size(), "test net"))
        .At("test_state");
  }
  if (s.test_iter_size() > 0 && s.test_interval() == 0) {
    throw Error("test_interval is missing; ", Count(s.test_iter_size(), "test net"),
                s.test_iter_size() == 1 ? " needs" : " need",
                " it: how many iterations lie between two tests")
        .At("test_interval");
  }
}

}  // namespace

void CheckSolver(const SolverParameter& solver, const Registry& registry) {
  RateSchedule(solver, registry);
  CheckLoop(solver);
  CheckDecayAndClipping(solver);
  const int histories = registry.MakeUpdateRule(solver)->histories();
  if (histories < 0 || histories > kMostHistories) {
    throw Error("solver type \"", solver.type(), "\" wants ", histories,
                " values for each element of a param; 0 to ", kMostHistories, " are possible")
        .At("type");
  }
}

void CheckSolver(const SolverDescription& solver, const Registry& registry) {
  WithPlaces(solver, [&] {
    CheckSolver(solver.common, registry);
    CheckTrainNet(solver);
    CheckTestNets(solver);
  });
}

}  // namespace moka
