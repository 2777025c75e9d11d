// Which layers there are. A value, not a process-wide map: two nets may have two registries.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "moka/export.h"
#include "moka/layer.h"

namespace moka {

// A parameter message of a layer: its field in `layer { }` and its number in binary files.
// Built-ins keep Caffe's numbers; number 0 derives one from the name.
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
  std::string origin;  // "built in", or the plugin's file
  std::vector<FieldInfo> fields;
  std::function<LayerTraits(const LayerSpec&)> traits;
  std::function<std::unique_ptr<Layer>(const LayerSpec&)> create;
};

// The descriptor sets that one origin brought (serialised FileDescriptorSets with source info), in
// the order they came.
struct SchemaOrigin {
  std::string origin;
  std::vector<std::string> descriptor_sets;
};

class MOKA_EXPORT Registry {
 public:
  Registry() = default;

  // Whose registrations follow: "built in" or a plugin's path.
  void SetOrigin(std::string origin);
  const std::string& origin() const { return origin_; }
  // The descriptors of the messages that the following Add calls name. moka_add_plugin() and the
  // built-in list call it.
  void AddSchema(std::string_view descriptor_set);

  // Adds layer type `type`, class L. L has a constructor (const LayerSpec&, const Messages&...) and
  // may have a static LayerTraits Traits(const LayerSpec&, const Messages&...). Throws Error and
  // changes nothing: the type is there already (both origins are named); a field name is taken by
  // another message; a message that no schema of this origin describes; a number that another field
  // of this layer has.
  template <typename L, typename... Messages>
  void Add(std::string type, const Field<Messages>&... fields) {
    LayerType entry;
    entry.name = std::move(type);
    entry.fields = {
        FieldInfo{fields.name, fields.number, std::string(Messages().GetTypeName())}...};
    entry.traits = [... names = fields.name](const LayerSpec& spec) -> LayerTraits {
      if constexpr (requires(const Messages&... m) { L::Traits(spec, m...); }) {
        return L::Traits(spec, ParseMessage<Messages>(spec, names)...);
      } else {
        return LayerTraits();
      }
    };
    entry.create = [... names = fields.name](const LayerSpec& spec) -> std::unique_ptr<Layer> {
      return std::make_unique<L>(spec, ParseMessage<Messages>(spec, names)...);
    };
    AddType(std::move(entry));
  }
  void AddType(LayerType type);

  const LayerType* Find(std::string_view type) const;  // or nullptr
  // Find, or throw Error with a did-you-mean.
  const LayerType& Get(std::string_view type) const;
  std::vector<std::string> types() const;  // sorted
  const std::vector<SchemaOrigin>& schemas() const { return schemas_; }
  // The field of that name and who brought it, or nullptr.
  const FieldInfo* FindField(std::string_view name) const;
  std::string FieldOrigin(std::string_view name) const;

 private:
  template <typename Message>
  static Message ParseMessage(const LayerSpec& spec, const std::string& field) {
    Message message;
    const std::string_view bytes = spec.ParamBytes(field);
    if (!message.ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      throw Error("the bytes of ", field, " cannot be read");
    }
    return message;
  }

  void CheckSameMessage(const LayerType& type, const FieldInfo& field) const;

  std::string origin_ = "built in";
  std::map<std::string, LayerType, std::less<>> types_;
  std::vector<SchemaOrigin> schemas_;
  std::set<std::string, std::less<>> messages_;  // that the schemas of origin_ describe
};

// The layers that Moka brings. Made from the list in layers/CMakeLists.txt.
MOKA_EXPORT Registry BuiltinLayers();

}  // namespace moka
