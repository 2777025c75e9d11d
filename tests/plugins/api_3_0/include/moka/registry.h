// Which layers there are, and which fillers, solvers, learning-rate policies and data sources. A
// value, not a process-wide map: two nets may have two registries.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "moka/check_case.h"
#include "moka/export.h"
#include "moka/layer.h"

namespace moka {

class DataSource;
class DataSpec;
class Filler;
class LearningRatePolicy;
class SolverParameter;
class UpdateRule;

// A parameter message: the name of its field in `layer { }` (for a filler: in `weight_filler { }`
// and its like; for a solver or a policy: in the solver file; for a data source: in `data_param {
// }`), and its number in binary files. Built-ins keep Caffe's numbers; number 0 derives one from
// the name.
template <typename Message>
struct Field {
  std::string name;
  int number = 0;
};

// What a Field is once its C++ type is forgotten.
struct FieldInfo {
  std::string name;
  int number = 0;       // on the wire
  std::string message;  // full name of the protobuf message: "moka.ReLUParameter"
};

struct LayerType {
  std::string name;
  std::string origin;   // "built in", or the plugin's file
  std::string package;  // "moka", or the plugin's name: `type: "package.name"` says which is meant
  std::vector<FieldInfo> fields;
  std::function<LayerTraits(const LayerSpec&)> traits;
  std::function<std::unique_ptr<Layer>(const LayerSpec&)> create;
};

// The serialised message of a field, empty if the file does not have it.
using FieldBytes = std::function<std::string(const std::string& field)>;

// A type of something else than a layer. Base is what it makes; Common is the message that all of
// its kind read.
template <typename Base, typename Common>
struct PartType {
  std::string name, origin, package;
  std::vector<FieldInfo> fields;
  std::function<std::unique_ptr<Base>(const Common&, const FieldBytes&)> create;
};
using FillerType = PartType<Filler, FillerParameter>;
using UpdateRuleType = PartType<UpdateRule, SolverParameter>;
using LearningRatePolicyType = PartType<LearningRatePolicy, SolverParameter>;
using DataSourceType = PartType<DataSource, DataSpec>;

// The descriptor sets that one origin brought (serialised FileDescriptorSets with source info), in
// the order they came.
struct SchemaOrigin {
  std::string origin;
  std::vector<std::string> descriptor_sets;
};

class MOKA_EXPORT Registry {
 public:
  struct State;

  Registry();
  Registry(const Registry&);
  Registry& operator=(const Registry&);
  ~Registry();

  // Whose registrations follow: "built in" or a plugin's path, and its package.
  void SetOrigin(std::string origin, std::string package = "moka");
  const std::string& origin() const;
  const std::string& package() const;
  // The descriptors of the messages that the following Add calls name. moka_add_plugin() and the
  // built-in list call it.
  void AddSchema(std::string_view descriptor_set);

  // Each Add throws Error and changes nothing if: the type is there already (both origins are
  // named); a field name is taken by another message; no schema of this origin describes a message;
  // a number is another field's; the origin has brought 1000 types of the kind.

