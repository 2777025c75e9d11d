// A plugin that was built for API 3.0 works with today's library.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "caught.h"
#include "moka/check_layer.h"
#include "moka/learning_rate.h"
#include "moka/net.h"
#include "moka/plugin.h"
#include "moka/plugin_files.h"
#include "moka/schema.h"
#include "moka/solver.h"
#include "plugins/libraries.h"

namespace moka {
namespace {

using testing::Library;

const Registry& WithVeteran() {
  static const Registry registry = LoadRegistry({Library("veteran")});
  return registry;
}

TEST(PluginOfApi30, SaysThatItWasBuiltFor30) {
  const PluginInfo info = ReadPluginInfo(Library("veteran"));
  EXPECT_EQ(info.api_major, 3);
  EXPECT_EQ(info.api_minor, 0);
  EXPECT_EQ(info.package, "veteran");
  EXPECT_EQ(info.problem, "");
}

TEST(PluginOfApi30, LayerKeepsItsContractInItsOwnCase) {
  const std::vector<CheckCase> cases = WithVeteran().check_cases("Gate");
  ASSERT_EQ(cases.size(), 1);
  EXPECT_EQ(Describe(cases[0]), "2x3x4, gate_param { beta: 2 }");
  EXPECT_TRUE(CheckLayer(WithVeteran().Get("Gate"), cases[0], WithVeteran()));
}

TEST(PluginOfApi30, LayerComputesWithItsParametersAndFiller) {
  RunOptions options;
  options.registry = &WithVeteran();
  const auto y = RunLayer(
      "type: 'Gate' gate_param { beta: 0.5 gain_filler { type: 'ramp' ramp_param { from: 2 } } }",
      {{1, 2}}, std::vector<std::vector<float>>{{1, 1}}, options);
  EXPECT_FLOAT_EQ(y.tops[0][0], 2 * 0.62245935f);
  EXPECT_FLOAT_EQ(y.tops[0][1], 3 * 0.62245935f);
}

TEST(PluginOfApi30, RefusalHasTheFieldsPlace) {
  const NetSchema schema(WithVeteran());
  Context context;
  const Error error = Caught([&] {
    Net(schema.ParseNet("layer { name: 'x' type: 'Input' top: 'x'\n"
                        "        input_param { shape { dim: 1 dim: 2 } } }\n"
                        "layer { name: 'gate' type: 'Gate' bottom: 'x' top: 'y'\n"
                        "        gate_param { beta: -1 } }"),
        WithVeteran(), context);
  });
  EXPECT_STREQ(error.what(), ("4:22: layer \"gate\" (Gate, plugin " + Library("veteran") +
                              "): beta must be positive, but is -1")
                                 .c_str());
}

constexpr const char* kSolver = R"(
base_lr: 0.05 max_iter: 60 snapshot_after_train: false
type: 'Heavy' heavy_param { keep: 0.5 } lr_policy: 'halving' halving_param { every: 20 }
net_param {
  layer {
    name: 'data' type: 'DummyData' top: 'x' top: 't'
    dummy_data_param {
      shape { dim: 8 dim: 3 } shape { dim: 8 dim: 3 }
      data_filler { type: 'constant' value: 1 } data_filler { type: 'constant' value: 2 }
    }
  }
  layer {
    name: 'gate' type: 'Gate' bottom: 'x' top: 'y'
    gate_param { gain_filler { type: 'ramp' ramp_param { from: 0.5 step: 0.25 } } }
  }
  layer { name: 'loss' type: 'EuclideanLoss' bottom: 'y' bottom: 't' top: 'loss' }
})";

TEST(PluginOfApi30, TrainsANetWithItsUpdateRuleAndPolicy) {
  const NetSchema schema(WithVeteran());
  Context context({.threads = 2, .seed = 1});
  Solver solver(schema.ParseSolver(kSolver), schema, WithVeteran(), context);
  const double first = solver.Step(1), last = solver.Step(59);
  EXPECT_GT(first, 3);
  EXPECT_LT(last, 0.05 * first);
}

TEST(PluginOfApi30, PolicyIsMadeFromTheSolversFile) {
  const NetSchema schema(WithVeteran());
  const SolverDescription solver = schema.ParseSolver(kSolver);
  const auto policy = WithVeteran().MakeLearningRatePolicy(solver.common);
  EXPECT_EQ(policy->Factor(0), 1);
  EXPECT_EQ(policy->Factor(19), 1);
  EXPECT_EQ(policy->Factor(20), 0.5);
  EXPECT_EQ(policy->Factor(40), 0.25);
}

class RateLog final : public SolverObserver {
 public:
  void OnIteration(const IterationReport& report) override {
    rates.push_back(report.rate);
    losses.push_back(report.smoothed_loss);
  }
  std::vector<double> rates, losses;
};

// Each step of `Unit` is as long as the rate, which is the loss.
TEST(PluginOfApi30, SeesWholeParamsAndTheLoss) {
  std::string text = kSolver;
  const std::string old =
      "'Heavy' heavy_param { keep: 0.5 } lr_policy: 'halving' halving_param { every: 20 }";
  text.replace(text.find(old), old.size(), "'Unit' lr_policy: 'by_loss'");
  const NetSchema schema(WithVeteran());
  Context context({.threads = 2, .seed = 1});
  Solver solver(schema.ParseSolver(text), schema, WithVeteran(), context);
  RateLog log;
  solver.AddObserver(&log);
  for (int step = 0; step < 3; ++step) {
    const Tensor before = solver.net().weights().Find("gate", 0)->values().Clone();
    solver.Step(1);
    const Tensor& after = solver.net().weights().Find("gate", 0)->values();
    double squares = 0;
    for (int64_t i = 0; i < after.count(); ++i)
      squares += std::pow(after.data()[i] - before.data()[i], 2);
    EXPECT_FLOAT_EQ(log.rates.back(), 0.05f * log.losses.back());
    EXPECT_NEAR(std::sqrt(squares), log.rates.back(), 1e-6);
  }
}

}  // namespace
}  // namespace moka
