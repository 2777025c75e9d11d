// Update rules in double precision, from their formulas, on the regression of training.h; what all
// rules have in common (clipping, iter_size, decay, multipliers) is computed here.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "solver/training.h"

namespace moka::testing {

// The type and fields of each rule.
inline const std::vector<std::string> kRules = {
    "type: 'SGD' momentum: 0.9",
    "type: 'Nesterov' momentum: 0.9",
    "type: 'AdaGrad' delta: 0.02",
    "type: 'RMSProp' delta: 0.02",
    "type: 'AdaDelta' momentum: 0.9 delta: 0.02",
    "type: 'Adam' momentum: 0.9 delta: 0.02",
    "type: 'AdamW' momentum: 0.9 delta: 0.02",
    "type: 'AMSGrad' momentum: 0.9 delta: 0.02",
    "type: 'LARS' momentum: 0.9",
};

// The same circumstances twice: as they stand in the files, and as numbers.
struct Circumstance {
  std::string fields, multipliers;  // of the solver, and of the layer
  double decay = 0, clip = 0, clip_value = 0;
  bool l1 = false, clip_after_normalize = false;
  int iter_size = 1;
  std::array<double, 2> lr_mult = {1, 1}, decay_mult = {1, 1};
};

// One element of w or b, and what it remembers.
struct Element {
  double w = 0;
  std::array<double, 3> h = {};
};

// Changes an element by the clipped mean gradient g of the loss, and the decay term, in update
// t = 1, 2, ...
using Formula = std::function<void(Element& e, double g, double decay, double rate, int t)>;
// What the rate of a param (0 is w, 1 is b) is multiplied with.
using LocalRate = std::function<double(size_t param, double w_norm, double g_norm, double decay)>;

// Linear regression as testing::Regression() has it: w is 3 x 3, then b.
class Reference {
 public:
  Reference(Formula formula, const Circumstance& at, const std::vector<float>& values,
            LocalRate local = {})
      : formula_(std::move(formula)), local_(std::move(local)), at_(at) {
    for (const float value : values) elements_.push_back({value});
  }

  void Step() {
    std::vector<double> g(12, 0);
    for (int i = 0; i < at_.iter_size; ++i) AddGradient(g);
    Clip(g);
    ++t_;
    for (const size_t param : {size_t{0}, size_t{1}}) {
      const size_t begin = param == 0 ? 0 : 9, end = param == 0 ? 9 : 12;
      const double decay = at_.decay * at_.decay_mult[param];
      double w_squares = 0, g_squares = 0;
      for (size_t i = begin; i < end; ++i) {
        w_squares += elements_[i].w * elements_[i].w;
        g_squares += g[i] * g[i];
      }
      double rate = 0.1 * at_.lr_mult[param];
      if (local_) rate *= local_(param, std::sqrt(w_squares), std::sqrt(g_squares), decay);
      for (size_t i = begin; i < end; ++i) {
        const double w = elements_[i].w;
        const double toward = at_.l1 ? (w > 0) - (w < 0) : w;
        formula_(elements_[i], g[i], decay * toward, rate, t_);
      }
    }
  }

  double value(size_t i) const { return elements_[i].w; }
  const Element& element(size_t i) const { return elements_[i]; }

 private:
  void AddGradient(std::vector<double>& g) {
    for (int64_t n = 0; n < 4; ++n) {
      for (int64_t j = 0; j < 3; ++j) {
        double y = elements_[static_cast<size_t>(9 + j)].w;
        for (int64_t k = 0; k < 3; ++k)
          y += elements_[static_cast<size_t>(3 * j + k)].w * Number(3 * n + k, 0, counter_);
        const double dy = (y - Number(3 * n + j, 1, counter_)) / 4;
        g[static_cast<size_t>(9 + j)] += dy;
        for (int64_t k = 0; k < 3; ++k)
          g[static_cast<size_t>(3 * j + k)] += dy * Number(3 * n + k, 0, counter_);
      }
    }
    ++counter_;
  }