  // A layer type, class L: a constructor (const LayerSpec&, const Messages&...), and perhaps a
  // static LayerTraits Traits(const LayerSpec&, const Messages&...).
  template <typename L, typename... Messages>
  void Add(std::string type, const Field<Messages>&... fields) {
    LayerType entry;
    entry.name = std::move(type);
    entry.fields = {Info(fields)...};
    entry.traits = [... names = fields.name](const LayerSpec& spec) -> LayerTraits {
      if constexpr (requires(const Messages&... m) { L::Traits(spec, m...); }) {
        return L::Traits(spec, Parse<Messages>(spec.ParamBytes(names), names)...);
      } else {
        return LayerTraits();
      }
    };
    entry.create = [... names = fields.name](const LayerSpec& spec) -> std::unique_ptr<Layer> {
      return std::make_unique<L>(spec, Parse<Messages>(spec.ParamBytes(names), names)...);
    };
    AddType(std::move(entry));
  }
  // A filler (moka/filler.h), class F: a constructor (const FillerParameter&, const Messages&...).
  template <typename F, typename... Messages>
  void AddFiller(std::string type, const Field<Messages>&... fields) {
    AddType(Part<F, FillerType, FillerParameter>(std::move(type), fields...));
  }
  // A solver's update rule (moka/update_rule.h), class R: (const SolverParameter&, const
  // Messages&...). `type` is what stands in the solver file.
  template <typename R, typename... Messages>
  void AddUpdateRule(std::string type, const Field<Messages>&... fields) {
    AddType(Part<R, UpdateRuleType, SolverParameter>(std::move(type), fields...));
  }
  // A learning-rate policy (moka/learning_rate.h), class P: likewise; `type` is its lr_policy.
  template <typename P, typename... Messages>
  void AddLearningRatePolicy(std::string type, const Field<Messages>&... fields) {
    AddType(Part<P, LearningRatePolicyType, SolverParameter>(std::move(type), fields...));
  }
  // A source of data (moka/data_source.h), class S: (const DataSpec&, const Messages&...). `format`
  // is what `data_param { format: "..." }` of a Data layer names. Since plugin API 2.1.
  template <typename S, typename... Messages>
  void AddDataSource(std::string format, const Field<Messages>&... fields) {
    AddType(Part<S, DataSourceType, DataSpec>(std::move(format), fields...));
  }
  // What the layer types added from here on do: formula, learned params, where Caffe differs; for
  // `moka layers TYPE` and docs/layers.md. The build calls it with the first comment of a layer's
  // source file. Since plugin API 2.2.
  void SetComment(std::string_view text);
  // A case to check a layer in, for `moka plugin check`. Throws Error unless this origin has
  // brought the layer type.
  void AddCheckCase(std::string_view type, const CheckCase& a_case);

  void AddType(LayerType type);
  void AddType(FillerType type);
  void AddType(UpdateRuleType type);
  void AddType(LearningRatePolicyType type);
  void AddType(DataSourceType type);

  // By its name, or by "package.name". nullptr if there is none.
  const LayerType* Find(std::string_view type) const;
  // Find, or throw Error with a did-you-mean.
  const LayerType& Get(std::string_view type) const;
  std::vector<std::string> types() const;  // of layers; sorted
  std::vector<const FillerType*> fillers() const;
  std::vector<const UpdateRuleType*> update_rules() const;
  std::vector<const LearningRatePolicyType*> learning_rate_policies() const;

  std::vector<const DataSourceType*> data_sources() const;
  // What SetComment said when the layer type was added; lines without `//`, or empty.
  std::string comment(std::string_view type) const;
  std::vector<CheckCase> check_cases(std::string_view type) const;  // in the order they came

  // What the type in the message names. Throws Error with the field: unknown (did you mean), or
  // what the constructor throws.
  std::unique_ptr<Filler> MakeFiller(const FillerParameter& filler) const;
  std::unique_ptr<UpdateRule> MakeUpdateRule(const SolverParameter& solver) const;
  std::unique_ptr<LearningRatePolicy> MakeLearningRatePolicy(const SolverParameter& solver) const;
  // That of spec.params().format(); errors have fields below data_param.
  std::unique_ptr<DataSource> OpenDataSource(const DataSpec& spec) const;

  const std::vector<SchemaOrigin>& schemas() const;
  // A layer's field of that name and who brought it, or nullptr.
  const FieldInfo* FindField(std::string_view name) const;
  std::string FieldOrigin(std::string_view name) const;

 private:
  template <typename Message>
  static FieldInfo Info(const Field<Message>& field) {
    return {field.name, field.number, std::string(Message().GetTypeName())};
  }
  template <typename Message>
  static Message Parse(std::string_view bytes, const std::string& field) {
    Message message;
    if (!message.ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      throw Error("the bytes of ", field, " cannot be read");
    }
    return message;
  }
  template <typename P, typename Type, typename Common, typename... Messages>
  static Type Part(std::string name, const Field<Messages>&... fields) {
    Type type;
    type.name = std::move(name);
    type.fields = {Info(fields)...};
    type.create = [... names = fields.name](const Common& common, const FieldBytes& bytes) {
      return std::make_unique<P>(common, Parse<Messages>(bytes(names), names)...);
    };
    return type;
  }

  State& Own();

  std::shared_ptr<State> state_;
};

// All that Moka brings. Made from the list in layers/CMakeLists.txt.
MOKA_EXPORT Registry BuiltinLayers();

}  // namespace moka
