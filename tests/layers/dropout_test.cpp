// Dropout: in training y = x m / (1 - ratio), m 0 with probability ratio and else 1.
#include <algorithm>

#include "layers/activation.h"

namespace moka {
namespace {

const char* const kDropout = R"(name: "drop" type: "Dropout")";

std::string WithRatio(const std::string& ratio) {
  return R"(name: "drop" type: "Dropout" dropout_param { dropout_ratio: )" + ratio + " }";
}

RunOptions Testing() {
  RunOptions options;
  options.training = false;
  return options;
}

TEST(Dropout, ChangesNothingWhenTesting) {
  EXPECT_EQ(RunLayer(kDropout, {-2, 0, 1, 3}, Testing()), (Values{-2, 0, 1, 3}));
  EXPECT_EQ(Derivative(kDropout, {-2, 0, 1, 3}, Testing()), (Values{1, 1, 1, 1}));
}

TEST(Dropout, ChangesNothingWithRatioZero) {
  EXPECT_EQ(RunLayer(WithRatio("0"), {-2, 0, 1, 3}), (Values{-2, 0, 1, 3}));
  EXPECT_EQ(Derivative(WithRatio("0"), {-2, 0, 1, 3}), (Values{1, 1, 1, 1}));
}

TEST(Dropout, ZeroesOrScalesEachElement) {
  const Values y = RunLayer(WithRatio("0.75"), Values(1000, 3));
  for (const float value : y) EXPECT_TRUE(value == 0 || value == 12) << value;
}

// Of n elements, n ratio are zeroed on average, with variance n ratio (1 - ratio); five standard
// deviations.
TEST(Dropout, ZeroesTheGivenShare) {
  for (const double ratio : {0.1, 0.5, 0.75, 0.9}) {
    const size_t n = 40001;
    const Values y = RunLayer(WithRatio(std::to_string(ratio)), Values(n, 1));
    const auto zeros = static_cast<double>(std::count(y.begin(), y.end(), 0.0f));
    EXPECT_NEAR(zeros, n * ratio, 5 * std::sqrt(n * ratio * (1 - ratio))) << "ratio " << ratio;
  }
}

// Also the two elements, 64 apart, that see the halves of one random number; and groups of 512.
TEST(Dropout, DrawsEachElementIndependently) {
  const Values y = RunLayer(kDropout, Values(40000, 1));
  for (const size_t distance : {1, 2, 4, 64, 128, 448, 512, 16384}) {
    int64_t equal = 0;
    const size_t pairs = y.size() - distance;
    for (size_t i = 0; i < pairs; ++i) equal += y[i] == y[i + distance];
    const auto n = static_cast<double>(pairs);
    EXPECT_NEAR(static_cast<double>(equal), n / 2, 2.5 * std::sqrt(n)) << "distance " << distance;
  }
}

TEST(Dropout, GivesTheGradientTheMaskOfTheForwardPass) {
  const Values x(1003, 1);
  EXPECT_EQ(Derivative(WithRatio("0.3"), x), RunLayer(WithRatio("0.3"), x));
}

TEST(Dropout, DependsOnTheSeedAndTheNameAlone) {
  const Values x(50001, 1);
  RunOptions options;
  options.seed = 7;
  const Values y = RunLayer(kDropout, x, options);
  options.threads = 3;
  EXPECT_EQ(RunLayer(kDropout, x, options), y);
  EXPECT_NE(RunLayer(R"(name: "other" type: "Dropout")", x, options), y);
  options.seed = 8;
  EXPECT_NE(RunLayer(kDropout, x, options), y);
}

TEST(Dropout, DoesNotHideNan) {
  const Values y = RunLayer(WithRatio("0.9"), Values(100, kNan));
  EXPECT_TRUE(std::all_of(y.begin(), y.end(), [](float value) { return std::isnan(value); }));
}

// Caffe divides by zero with ratio 1, unless it was built with assertions.
TEST(Dropout, RefusesRatioOneAndWhatIsNoProbability) {
  const std::string words = "dropout_ratio must be at least 0 and less than 1, but is ";
  ExpectRefused(WithRatio("1"), {2}, words + "1", "dropout_param.dropout_ratio");
  ExpectRefused(WithRatio("-0.1"), {2}, words + "-0.1", "dropout_param.dropout_ratio");
  ExpectRefused(WithRatio("1.5"), {2}, words + "1.5", "dropout_param.dropout_ratio");
  ExpectRefused(WithRatio("nan"), {2}, words + "nan", "dropout_param.dropout_ratio");
}

TEST(Dropout, NeedsNoValuesForTheGradient) {
  const Reads reads = TraitsOf(kDropout).bottom_gradient_reads();
  EXPECT_FALSE(reads.ReadsBottom(0) || reads.ReadsTop(0));
}

TEST(Dropout, IsItsBottomWhenTestingOrWithRatioZero) {
  EXPECT_FALSE(TraitsOf(kDropout).same_values(0, 0));
  EXPECT_TRUE(TraitsOf(kDropout).may_share(0, 0));
  EXPECT_TRUE(TraitsOf(kDropout, false).same_values(0, 0));
  EXPECT_TRUE(TraitsOf(WithRatio("0")).same_values(0, 0));
}

CheckOptions Random() {
  CheckOptions options;
  options.random_layer = true;
  return options;
}
CheckOptions Large() {
  CheckOptions options = Random();
  options.check_gradients = false;
  return options;
}
CheckOptions WhenTesting() {
  CheckOptions options;
  options.training = false;
  return options;
}

// Of one element, or none, the next pass may draw the same: these shapes are for the phase TEST.
const ContractCases kCases("Dropout",
                           {{"", {{2, 3, 4, 5}}, Random()},
                            {"", {{7, 9}}, Random()},
                            {"", {{1, 1, 6, 6}}, Random()},
                            {"", {{41}}, Random()},
                            {"", {{50, 1}}, Random()},
                            {"dropout_param { dropout_ratio: 0.2 }", {{7, 5}}, Random()},
                            {"dropout_param { dropout_ratio: 0.9 }", {{11, 30}}, Random()},
                            {"", {kSeveralPieces}, Large()},
                            {"", {{0, 3}}},
                            {"", {{2, 0, 3}}},
                            {"dropout_param { dropout_ratio: 0 }", {{7, 3}}},
                            {"dropout_param { dropout_ratio: 0 }", {{}}},
                            {"", {{2, 3, 4, 5}}, WhenTesting()},
                            {"", {{1}}, WhenTesting()},
                            {"", {{0}}, WhenTesting()},
                            {"", {kSeveralPieces}, WhenTesting()}});

}  // namespace
}  // namespace moka
