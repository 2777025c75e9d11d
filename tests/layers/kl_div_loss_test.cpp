// KLDivLoss: 1/Z sum of t (log t - log p).
#include "layers/losses.h"

namespace moka {
namespace {

std::string Loss(const std::string& params = "") {
  return "type: 'KLDivLoss' kl_div_loss_param { " + params + " }";
}
const float kLog2 = std::log(2.0F), kLog4 = 2 * kLog2;
const std::vector<Shape> kShapes = {{2, 2}, {2, 2}};
const Values kLogP = {-kLog2, -kLog2, -kLog2, -kLog2}, kT = {0.25F, 0.75F, 0.5F, 0.5F};
const float kDivergence = 0.13081204F;  // log 2 + 0.25 log 0.25 + 0.75 log 0.75

TEST(KLDivLoss, IsTheMeanDivergenceOfTheSamples) {
  EXPECT_NEAR(LossOf(Loss(), kShapes, {kLogP, kT}), kDivergence / 2, 1e-6);
  EXPECT_NEAR(LossOf(Loss("reduction: BATCHMEAN"), kShapes, {kLogP, kT}), kDivergence / 2, 1e-6);
}

TEST(KLDivLoss, DividesAsReductionSays) {
  EXPECT_NEAR(LossOf(Loss("reduction: SUM"), kShapes, {kLogP, kT}), kDivergence, 1e-6);
  EXPECT_NEAR(LossOf(Loss("reduction: MEAN"), kShapes, {kLogP, kT}), kDivergence / 4, 1e-6);
}

TEST(KLDivLoss, TakesProbabilitiesOrTheirLogarithms) {
  const Values p(4, 0.5F), log_t = {-kLog4, std::log(0.75F), -kLog2, -kLog2};
  EXPECT_NEAR(LossOf(Loss("log_input: false"), kShapes, {p, kT}), kDivergence / 2, 1e-6);
  EXPECT_NEAR(LossOf(Loss("log_target: true"), kShapes, {kLogP, log_t}), kDivergence / 2, 1e-6);
  EXPECT_NEAR(LossOf(Loss("log_input: false log_target: true"), kShapes, {p, log_t}),
              kDivergence / 2, 1e-6);
}

TEST(KLDivLoss, GivesBothBottomsAGradient) {
  const auto d = GradientsOf(Loss(), kShapes, {kLogP, kT}, 2);
  EXPECT_EQ(d[0], (Values{-0.25F, -0.75F, -0.5F, -0.5F}));
  ExpectNear(d[1], {1 - kLog2, 1 + std::log(1.5F), 1, 1});
  ExpectNear(GradientsOf(Loss("log_input: false"), kShapes, {Values(4, 0.5F), kT}, 2)[0],
             {-0.5F, -1.5F, -1, -1});
}

TEST(KLDivLoss, TakesNothingFromATargetOfZero) {
  const std::vector<Values> bottoms = {{-kInfinity, 0}, {0, 1}};
  EXPECT_EQ(LossOf(Loss(), {{1, 2}, {1, 2}}, bottoms), 0);
  const auto d = GradientsOf(Loss(), {{1, 2}, {1, 2}}, bottoms);
  EXPECT_EQ(d[0], (Values{0, -1}));
  EXPECT_EQ(d[1], (Values{0, 1}));
  EXPECT_EQ(LossOf(Loss("log_target: true"), {{1, 2}, {1, 2}}, {{-kInfinity, 0}, {-kInfinity, 0}}),
            0);
}

TEST(KLDivLoss, StaysFiniteForProbabilityZero) {
  EXPECT_NEAR(LossOf(Loss("log_input: false"), {{1, 1}, {1, 1}}, {{0}, {1}}), 46.0517, 1e-4);
  EXPECT_FLOAT_EQ(GradientsOf(Loss("log_input: false"), {{1, 1}, {1, 1}}, {{0}, {1}})[0][0],
                  -1e20F);
}

TEST(KLDivLoss, IsZeroWithoutItems) {
  for (const char* reduction : {"BATCHMEAN", "SUM", "MEAN"}) {
    EXPECT_EQ(LossOf(Loss("reduction: " + std::string(reduction)), {{0, 3}, {0, 3}}, {{}, {}}), 0);
  }
}

TEST(KLDivLoss, ShowsNan) {
  EXPECT_TRUE(std::isnan(LossOf(Loss(), {{1, 2}, {1, 2}}, {{0, kNan}, {1, 0}})));
  EXPECT_TRUE(std::isnan(LossOf(Loss(), {{1, 2}, {1, 2}}, {{0, 0}, {1, kNan}})));
  EXPECT_TRUE(std::isnan(LossOf(Loss(), {{1, 2}, {1, 2}}, {{0, 0}, {1, -1}})));
}

TEST(KLDivLoss, RefusesBottomsThatDoNotMatch) {
  ExpectRefused(Loss(), {{4, 3}, {4, 2}},
                "bottom 0 is 4x3, bottom 1 is 4x2: both must have as many samples and as many "
                "values");
}

const CheckOptions kLogs = [] {
  CheckOptions options;
  options.input = [](int k, int64_t, float random) {
    return k == 0 ? -0.2F - 3 * random : 0.2F + 0.7F * random;
  };
  return options;
}();
const CheckOptions kProbabilities = Between(0.3F, 1), kBothLogs = Between(-3, -0.2F);

const ContractCases kCases(
    "KLDivLoss", {{"kl_div_loss_param { reduction: SUM }", {{4, 3}, {4, 3}}, kLogs},
                  {"", {{4, 3}, {4, 3}}, kLogs},
                  {"kl_div_loss_param { reduction: MEAN }", {{4, 3}, {4, 3}}, kLogs},
                  {"kl_div_loss_param { log_target: true }", {{4, 3}, {4, 3}}, kBothLogs},
                  {"kl_div_loss_param { log_input: false }", {{4, 3}, {4, 3}}, kProbabilities},
                  {"kl_div_loss_param { log_input: false reduction: MEAN }",
                   {{2, 3, 2}, {2, 6}},
                   kProbabilities},
                  {"", {{1, 1}, {1, 1}}, kLogs},
                  {"", {{1, 7}, {1, 7}}, kLogs},
                  {"", {{5}, {5}}, kLogs},
                  {"", {{2, 3, 2, 2}, {2, 3, 2, 2}}, kLogs},
                  {"", {{0, 3}, {0, 3}}, kLogs},
                  {"kl_div_loss_param { reduction: MEAN }", {{3, 0}, {3, 0}}, kLogs},
                  {"", {{3, 3000}, {3, 3000}}, NoGradients(kLogs)}});

}  // namespace
}  // namespace moka
