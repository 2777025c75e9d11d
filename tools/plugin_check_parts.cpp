// moka plugin check, for fillers, update rules and learning-rate policies.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "moka/filler.h"
#include "moka/learning_rate.h"
#include "moka/update_rule.h"
#include "plugin_check.h"

namespace moka::tool {
namespace {

using Floats = std::vector<float>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kMargin = 7.25f;  // what lies around memory that may be written
constexpr int64_t kMarginSize = 64;

// The type without parameters. nullptr and the reason if it wants some.
template <typename Type, typename Common>
auto Make(const Type& type, const Common& common, std::string& reason) {
  const auto nothing = [](const std::string&) { return std::string(); };
  try {
    return type.create(common, nothing);
  } catch (const Error& error) {
    reason = error.message();
  }
  return decltype(type.create(common, nothing)){};
}

bool SameBits(float a, float b) { return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b); }

// Collects what was found, promise by promise.
class Findings {
 public:
  // `problem`: "" if the promise was kept.
  void Promise(const std::string& problem) {
    if (problem.empty()) {
      ++verdict_.promises;
    } else {
      verdict_.outcome = Verdict::kBroken;
      verdict_.broken.push_back(problem);
    }
  }
  Verdict Take() { return std::move(verdict_); }

 private:
  Verdict verdict_;
};

std::string NotFinite(const Floats& values, const char* what) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i]))
      return fmt::format("{} {}: expected a finite number, got {}", what, i, values[i]);
  }
  return "";
}

std::string Differs(const Floats& expected, const Floats& got, const char* circumstance,
                    const char* what) {
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!SameBits(expected[i], got[i]))
      return fmt::format("{}: {} {}: expected {}, got {}", circumstance, what, i, expected[i],
                         got[i]);
  }
  return "";
}

// Floats with a margin on both sides.
class Guarded {
 public:
  Guarded(int64_t count, float value)
      : memory_(static_cast<size_t>(count + 2 * kMarginSize), kMargin), count_(count) {
    std::fill_n(data(), count, value);
  }
  float* data() { return memory_.data() + kMarginSize; }
  Floats Values() { return Floats(data(), data() + count_); }
  std::string StrayWrites() {
    for (int64_t i = 0; i < kMarginSize; ++i) {
      if (!SameBits(data()[-1 - i], kMargin)) return Stray(-1 - i);
      if (!SameBits(data()[count_ + i], kMargin)) return Stray(count_ + i);
    }
    return "";
  }

 private:
  std::string Stray(int64_t element) {
    return fmt::format("element {}, which is not its own: expected no change, got {}", element,
                       data()[element]);
  }

  Floats memory_;
  int64_t count_;
};

Floats Filled(const Filler& filler, const Shape& shape, float poison, std::string& stray) {
  Guarded memory(shape.count(), poison);
  Tensor tensor(shape, memory.data());
  filler.Fill(RandomStream(1, "filled", 0, 0), tensor);
  if (stray.empty()) stray = memory.StrayWrites();
  return memory.Values();
}

std::string NotWritten(const Floats& over_nan, const Floats& over_other, float other) {
  for (size_t i = 0; i < over_nan.size(); ++i) {
    if (std::isnan(over_nan[i]) && SameBits(over_other[i], other))
      return fmt::format("element {}: expected to be written, got what was there before", i);
  }
  const std::string problem = NotFinite(over_nan, "element");
  return problem.empty()
             ? Differs(over_nan, over_other, "with other values in the memory before", "element")
             : problem;
}

// What a rule leaves of params and histories after some steps, updated in pieces of that size.
struct Updated {
  Floats values;
  std::string stray;
};
Updated Update(const UpdateRule& rule, int64_t piece_size, bool backwards) {
  const int64_t n = kRuleElements;
  std::vector<Guarded> memory;
  for (int i = 0; i <= rule.histories(); ++i) memory.emplace_back(n, 0.f);
  const RandomStream random(1, "updated", 0, 0);
  Floats dw(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i)
    memory[0].data()[i] = random.Uniform(static_cast<uint64_t>(i)) - 0.5f;
  for (int step = 0; step < kRuleSteps; ++step) {
    const RandomStream gradients(1, "gradients", 0, static_cast<uint64_t>(step));
    for (size_t i = 0; i < dw.size(); ++i) dw[i] = gradients.Uniform(i) - 0.5f;
    const int64_t pieces = (n + piece_size - 1) / piece_size;
    for (int64_t p = 0; p < pieces; ++p) {
      const int64_t begin = (backwards ? pieces - 1 - p : p) * piece_size;
      UpdatePiece piece;
      piece.n = std::min(piece_size, n - begin);
      piece.w = memory[0].data() + begin;
      piece.dw = dw.data() + begin;
      for (int h = 0; h < rule.histories(); ++h)
        piece.history[static_cast<size_t>(h)] = memory[static_cast<size_t>(h) + 1].data() + begin;
      piece.rate = 0.01f;
      piece.l2 = 5e-4f;
      piece.iteration = step;
      rule.Update(piece);
    }
  }
  Updated updated;
  for (Guarded& each : memory) {
    const Floats values = each.Values();
    updated.values.insert(updated.values.end(), values.begin(), values.end());
    if (updated.stray.empty()) updated.stray = each.StrayWrites();
  }
  return updated;
}

