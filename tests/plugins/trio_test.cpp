// A net with three layers of two plugins trains, on several threads; the sanitizers watch.
#include <gtest/gtest.h>

#include "moka/check_layer.h"
#include "moka/net.h"
#include "moka/plugin.h"
#include "moka/schema.h"
#include "moka/solver.h"
#include "plugins/libraries.h"

namespace moka {
namespace {

using testing::Library;

const Registry& Layers() {
  static const Registry registry = LoadRegistry({Library("snake"), Library("trio")});
  return registry;
}

// y = snake(g x) for one x and t; the loss after each of the iterations.
std::vector<double> Losses(int threads) {
  const NetSchema schema(Layers());
  Context context({.threads = threads, .seed = 1});
  Solver solver(
      schema.ParseSolver(
          "base_lr: 0.02 lr_policy: 'fixed' max_iter: 100 snapshot_after_train: false net_param {"
          "layer { name: 'data' type: 'DummyData' top: 'x' top: 't' dummy_data_param {"
          "  shape { dim: 8 dim: 24 } shape { dim: 8 dim: 24 }"
          "  data_filler { type: 'constant' value: 1 } data_filler { type: 'constant' "
          "value: 1 } } }"
          "layer { name: 'gain' type: 'Gain' bottom: 'x' top: 'g' }"
          "layer { name: 'snake' type: 'Snake' bottom: 'g' top: 'y' }"
          "layer { name: 'loss' type: 'SquareLoss' bottom: 'y' bottom: 't' top: 'loss' } }"),
      schema, Layers(), context);
  std::vector<double> losses;
  for (int i = 0; i < 100; ++i) losses.push_back(solver.Step(1));
  return losses;
}

TEST(PluginTrio, TrainsToTheSameBitsOnOneAndOnThreeThreads) {
  const std::vector<double> losses = Losses(3);
  EXPECT_LT(losses.back(), 0.01 * losses.front());
  EXPECT_EQ(losses, Losses(1));
}

TEST(PluginTrio, KeepsTheLayerContract) {
  CheckOptions options;
  options.registry = &Layers();
  EXPECT_TRUE(CheckLayer("type: 'Gain'", {{5, 24}}, options));
  EXPECT_TRUE(CheckLayer("type: 'SquareLoss'", {{5, 4}, {5, 4}}, options));
}

}  // namespace
}  // namespace moka
