// moka plugin check: proves that what a plugin brings keeps its contract.
#include "plugin_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "explain.h"
#include "moka/check_layer.h"
#include "moka/error.h"
#include "moka/plugin.h"
#include "plugin.h"

namespace moka::tool {
namespace {

constexpr size_t kMostTold = 4;     // of one case: one mistake breaks many promises
constexpr size_t kWidestCase = 48;  // of a column; longer ones push the rest to the right

Verdict CheckOne(const LayerType& type, const CheckCase& a_case, const Registry& registry) {
  const CheckResult result = CheckLayer(type, a_case, registry);
  Verdict verdict;
  verdict.broken = result.broken();
  if (!result) verdict.outcome = Verdict::kBroken;
  verdict.promises = static_cast<size_t>(std::count_if(
      result.checked().begin(), result.checked().end(),
      [](const std::string& promise) { return promise.find(": skipped") == std::string::npos; }));
  return verdict;
}

void AddLayer(const Registry& registry, const LayerType& type, std::vector<Case>& cases) {
  try {
    std::vector<CheckCase> declared = registry.check_cases(type.name);
    const bool made_up = declared.empty();
    if (made_up) declared = DeriveCheckCases(type, registry);
    for (const CheckCase& a_case : declared) {
      cases.push_back({type.name, Describe(a_case), true, made_up,
                       [&type, a_case, &registry] { return CheckOne(type, a_case, registry); }});
    }
  } catch (const Error& error) {
    cases.push_back({type.name, "", true, false,
                     [reason = error.message()] { return Verdict::NotChecked(reason); }});
  }
}

void AddCases(const FillerType& type, const std::string& label, std::vector<Case>& cases) {
  for (const Shape& shape : {Shape{4, 3}, Shape{2, 3, 4, 4}}) {
    cases.push_back({label, ToString(shape), false, false,
                     [&type, shape] { return CheckFiller(type, shape); }});
  }
}
void AddCases(const UpdateRuleType& type, const std::string& label, std::vector<Case>& cases) {
  cases.push_back({label, fmt::format("{} elements, {} steps", kRuleElements, kRuleSteps), false,
                   false, [&type] { return CheckUpdateRule(type); }});
}
void AddCases(const LearningRatePolicyType& type, const std::string& label,
              std::vector<Case>& cases) {
  cases.push_back({label, fmt::format("iterations 0 to {}", kPolicyIterations), false, false,
                   [&type] { return CheckPolicy(type); }});
}
void AddCases(const DataSourceType&, const std::string& label, std::vector<Case>& cases) {
  cases.push_back(
      {label, "", false, false, [] { return Verdict::NotChecked("needs files to read from"); }});
}

// What a plugin brings of these types, or all of it. Throws Error if it has no such type.
std::vector<Case> CasesOf(const Registry& registry, const std::string& path,
                          const Arguments& types) {
  std::vector<Case> cases;
  std::vector<std::string> names;
  std::set<std::string> missing(types.begin(), types.end());
  const auto wanted = [&](const auto& type) {
    if (type.origin != path) return false;
    names.push_back(type.name);
    const bool named = missing.erase(type.name) + missing.erase(type.package + "." + type.name) > 0;
    return types.empty() || named || std::count(types.begin(), types.end(), type.name) > 0;
  };
  for (const std::string& name : registry.types()) {
    const LayerType& type = registry.Get(name);
    if (wanted(type)) AddLayer(registry, type, cases);
  }
  ForEachOtherKind(registry, [&](const char* one, const char*, const auto& others) {
    for (const auto* type : others) {
      if (wanted(*type)) AddCases(*type, fmt::format("{} {}", one, type->name), cases);
    }
  });
  if (names.empty()) throw Error("plugin ", path, ": it brings nothing to check");
  if (!missing.empty()) {
    const std::string hint = DidYouMean(*missing.begin(), names);
    throw Error("plugin ", path, ": it brings no type \"", *missing.begin(), "\"",
                hint.empty() ? "; it has: " + Join(names, ", ") : hint);
  }
  return cases;
}

Verdict Run(const Case& a_case) {
  try {
    return a_case.run();
  } catch (...) {
    return Verdict::Broken(WhatWasThrown());
  }
}

void Print(const Verdict& verdict) {
  if (verdict.outcome == Verdict::kKept) {
    fmt::print("kept {} promise{}\n", verdict.promises, verdict.promises == 1 ? "" : "s");
  } else if (verdict.outcome == Verdict::kNotChecked) {
    fmt::print("not checked: {}\n", verdict.reason);
  } else {
    fmt::print("BROKEN\n");
    const size_t shown = std::min(verdict.broken.size(), kMostTold);
    for (size_t i = 0; i < shown; ++i) fmt::print("    {}\n", verdict.broken[i]);
    if (verdict.broken.size() > shown)
      fmt::print("    ... and {} more\n", verdict.broken.size() - shown);
  }
}

// How the layers, or the others, came out.
class Tally {
 public:
  void Add(const std::string& type, const Verdict& verdict) {
    const auto [it, first] = worst_.emplace(type, verdict.outcome);
    const auto weight = [](int outcome) {  // a type is checked if it is in any case
      return outcome == Verdict::kBroken ? 2 : outcome == Verdict::kKept ? 1 : 0;
    };
    if (!first && weight(verdict.outcome) > weight(it->second)) it->second = verdict.outcome;
    cases_ += verdict.outcome == Verdict::kNotChecked ? 0 : 1;
  }
  size_t types() const { return worst_.size(); }
  size_t Count(int outcome) const {
    return static_cast<size_t>(std::count_if(
        worst_.begin(), worst_.end(), [&](const auto& each) { return each.second == outcome; }));
  }
  // "3 layers in 9 cases: 1 right, 1 broken, 1 not checked"
  std::string Summary(const char* what) const {
    std::vector<std::string> parts;
    const auto add = [&](int outcome, const char* word) {
      if (const size_t count = Count(outcome)) parts.push_back(fmt::format("{} {}", count, word));
    };
    add(Verdict::kKept, "right");
    add(Verdict::kBroken, "broken");
    add(Verdict::kNotChecked, "not checked");
    return fmt::format("{} {}{} in {} case{}: {}", types(), what, types() == 1 ? "" : "s", cases_,
                       cases_ == 1 ? "" : "s", Join(parts, ", "));
  }

