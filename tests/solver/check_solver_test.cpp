// What is wrong with a solver file, by field and text.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "io/hdf5.h"
#include "moka/error.h"
#include "moka/solver.h"

namespace moka {
namespace {

SolverDescription Good() {
  SolverDescription solver;
  solver.common.set_net("net.prototxt");
  solver.common.set_base_lr(0.1f);
  solver.common.set_lr_policy("fixed");
  solver.file = "solver.prototxt";
  return solver;
}

using Change = std::function<void(SolverDescription&)>;

// "field: message" of the Error for a good solver with one change; "" if it is still good.
std::string ErrorWith(const Change& change) {
  SolverDescription solver = Good();
  change(solver);
  try {
    CheckSolver(solver, BuiltinLayers());
  } catch (const Error& error) {
    return error.field() + ": " + error.message();
  }
  return "";
}

std::string ErrorIn(const std::function<void(SolverParameter&)>& change) {
  return ErrorWith([&](SolverDescription& solver) { change(solver.common); });
}

TEST(CheckSolver, AcceptsAMinimalSolver) {
  EXPECT_EQ(ErrorIn([](auto&) {}), "");
}

TEST(CheckSolver, KnowsThePlaceOfAnError) {
  SolverDescription solver = Good();
  solver.common.set_iter_size(0);
  solver.places["iter_size"] = {"solver.prototxt", 7, 3};
  try {
    CheckSolver(solver, BuiltinLayers());
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "solver.prototxt:7:3: iter_size 0 must be at least 1");
  }
  solver = Good();
  solver.common.clear_base_lr();
  try {
    CheckSolver(solver, BuiltinLayers());
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "solver.prototxt: base_lr is missing");
  }
}

TEST(CheckSolver, NeedsExactlyOneTrainNet) {
  EXPECT_EQ(
      ErrorIn([](auto& s) { s.clear_net(); }),
      "net: there is no train net; one of net, net_param, train_net, train_net_param names it");
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_train_net("t"); }),
            "train_net: two train nets: net and train_net; exactly one is needed");
  EXPECT_EQ(ErrorWith([](auto& s) { s.net_param.emplace(); }),
            "net_param: two train nets: net and net_param; exactly one is needed");
  EXPECT_EQ(ErrorWith([](auto& s) {
              s.common.clear_net();
              s.train_net_param.emplace();
            }),
            "");
}

TEST(CheckSolver, SaysHowManyTestIterAreMissing) {
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_test_interval(500); }),
            "test_interval: test_iter is missing; 1 is needed, one for each test net: how many "
            "batches make a test");
  const auto two_tests = [](auto& s) {
    s.clear_net();
    s.set_train_net("t");
    s.add_test_net("a");
    s.add_test_net("b");
    s.set_test_interval(10);
  };
  EXPECT_EQ(ErrorIn(two_tests),
            "test_interval: test_iter is missing; 2 are needed, one for each test net: how many "
            "batches make a test");
  EXPECT_EQ(ErrorIn([&](auto& s) {
              two_tests(s);
              s.add_test_iter(5);
            }),
            "test_iter: 1 test_iter for 2 test nets");
  EXPECT_EQ(ErrorIn([&](auto& s) {
              two_tests(s);
              for (int i = 0; i < 3; ++i) s.add_test_iter(5);
            }),
            "test_iter: 3 test_iters for 2 test nets");
  EXPECT_EQ(ErrorIn([&](auto& s) {
              two_tests(s);
              for (int i = 0; i < 2; ++i) s.add_test_iter(5);
            }),
            "");
}

TEST(CheckSolver, NamesTheFieldThatAsksForTests) {
  const auto train_only = [](auto& s) {
    s.clear_net();
    s.set_train_net("t");
  };
  EXPECT_EQ(ErrorIn([&](auto& s) {
              train_only(s);
              s.add_test_net("a");
            }),
            "test_net: test_iter is missing; 1 is needed, one for each test net: how many batches "
            "make a test");
  EXPECT_EQ(ErrorIn([](auto& s) { s.add_test_state(); }),
            "test_state: test_iter is missing; 1 is needed, one for each test net: how many "
            "batches make a test");
  EXPECT_EQ(ErrorIn([&](auto& s) {
              train_only(s);
              s.add_test_iter(5);
            }),
            "test_iter: 1 test_iter for 0 test nets");
  EXPECT_EQ(ErrorIn([](auto& s) {
              s.add_test_iter(5);
              s.add_test_iter(5);
            }),
            "test_interval: test_interval is missing; 2 test nets need it: how many iterations lie "
            "between two tests");
}