  // From the sum over iter_size to the mean, clipped.
  void Clip(std::vector<double>& g) const {
    double squares = 0;
    for (const double one : g) squares += one * one;
    double norm = std::sqrt(squares);
    if (at_.clip_after_normalize) norm /= at_.iter_size;
    const double clipping = at_.clip > 0 && norm > at_.clip ? at_.clip / norm : 1;
    for (double& one : g) {
      one *= clipping / at_.iter_size;
      if (at_.clip_value > 0) one = std::clamp(one, -at_.clip_value, at_.clip_value);
    }
  }

  Formula formula_;
  LocalRate local_;
  Circumstance at_;
  std::vector<Element> elements_;
  uint64_t counter_ = 0;
  int t_ = 0;
};

// w, then b.
inline std::vector<float> AllValues(Training& training) {
  std::vector<float> values = training.Values("ip", 0);
  const std::vector<float> bias = training.Values("ip", 1);
  values.insert(values.end(), bias.begin(), bias.end());
  return values;
}

// Each circumstance alone, then all together.
inline std::vector<Circumstance> Circumstances() {
  const std::string multipliers =
      "param { lr_mult: 1 decay_mult: 0.5 } param { lr_mult: 2 decay_mult: 0 }";
  return {
      {},
      {.fields = "weight_decay: 0.05", .decay = 0.05},
      {.fields = "weight_decay: 0.05 regularization_type: 'L1'", .decay = 0.05, .l1 = true},
      {.fields = "iter_size: 3", .iter_size = 3},
      {.fields = "clip_gradients: 0.3", .clip = 0.3},
      {.fields = "clip_gradients: 0.3 iter_size: 2", .clip = 0.3, .iter_size = 2},
      {.fields = "clip_gradients: 0.3 iter_size: 2 clip_after_normalize: true",
       .clip = 0.3,
       .clip_after_normalize = true,
       .iter_size = 2},
      {.fields = "clip_value: 0.1 iter_size: 2 weight_decay: 0.05",
       .decay = 0.05,
       .clip_value = 0.1,
       .iter_size = 2},
      {.fields = "weight_decay: 0.1",
       .multipliers = multipliers,
       .decay = 0.1,
       .lr_mult = {1, 2},
       .decay_mult = {0.5, 0}},
      {.fields = "clip_gradients: 0.5 clip_after_normalize: true clip_value: 0.2 iter_size: 2 "
                 "weight_decay: 0.1 regularization_type: 'L1'",
       .multipliers = multipliers,
       .decay = 0.1,
       .clip = 0.5,
       .clip_value = 0.2,
       .l1 = true,
       .clip_after_normalize = true,
       .iter_size = 2,
       .lr_mult = {1, 2},
       .decay_mult = {0.5, 0}},
  };
}

// Twelve steps of a solver with these fields and of the formula. Each circumstance must matter, or
// the test shows nothing.
inline void ExpectFormula(const std::string& fields, const Formula& formula,
                          const LocalRate& local = {}) {
  std::vector<double> plain;
  for (const Circumstance& at : Circumstances()) {
    SCOPED_TRACE(fields + " " + at.fields);
    Training training(SolverText(Regression(at.multipliers), fields + " " + at.fields));
    Reference reference(formula, at, AllValues(training), local);
    for (int step = 0; step < 12; ++step) {
      training->Step(1);
      reference.Step();
      const std::vector<float> values = AllValues(training);
      for (size_t i = 0; i < 12; ++i)
        ASSERT_NEAR(values[i], reference.value(i), 4e-6) << "step " << step << ", value " << i;
    }
    double difference = plain.empty() ? 1 : 0;
    for (size_t i = 0; i < 12; ++i) {
      if (at.fields.empty()) plain.push_back(reference.value(i));
      difference = std::max(difference, std::abs(reference.value(i) - plain[i]));
    }
    EXPECT_GT(difference, 1e-3);
  }
}

}  // namespace moka::testing
