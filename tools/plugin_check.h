// What `moka plugin check` finds out.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "moka/registry.h"
#include "moka/shape.h"

namespace moka::tool {

// How a type came out of one case.
struct Verdict {
  enum { kKept, kBroken, kNotChecked } outcome = kKept;
  size_t promises = 0;              // kept
  std::string reason;               // kNotChecked: why
  std::vector<std::string> broken;  // kBroken: what, one line each

  static Verdict NotChecked(const std::string& reason) { return {kNotChecked, 0, reason, {}}; }
  static Verdict Broken(const std::string& what) { return {kBroken, 0, "", {what}}; }
};

// One line of the report.
struct Case {
  std::string type;   // "Snake", "filler orthogonal"
  std::string where;  // "2x3x4x5"
  bool layer = false;
  bool made_up = false;          // not declared by whoever wrote the layer
  std::function<Verdict()> run;  // may throw anything
};

// In a catch block: what was thrown, in words.
std::string WhatWasThrown();

// Light checks of the types that are no layers, without parameters. A type that wants some is not
// checked; what it throws later, or throws that is no Error, is a promise broken.
Verdict CheckFiller(const FillerType& type, const Shape& shape);
Verdict CheckUpdateRule(const UpdateRuleType& type);
Verdict CheckPolicy(const LearningRatePolicyType& type);

inline constexpr int kRuleElements = 257, kRuleSteps = 3;
inline constexpr int kPolicyIterations = 1000;

}  // namespace moka::tool