TEST(CheckSolver, TakesOneNetForAsManyTestsAsThereAreTestIter) {
  EXPECT_EQ(ErrorIn([](auto& s) {
              s.add_test_iter(5);
              s.add_test_iter(5);
              s.set_test_interval(10);
            }),
            "");
  EXPECT_EQ(ErrorIn([](auto& s) {
              s.add_test_iter(5);
              s.add_test_iter(5);
              s.add_test_state();
              s.set_test_interval(10);
            }),
            "test_state: 1 test_state for 2 test nets");
}

TEST(CheckSolver, NeedsATestIntervalForTests) {
  EXPECT_EQ(ErrorIn([](auto& s) { s.add_test_iter(5); }),
            "test_interval: test_interval is missing; 1 test net needs it: how many iterations lie "
            "between two tests");
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_test_interval(-5); }),
            "test_interval: test_interval -5 must be at least 0");
  EXPECT_EQ(ErrorIn([](auto& s) {
              s.add_test_iter(3);
              s.add_test_iter(0);
              s.set_test_interval(5);
            }),
            "test_iter[1]: test_iter 0 must be at least 1");
}

TEST(CheckSolver, RefusesNumbersThatMakeNoSense) {
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_iter_size(0); }),
            "iter_size: iter_size 0 must be at least 1");
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_average_loss(0); }),
            "average_loss: average_loss 0 must be at least 1");
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_max_iter(-1); }),
            "max_iter: max_iter -1 must be at least 0");
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_display(-1); }), "display: display -1 must be at least 0");
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_snapshot(-1); }),
            "snapshot: snapshot -1 must be at least 0");
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_momentum(-0.5f); }),
            "momentum: momentum -0.5 must be at least 0 and below 1");
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_momentum(1); }),
            "momentum: momentum 1 must be at least 0 and below 1");
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_weight_decay(-1); }),
            "weight_decay: weight_decay -1 must be a number from 0 up");
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_clip_gradients(0); }),
            "clip_gradients: clip_gradients 0 would leave no gradient; -1 turns clipping off");
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_weight_decay(HUGE_VALF); }),
            "weight_decay: weight_decay inf must be a number from 0 up");
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_momentum(NAN); }),
            "momentum: momentum nan must be at least 0 and below 1");
}

TEST(CheckSolver, RefusesClippingThatLeavesNothingOrIsOff) {
  EXPECT_EQ(
      ErrorIn([](auto& s) { s.set_clip_value(0); }),
      "clip_value: clip_value 0 would leave no gradient; -1 turns clipping of single elements "
      "off");
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_clip_value(NAN); }),
            "clip_value: clip_value nan would leave no gradient; -1 turns clipping of single "
            "elements off");
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_clip_value(-1); }), "");
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_clip_after_normalize(true); }),
            "clip_after_normalize: clip_after_normalize needs clip_gradients, which is off");
}

TEST(CheckSolver, RefusesWhatIsNotThereYetAndWhatNeverWas) {
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_type("sgd"); }),
            "type: unknown solver type \"sgd\"; did you mean \"SGD\"?");
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_type("Evolution"); }),
            "type: unknown solver type \"Evolution\"; there are: AMSGrad, AdaDelta, AdaGrad, Adam, "
            "AdamW, LARS, Nesterov, RMSProp, SGD");
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_regularization_type("L3"); }),
            "regularization_type: unknown regularization_type \"L3\"; there are: L1, L2");
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_snapshot_format(SolverParameter::HDF5); }),
            HasHdf5() ? ""
                      : "snapshot_format: snapshot_format HDF5 needs the HDF5 library (Debian: "
                        "libhdf5-dev), and this Moka was built without it; there is: BINARYPROTO");
}

TEST(CheckSolver, LeavesTheOldSolverTypeToTheReadingOfFiles) {
  EXPECT_EQ(ErrorIn([](auto& s) { s.set_solver_type(SolverParameter::SGD); }),
            "solver_type: solver_type stands only in old files, reading them makes it type; set "
            "type");
}

}  // namespace
}  // namespace moka