 private:
  std::map<std::string, int> worst_;
  size_t cases_ = 0;
};

}  // namespace

std::string WhatWasThrown() {
  try {
    throw;
  } catch (const Error& error) {
    return "throws: " + error.message();
  } catch (const std::exception& error) {
    return fmt::format("throws what is no moka::Error: {}", error.what());
  } catch (...) {
    return "throws something that is no std::exception";
  }
}

int CheckPlugin(const std::string& path, const Arguments& types) {
  Registry registry = RegistryWithoutPlaces();
  LoadPlugin(path, registry);
  const std::vector<Case> cases = CasesOf(registry, path, types);
  size_t type_width = 0, where_width = 0;
  for (const Case& each : cases) {
    type_width = std::max(type_width, each.type.size());
    if (each.where.size() <= kWidestCase) where_width = std::max(where_width, each.where.size());
  }
  Tally layers, others;
  bool doubtful = false;
  for (const Case& each : cases) {
    fmt::print("{:<{}}  {:<{}}  ", each.type, type_width, each.where, where_width);
    std::fflush(stdout);  // should it crash, this says where
    const Verdict verdict = Run(each);
    Print(verdict);
    doubtful = doubtful || (each.made_up && verdict.outcome == Verdict::kBroken);
    (each.layer ? layers : others).Add(each.type, verdict);
  }
  if (doubtful) {
    fmt::print(
        "\nSome of the broken cases were made up from the traits, since none are declared for the "
        "layer.\nWhere such bottoms do not fit it, Reshape should refuse them with an Error; "
        "registry.AddCheckCase\ndeclares cases that fit.\n");
  }
  std::vector<std::string> summary;
  if (layers.types() > 0) summary.push_back(layers.Summary("layer"));
  if (others.types() > 0) summary.push_back(others.Summary(layers.types() > 0 ? "other" : "type"));
  fmt::print("\n{}\n", Join(summary, "; "));
  return layers.Count(Verdict::kKept) < layers.types() || others.Count(Verdict::kBroken) > 0 ? 1
                                                                                             : 0;
}

}  // namespace moka::tool
