// BatchNorm: y = (x - mean) / sqrt(variance + eps), for each channel over all items and places.
#include "check/layer_runner.h"
#include "layers/activation.h"
#include "layers/contract.h"
#include "layers/data_nets.h"

namespace moka {
namespace {

const char* const kBatchNorm = R"(type: "BatchNorm")";

RunInput Input(const LayerRunner& runner, const Values& x, const std::vector<Values>& state) {
  RunInput input;
  input.bottoms = {x};
  input.params = state;
  input.wants_bottom = {1};
  input.wants_param = {0, 0, 0};
  input.backward_follows = false;
  return input;
}

// The three blobs after one Forward.
std::vector<Values> StateAfter(const std::string& params, const Shape& shape, const Values& x,
                               const std::vector<Values>& state) {
  LayerRunner runner({.text = R"(type: "BatchNorm" batch_norm_param { )" + params + " }"}, {shape});
  return runner.Run(Input(runner, x, state)).states;
}

TEST(BatchNorm, GivesEachChannelMeanZeroAndVarianceOne) {
  // Channel 0 has 1, 3, 5, 7: mean 4, variance 5. Channel 1 has 2, 2, 4, 4: mean 3, variance 1.
  const Values y = RunLayer(R"(type: "BatchNorm" batch_norm_param { eps: 0 })", {2, 2, 2},
                            {1, 3, 2, 2, 5, 7, 4, 4});
  const double r = 1 / std::sqrt(5.0);
  ExpectNear(y, {-3 * r, -r, -1, -1, r, 3 * r, 1, 1}, 1e-6);
}

TEST(BatchNorm, AddsEpsToTheVariance) {
  ExpectNear(RunLayer(R"(type: "BatchNorm" batch_norm_param { eps: 3 })", {2, 1}, {-1, 1}),
             {-0.5, 0.5}, 1e-7);
  ExpectNear(RunLayer(kBatchNorm, {2, 1}, {5, 5}), {0, 0}, 0);
}

TEST(BatchNorm, SeesOneChannelWhereThereIsOneAxis) {
  ExpectNear(RunLayer(R"(type: "BatchNorm" batch_norm_param { eps: 0 })", {4}, {1, 3, 5, 7}),
             {-1.34164079, -0.4472136, 0.4472136, 1.34164079}, 1e-6);
}

// The variance is far below the square of the mean: a difference of squares in floats is nothing.
TEST(BatchNorm, IsExactFarFromZero) {
  ExpectNear(RunLayer(R"(type: "BatchNorm" batch_norm_param { eps: 0 })", {4, 1},
                      {1000001, 1000003, 1000005, 1000007}),
             {-1.34164079, -0.4472136, 0.4472136, 1.34164079}, 1e-6);
}

TEST(BatchNorm, KeepsRunningSumsAsCaffeDoes) {
  // The batch: mean 2, variance 1; of 4 numbers, so the variance counts 4/3.
  const auto state =
      StateAfter("moving_average_fraction: 0.5", {2, 1, 2}, {1, 3, 1, 3}, {{10}, {20}, {4}});
  EXPECT_FLOAT_EQ(state[0][0], 0.5f * 10 + 2);
  EXPECT_FLOAT_EQ(state[1][0], 0.5f * 20 + 4.0f / 3);
  EXPECT_FLOAT_EQ(state[2][0], 0.5f * 4 + 1);
}

TEST(BatchNorm, DoesNotCorrectTheVarianceOfOneNumber) {
  const auto state = StateAfter("", {1, 1}, {7}, {{0}, {0}, {0}});
  EXPECT_EQ(state[0][0], 7);
  EXPECT_EQ(state[1][0], 0);
  EXPECT_EQ(state[2][0], 1);
}

TEST(BatchNorm, LeavesTheStatisticsAloneWithoutItemsAndWithGlobalStats) {
  const std::vector<Values> state = {{3}, {4}, {2}};
  EXPECT_EQ(StateAfter("", {0, 1, 2}, {}, state), state);
  EXPECT_EQ(StateAfter("use_global_stats: true", {1, 1, 2}, {1, 2}, state), state);
}

TEST(BatchNorm, DividesTheRunningSumsByTheFactorWhenTesting) {
  RunOptions options;
  options.training = false;
  options.params = {{6, -2}, {8, 2}, {2}};  // mean 3 and -1, variance 4 and 1
  const std::string layer = R"(type: "BatchNorm" batch_norm_param { eps: 0 })";
  EXPECT_EQ(RunLayer(layer, {1, 2, 2}, {3, 5, 0, -1}, options), (Values{0, 1, 1, 0}));
}

TEST(BatchNorm, TakesFactorZeroAsNoStatistics) {
  RunOptions options;
  options.training = false;
  options.params = {{6}, {8}, {0}};
  EXPECT_EQ(RunLayer(R"(type: "BatchNorm" batch_norm_param { eps: 0.25 })", {1, 1}, {3}, options),
            Values{6});
}

TEST(BatchNorm, UsesTheStatisticsThatTheFileSays) {
  RunOptions options;
  options.params = {{1}, {4}, {1}};
  const std::string global =
      R"(type: "BatchNorm" batch_norm_param { eps: 0 use_global_stats: true })";
  EXPECT_EQ(RunLayer(global, {2, 1}, {1, 5}, options), (Values{0, 2}));
  options.training = false;
  const std::string batch =
      R"(type: "BatchNorm" batch_norm_param { eps: 0 use_global_stats: false })";
  EXPECT_EQ(RunLayer(batch, {2, 1}, {1, 5}, options), (Values{-1, 1}));
}

TEST(BatchNorm, GivesTheGradientOfFixedStatisticsWithGlobalStats) {
  RunOptions options;
  options.params = {{1}, {4}, {1}};
  options.top_diffs = {{1, 3}};
  LayerGradients gradients;
  RunLayer(R"(type: "BatchNorm" batch_norm_param { eps: 0 use_global_stats: true })", {{2, 1}},
           {{1, 5}}, options, &gradients);
  EXPECT_EQ(gradients.bottoms[0], (Values{0.5f, 1.5f}));
}

TEST(BatchNorm, DoesNotHideNan) {
  const Values y = RunLayer(kBatchNorm, {2, 2}, {kNan, 1, 2, 3});
  EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[2]));
  EXPECT_FALSE(std::isnan(y[1]) || std::isnan(y[3]));
}

