// SGD against a computation of its own, in double precision, from the formulas.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "solver/training.h"
#include "solver/updater.h"

namespace moka {
namespace {

using testing::InnerProduct;
using testing::kLoss;
using testing::Number;
using testing::Regression;
using testing::SolverText;
using testing::Training;
using namespace std::string_literals;

struct Options {
  double momentum = 0, decay = 0, clip = 0;
  bool l1 = false;
  int iter_size = 1;
  std::array<double, 2> lr_mult = {1, 1}, decay_mult = {1, 1};
};

// Linear regression as testing::Regression() has it: w is 3 x 3, then b.
class Reference {
 public:
  Reference(const Options& options, const std::vector<float>& w, const std::vector<float>& b)
      : options_(options) {
    values_.assign(w.begin(), w.end());
    values_.insert(values_.end(), b.begin(), b.end());
    velocity_.assign(12, 0);
  }

  void Step() {
    std::vector<double> gradient(12, 0);
    for (int i = 0; i < options_.iter_size; ++i) AddGradient(gradient);
    const double norm =
        std::sqrt(std::inner_product(gradient.begin(), gradient.end(), gradient.begin(), 0.0));
    const double clipping = options_.clip > 0 && norm > options_.clip ? options_.clip / norm : 1;
    for (size_t i = 0; i < 12; ++i) {
      const size_t param = i < 9 ? 0 : 1;
      const double w = values_[i];
      const double toward = options_.l1 ? (w > 0) - (w < 0) : w;
      const double g = gradient[i] * clipping / options_.iter_size +
                       options_.decay * options_.decay_mult[param] * toward;
      velocity_[i] = options_.momentum * velocity_[i] + 0.1 * options_.lr_mult[param] * g;
      values_[i] -= velocity_[i];
    }
  }

  const std::vector<double>& values() const { return values_; }

 private:
  void AddGradient(std::vector<double>& gradient) {
    for (int64_t n = 0; n < 4; ++n) {
      for (int64_t j = 0; j < 3; ++j) {
        double y = values_[static_cast<size_t>(9 + j)];
        for (int64_t k = 0; k < 3; ++k)
          y += values_[static_cast<size_t>(3 * j + k)] * Number(3 * n + k, 0, counter_);
        const double dy = (y - Number(3 * n + j, 1, counter_)) / 4;
        gradient[static_cast<size_t>(9 + j)] += dy;
        for (int64_t k = 0; k < 3; ++k)
          gradient[static_cast<size_t>(3 * j + k)] += dy * Number(3 * n + k, 0, counter_);
      }
    }
    ++counter_;
  }

