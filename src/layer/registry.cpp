// Which layers, fillers, update rules, learning-rate policies and data sources
// there are.
#include "moka/registry.h"

#include <algorithm>

#include "layer/descriptor_set.h"
#include "layer/registry_state.h"

namespace moka {
namespace {

constexpr size_t kMostTypes = 1000;  // of one kind and one origin

template <typename Type>
std::vector<const Type*> Pointers(const TypeTable<Type>& table) {
  std::vector<const Type*> types;
  for (const auto& [name, type] : table) types.push_back(&type);
  return types;
}

template <typename Type>
bool IsWhole(const Type& type) {
  return type.create != nullptr;
}
bool IsWhole(const LayerType& type) { return type.create != nullptr && type.traits != nullptr; }

template <typename Type>
void Insert(Registry::State& state, const Kind& kind, TypeTable<Type> Registry::State::*types,
            Type type) {
  TypeTable<Type>& table = state.*types;
  if (type.name.empty()) throw Error("a ", kind.one, " type needs a name");
  type.origin = state.origin;
  type.package = state.package;
  const std::string label = std::string(kind.type) + " \"" + type.name + '"';
  if (const auto other = table.find(type.name); other != table.end()) {
    const std::string& theirs = other->second.origin;
    if (theirs == state.origin)
      throw Error(label, " is registered twice (", DescribeOrigin(theirs), ")");
    throw Error(label, " (", DescribeOrigin(state.origin), ") exists already (",
                DescribeOrigin(theirs), ")");
  }
  if (!IsWhole(type)) throw Error(label, " has no function that creates it");
  const auto ours = std::count_if(table.begin(), table.end(), [&](const auto& entry) {
    return entry.second.origin == state.origin;
  });
  if (static_cast<size_t>(ours) >= kMostTypes)
    throw Error("it brings more than ", kMostTypes, " ", kind.one, " types");
  for (FieldInfo& field : type.fields) CheckField(state, kind, label, field);
  CheckDifferent(label, type.fields);
  for (const FieldInfo& field : type.fields)
    state.uses[kind.message].emplace(field.name, FieldUse{field, label, state.origin});
  const std::string name = type.name;
  table.emplace(name, std::move(type));
}

// The first that a layer's field is used by, or nullptr.
const FieldUse* LayerFieldUse(const Registry::State& state, std::string_view name) {
  const auto layers = state.uses.find(kLayer.message);
  if (layers == state.uses.end()) return nullptr;
  const auto use = layers->second.find(name);
  return use == layers->second.end() ? nullptr : &use->second;
}

}  // namespace

Registry::Registry() : state_(std::make_shared<State>()) {}
Registry::Registry(const Registry&) = default;
Registry& Registry::operator=(const Registry&) = default;
Registry::~Registry() = default;

// Copies share one state until one of them changes.
Registry::State& Registry::Own() {
  if (state_.use_count() != 1) state_ = std::make_shared<State>(*state_);
  return *state_;
}

const std::string& Registry::origin() const { return state_->origin; }
const std::string& Registry::package() const { return state_->package; }
const std::vector<SchemaOrigin>& Registry::schemas() const { return state_->schemas; }

void Registry::SetOrigin(std::string origin, std::string package) {
  State& state = Own();
  state.origin = std::move(origin);
  state.package = std::move(package);
  state.comment.clear();
  state.messages.clear();
  for (const SchemaOrigin& known : state.schemas) {
    if (known.origin != state.origin) continue;
    for (const std::string& set : known.descriptor_sets) {
      ForEachMessage(ReadDescriptorSet(set),
                     [&](const std::string& name, const auto&) { state.messages.insert(name); });
    }
  }
}

void Registry::AddSchema(std::string_view descriptor_set) {
  State& state = Own();
  ForEachMessage(ReadDescriptorSet(descriptor_set),
                 [&](const std::string& name, const auto&) { state.messages.insert(name); });
  std::vector<SchemaOrigin>& schemas = state.schemas;
  auto known = std::find_if(schemas.begin(), schemas.end(), [&](const SchemaOrigin& schema) {
    return schema.origin == state.origin;
  });
  if (known == schemas.end()) known = schemas.insert(known, SchemaOrigin{state.origin, {}});
  known->descriptor_sets.emplace_back(descriptor_set);
}

void Registry::AddType(LayerType type) {
  State& state = Own();
  const std::string name = type.name;
  Insert(state, kLayer, &State::layers, std::move(type));
  if (!state.comment.empty()) state.comments[name] = state.comment;
}
void Registry::AddType(FillerType type) {
  Insert(Own(), kFiller, &State::fillers, std::move(type));
}
void Registry::AddType(UpdateRuleType type) {
  Insert(Own(), kUpdateRule, &State::update_rules, std::move(type));
}
void Registry::AddType(LearningRatePolicyType type) {
  Insert(Own(), kLearningRatePolicy, &State::policies, std::move(type));
}
void Registry::AddType(DataSourceType type) {
  Insert(Own(), kDataSource, &State::data_sources, std::move(type));
}

void Registry::AddCheckCase(std::string_view type, const CheckCase& a_case) {
  const LayerType* known = Find(type);
  if (known == nullptr || known->origin != origin()) {
    throw Error("a check case for type \"", type, "\", which ",
                origin() == "built in" ? "is not built in" : origin() + " has not registered");
  }
  Own().check_cases[std::string(type)].push_back(a_case);
}

void Registry::SetComment(std::string_view text) { Own().comment = text; }

std::string Registry::comment(std::string_view type) const {
  const LayerType* known = Find(type);
  if (known == nullptr) return "";
  const auto found = state_->comments.find(known->name);
  return found == state_->comments.end() ? "" : found->second;
}

std::vector<CheckCase> Registry::check_cases(std::string_view type) const {
  const auto found = state_->check_cases.find(type);
  return found == state_->check_cases.end() ? std::vector<CheckCase>() : found->second;
}

const LayerType* Registry::Find(std::string_view type) const {
  return FindIn(state_->layers, type);
}

const LayerType& Registry::Get(std::string_view type) const {
  if (const LayerType* found = Find(type)) return *found;
  throw Error("unknown type \"", type, "\"", DidYouMean(type, types())).At("type");
}

std::vector<std::string> Registry::types() const { return Names(state_->layers); }
std::vector<const FillerType*> Registry::fillers() const { return Pointers(state_->fillers); }
std::vector<const UpdateRuleType*> Registry::update_rules() const {
  return Pointers(state_->update_rules);
}
std::vector<const LearningRatePolicyType*> Registry::learning_rate_policies() const {
  return Pointers(state_->policies);
}
std::vector<const DataSourceType*> Registry::data_sources() const {
  return Pointers(state_->data_sources);
}

const FieldInfo* Registry::FindField(std::string_view name) const {
  const FieldUse* use = LayerFieldUse(*state_, name);
  return use == nullptr ? nullptr : &use->field;
}

std::string Registry::FieldOrigin(std::string_view name) const {
  const FieldUse* use = LayerFieldUse(*state_, name);
  return use == nullptr ? "" : use->origin;
}

}  // namespace moka