TEST(BatchNorm, BeginsWithoutStatistics) {
  const LayerRunner runner({.text = kBatchNorm}, {Shape{2, 3, 4}});
  ASSERT_EQ(runner.param_count(), 3);
  EXPECT_EQ(runner.param(0).shape(), Shape{3});
  EXPECT_EQ(runner.param(1).shape(), Shape{3});
  EXPECT_EQ(runner.param(2).shape(), Shape{1});
  for (int k = 0; k < 3; ++k) {
    EXPECT_FALSE(runner.param(k).learned());
    EXPECT_EQ(runner.param(k).values().values()[0], 0);
  }
}

// Caffe's nets write them, so that its solver does not touch the blobs.
TEST(BatchNorm, TakesTheParamEntriesThatCaffesNetsWrite) {
  Context context({.threads = 1, .seed = 1});
  const auto net = MakeDataNet(R"(
    layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
    layer { name: "bn" type: "BatchNorm" bottom: "x" top: "x"
            param { lr_mult: 0 decay_mult: 0 } param { lr_mult: 0 decay_mult: 0 }
            param { lr_mult: 0 decay_mult: 0 } })",
                               context);
  EXPECT_TRUE(net->learned().empty());
}

TEST(BatchNorm, NeverLearnsItsStatisticsWhateverTheFileSays) {
  Context context({.threads = 1, .seed = 1});
  const auto net = MakeDataNet(R"(
    layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
    layer { name: "bn" type: "BatchNorm" bottom: "x" top: "y" param { lr_mult: 1 } })",
                               context);
  EXPECT_TRUE(net->learned().empty());
}

TEST(BatchNorm, RefusesAnEpsThatMakesNoSense) {
  const auto refused = [](const std::string& eps) {
    ExpectRefused(R"(type: "BatchNorm" batch_norm_param { eps: )" + eps + " }", {2, 3},
                  "eps must be finite and at least 0, but is " + eps, "batch_norm_param.eps");
  };
  refused("-1");
  refused("nan");
  refused("inf");
}

TEST(BatchNorm, RefusesAFractionOutsideZeroToOne) {
  const auto refused = [](const std::string& fraction) {
    ExpectRefused(
        R"(type: "BatchNorm" batch_norm_param { moving_average_fraction: )" + fraction + " }",
        {2, 3}, "moving_average_fraction must be from 0 to 1, but is " + fraction,
        "batch_norm_param.moving_average_fraction");
  };
  refused("-0.5");
  refused("1.5");
  refused("nan");
}

TEST(BatchNorm, RefusesAnotherNumberOfChannelsThanItBeganWith) {
  LayerRunner runner({.text = kBatchNorm}, {Shape{1, 3}});
  const Error error = Caught([&] { runner.Reshape({Shape{1, 4}}); });
  EXPECT_EQ(error.message(), "the bottom, 1x4, has 4 channels, but there are statistics of 3");
}

TEST(BatchNorm, NeedsOnlyWhatItsStatisticsMakeNecessary) {
  ExpectGradientFromTop(kBatchNorm);
  const LayerTraits traits = TraitsOf(kBatchNorm, false);
  EXPECT_TRUE(traits.may_share(0, 0));
  EXPECT_FALSE(traits.bottom_gradient_reads().ReadsTop(0));
  EXPECT_FALSE(traits.bottom_gradient_reads().ReadsBottom(0));
}

CheckOptions Testing() {
  CheckOptions options;
  options.training = false;
  return options;
}

const char* const kGlobal = "batch_norm_param { use_global_stats: true eps: 0.5 }";

const ContractCases kCases(
    "BatchNorm", {{"", {{4, 3, 2, 5}}},
                  {"batch_norm_param { eps: 0.1 moving_average_fraction: 0.5 }", {{5, 2}}},
                  {"batch_norm_param { eps: 1 }", {{1, 1}}},
                  {"", {{1, 3, 4}}},
                  {"", {{6, 1, 2, 2}}},
                  {"", {{7}}},
                  {"", {{3, 2, 17, 3}}},
                  {"batch_norm_param { use_global_stats: false }", {{3, 2, 5}}, Testing()},
                  {kGlobal, {{2, 3, 4}}},
                  {kGlobal, {{3, 4}}, Testing()},
                  {"batch_norm_param { eps: 1 }", {{2, 3, 4}}, Testing()},
                  {"", {{0, 3, 2}}},
                  {"", {{2, 3, 0}}},
                  {"", {kSeveralPieces}, WithoutDifferences()},
                  {"", {{40, 130, 15}}, WithoutDifferences()},
                  {"", {{900, 200}}, WithoutDifferences()},
                  {"", {{2, 700, 300}}, WithoutDifferences()},
                  {kGlobal, {kSeveralPieces}, WithoutDifferences()}});

}  // namespace
}  // namespace moka