  Options options_;
  std::vector<double> values_, velocity_;
  uint64_t counter_ = 0;
};

std::vector<float> AllValues(Training& training) {
  std::vector<float> values = training.Values("ip", 0);
  const std::vector<float> bias = training.Values("ip", 1);
  values.insert(values.end(), bias.begin(), bias.end());
  return values;
}

// Ten steps of both; the options must matter, or the test shows nothing.
void ExpectReference(const std::string& fields, const Options& options,
                     const std::string& multipliers = "") {
  Training training(SolverText(Regression(multipliers), fields));
  Reference reference(options, training.Values("ip", 0), training.Values("ip", 1));
  Reference plain(Options(), training.Values("ip", 0), training.Values("ip", 1));
  double difference = 0;
  for (int step = 0; step < 10; ++step) {
    training->Step(1);
    reference.Step();
    plain.Step();
    const std::vector<float> values = AllValues(training);
    for (size_t i = 0; i < 12; ++i) {
      ASSERT_NEAR(values[i], reference.values()[i], 2e-6) << "step " << step << ", value " << i;
      difference = std::max(difference, std::abs(reference.values()[i] - plain.values()[i]));
    }
  }
  if (!fields.empty() || !multipliers.empty()) {
    EXPECT_GT(difference, 1e-3);
  }
}

TEST(Sgd, WalksDownTheGradient) { ExpectReference("", {}); }

TEST(Sgd, KeepsMomentum) { ExpectReference("momentum: 0.9", {.momentum = 0.9}); }

TEST(Sgd, DecaysWeightsBySquareOrBySize) {
  ExpectReference("weight_decay: 0.05", {.decay = 0.05});
  ExpectReference("weight_decay: 0.05 regularization_type: 'L1'", {.decay = 0.05, .l1 = true});
}

TEST(Sgd, AveragesOverIterSize) { ExpectReference("iter_size: 3", {.iter_size = 3}); }

TEST(Sgd, ClipsTheNormOfAllGradientsTogether) {
  ExpectReference("clip_gradients: 0.3", {.clip = 0.3});
}

TEST(Sgd, ClipsBeforeItAveragesAndDecays) {
  ExpectReference("clip_gradients: 0.3 iter_size: 2 weight_decay: 0.1 momentum: 0.5",
                  {.momentum = 0.5, .decay = 0.1, .clip = 0.3, .iter_size = 2});
}

TEST(Sgd, MultipliesRateAndDecayOfEachParam) {
  ExpectReference("weight_decay: 0.1", {.decay = 0.1, .lr_mult = {1, 2}, .decay_mult = {0.5, 0}},
                  "param { lr_mult: 1 decay_mult: 0.5 } param { lr_mult: 2 decay_mult: 0 }");
}

TEST(Sgd, LeavesParamsWithRateZeroAlone) {
  Training training(
      SolverText(Regression("param { lr_mult: 0 }"), "weight_decay: 0.1 momentum: 0.9"));
  const std::vector<float> before = training.Values("ip", 0);
  const uint64_t version = training->net().weights().Find("ip", 0)->version();
  training->Step(3);
  EXPECT_EQ(training.Values("ip", 0), before);
  EXPECT_EQ(training->net().weights().Find("ip", 0)->version(), version);
  EXPECT_NE(training.Values("ip", 1), (std::vector<float>{0.5f, 0.5f, 0.5f}));
}

TEST(Sgd, TellsCachesThatAValueChanged) {
  Training training(SolverText(Regression(), ""));
  const uint64_t version = training->net().weights().Find("ip", 0)->version();
  training->Step(1);
  EXPECT_GT(training->net().weights().Find("ip", 0)->version(), version);
}

// Two layers that share w, fed with x and x: y = 2 w x. The same as one layer fed with 2 x, for
// which the gradient is exact too.
TEST(Sgd, AddsTheGradientsOfSharedParams) {
  const std::string shared = "param { name: 'w' }", no_bias = "bias_term: false";
  Training twice(SolverText(
      testing::kNumbers + InnerProduct("ip", "x", "a", shared, no_bias) +
          InnerProduct("second", "x", "b", shared, no_bias) +
          "layer { name: 'sum' type: 'Eltwise' bottom: 'a' bottom: 'b' top: 'y' }" + kLoss,
      "momentum: 0.9 weight_decay: 0.01"));
  Training once(
      SolverText(testing::kNumbers +
                     "layer { name: 'double' type: 'Eltwise' bottom: 'x' bottom: 'x' top: 'x2' }"s +
                     InnerProduct("ip", "x2", "y", shared, no_bias) + kLoss,
                 "momentum: 0.9 weight_decay: 0.01"));
  ASSERT_EQ(twice->net().learned().size(), 1u);
  ASSERT_EQ(twice.Values("ip", 0), once.Values("ip", 0));
  twice->Step(10);
  once->Step(10);
  for (size_t i = 0; i < 9; ++i)
    EXPECT_NEAR(twice.Values("ip", 0)[i], once.Values("ip", 0)[i], 1e-5);
  EXPECT_EQ(twice.Values("second", 0), twice.Values("ip", 0));
}

// More than one piece of work, and a last one that is shorter.
TEST(Updater, GivesTheSameBitsForAnyNumberOfThreads) {
  SolverParameter solver;
  solver.set_momentum(0.9f);
  solver.set_weight_decay(0.01f);
  solver.set_clip_gradients(5);
  std::vector<std::vector<float>> results;
  std::vector<double> norms;
  for (const int threads : {1, 2, 3}) {
    Context context({.threads = threads, .seed = 1});
    Param w("w", Shape{50001}, true);
    Tensor dw(Shape{50001});
    for (int64_t i = 0; i < 50001; ++i) {
      w.Change().data()[i] = Number(i, 0, 0);
      dw.data()[i] = Number(i, 1, 0);
    }
    const std::vector<Learned> learned = {{"ip", 0, &w, &dw}};
    Updater updater(solver, BuiltinLayers(), learned, context);
    norms.push_back(updater.GradientNorm());
    for (int64_t step = 0; step < 3; ++step) updater.Apply(0.1f, step, updater.GradientNorm());
    results.emplace_back(w.values().values().begin(), w.values().values().end());
  }
  EXPECT_EQ(norms[1], norms[0]);
  EXPECT_EQ(norms[2], norms[0]);
  EXPECT_EQ(results[1], results[0]);
  EXPECT_EQ(results[2], results[0]);
  EXPECT_NE(results[0][50000], Number(50000, 0, 0));
}

}  // namespace
}  // namespace moka
