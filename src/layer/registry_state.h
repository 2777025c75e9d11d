// What a Registry holds.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "moka/registry.h"

namespace moka {

// A kind of types: what it is called, and the host's message that its fields stand in.
struct Kind {
  const char* type;     // "type", "filler type"
  const char* one;      // "layer", "filler"
  const char* message;  // "moka.LayerParameter"
  // Whether a field's number means something else in each type: forks of Caffe reuse them.
  bool numbers_by_type;
};
inline constexpr Kind kLayer = {"type", "layer", "moka.LayerParameter", true};
inline constexpr Kind kFiller = {"filler type", "filler", "moka.FillerParameter", false};
inline constexpr Kind kUpdateRule = {"solver type", "solver", "moka.SolverParameter", false};
inline constexpr Kind kLearningRatePolicy = {"lr_policy", "solver", "moka.SolverParameter", false};
inline constexpr Kind kDataSource = {"data format", "data source", "moka.DataParameter", false};

// Who uses a field, and as what.
struct FieldUse {
  FieldInfo field;
  std::string type;  // `type "ReLU"`
  std::string origin;
};

template <typename Type>
using TypeTable = std::map<std::string, Type, std::less<>>;

struct Registry::State {
  std::string origin = "built in", package = "moka";
  TypeTable<LayerType> layers;
  TypeTable<FillerType> fillers;
  TypeTable<UpdateRuleType> update_rules;
  TypeTable<LearningRatePolicyType> policies;
  TypeTable<DataSourceType> data_sources;
  std::string comment;  // of the layer types that are added next
  std::map<std::string, std::string, std::less<>> comments;                // by layer type
  std::map<std::string, std::vector<CheckCase>, std::less<>> check_cases;  // likewise
  std::vector<SchemaOrigin> schemas;
  std::set<std::string, std::less<>> messages;  // that the schemas of `origin` describe
  // By the host's message that they stand in, and by name, in the order they came.
  std::map<std::string, std::multimap<std::string, FieldUse, std::less<>>> uses;
};

// The type of that name: plain, or with its package in front.
template <typename Type>
const Type* FindIn(const TypeTable<Type>& table, std::string_view name) {
  if (const auto found = table.find(name); found != table.end()) return &found->second;
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return nullptr;
  const auto found = table.find(name.substr(dot + 1));
  const bool meant = found != table.end() && found->second.package == name.substr(0, dot);
  return meant ? &found->second : nullptr;
}

template <typename Type>
std::vector<std::string> Names(const TypeTable<Type>& table) {
  std::vector<std::string> names;
  for (const auto& [name, type] : table) names.push_back(name);
  return names;
}

// "built in", "from FILE".
std::string DescribeOrigin(const std::string& origin);

// Gives a field without number one, and throws Error unless name, number and message are free to
// use by a type of that kind. `type` is its name in messages: `type "ReLU"`.
void CheckField(const Registry::State& state, const Kind& kind, const std::string& type,
                FieldInfo& field);
// Throws Error if two fields of one type have the same name or number.
void CheckDifferent(const std::string& type, const std::vector<FieldInfo>& fields);

}  // namespace moka