SolverParameter PlainSolver() {
  SolverParameter solver;
  solver.set_base_lr(0.01f);
  solver.set_max_iter(kPolicyIterations);
  return solver;
}

}  // namespace

Verdict CheckFiller(const FillerType& type, const Shape& shape) {
  FillerParameter params;
  params.set_type(type.name);
  std::string reason;
  const std::unique_ptr<Filler> filler = Make(type, params, reason);
  if (filler == nullptr) return Verdict::NotChecked(reason);
  try {
    filler->Check(shape);
  } catch (const Error& error) {
    return Verdict::NotChecked(error.message());
  }
  const float other = 1e30f;
  std::string stray;
  const Floats first = Filled(*filler, shape, kNan, stray);
  const Floats second = Filled(*filler, shape, other, stray);
  Findings findings;
  findings.Promise(NotWritten(first, second, other));
  findings.Promise(stray);
  Tensor between(shape);
  filler->Fill(RandomStream(2, "another", 1, 3), between);
  findings.Promise(Differs(first, Filled(*filler, shape, kNan, stray), "filled again", "element"));
  const std::unique_ptr<Filler> fresh = Make(type, params, reason);
  if (fresh == nullptr) return Verdict::Broken("made a second time: throws: " + reason);
  findings.Promise(
      Differs(first, Filled(*fresh, shape, kNan, stray), "filled by a new filler", "element"));
  return findings.Take();
}

Verdict CheckUpdateRule(const UpdateRuleType& type) {
  SolverParameter solver = PlainSolver();
  solver.set_type(type.name);
  std::string reason;
  const std::unique_ptr<UpdateRule> rule = Make(type, solver, reason);
  if (rule == nullptr) return Verdict::NotChecked(reason);
  if (rule->histories() < 0 || rule->histories() > kMostHistories) {
    return Verdict::Broken(
        fmt::format("histories: expected 0 to {}, got {}", kMostHistories, rule->histories()));
  }
  // The params come first, then one history after the other.
  const Updated whole = Update(*rule, kRuleElements, false);
  Findings findings;
  findings.Promise(NotFinite(whole.values, "value"));
  findings.Promise(whole.stray);
  findings.Promise(
      Differs(whole.values, Update(*rule, kRuleElements, false).values, "run again", "value"));
  std::string cut;
  for (const int64_t size : {1, 7, 64}) {
    for (const bool backwards : {false, true}) {
      const std::string circumstance =
          fmt::format("in pieces of {}{}", size, backwards ? ", the last one first" : "");
      if (cut.empty())
        cut = Differs(whole.values, Update(*rule, size, backwards).values, circumstance.c_str(),
                      "value");
    }
  }
  findings.Promise(cut);
  return findings.Take();
}

Verdict CheckPolicy(const LearningRatePolicyType& type) {
  SolverParameter solver = PlainSolver();
  solver.set_lr_policy(type.name);
  std::string reason;
  const std::unique_ptr<LearningRatePolicy> policy = Make(type, solver, reason);
  if (policy == nullptr) return Verdict::NotChecked(reason);
  std::vector<double> factors;
  std::string not_finite, impure;
  for (int64_t i = 0; i <= kPolicyIterations; ++i) {
    factors.push_back(policy->Factor(i));
    if (not_finite.empty() && !std::isfinite(factors.back()))
      not_finite =
          fmt::format("at iteration {}: expected a finite number, got {}", i, factors.back());
  }
  for (int64_t i = kPolicyIterations; i >= 0; --i) {
    const double expected = factors[static_cast<size_t>(i)], got = policy->Factor(i);
    if (std::bit_cast<uint64_t>(expected) != std::bit_cast<uint64_t>(got))
      impure = fmt::format("asked again for iteration {}: expected {}, got {}", i, expected, got);
  }
  Findings findings;
  findings.Promise(not_finite);
  findings.Promise(impure);
  return findings.Take();
}

}  // namespace moka::tool
