// Which layers there are.
#include "moka/registry.h"

#include <algorithm>
#include <cctype>

#include "layer/descriptor_set.h"

namespace moka {
namespace {

namespace pb = google::protobuf;

struct Host {
  std::set<std::string, std::less<>> messages;
  std::vector<pb::FieldDescriptorProto> layer_fields;  // of LayerParameter: what every layer has
};

const Host& HostDescription() {
  static const Host host = [] {
    Host result;
    ForEachMessage(ReadDescriptorSet(HostSchema()),
                   [&](const std::string& name, const pb::DescriptorProto& message) {
                     result.messages.insert(name);
                     if (name == "moka.LayerParameter") {
                       result.layer_fields.assign(message.field().begin(), message.field().end());
                     }
                   });
    return result;
  }();
  return host;
}

// A wire number from a field's name, the same in every build. The range lies above all numbers that
// Caffe or a known fork uses (the highest is 8266712) and ends below protobuf's largest, 2^29 - 1.
// FNV-1a.
int NumberFromName(std::string_view name) {
  uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return static_cast<int>((1u << 28) + hash % ((1u << 28) - 1));
}

bool IsFieldName(std::string_view name) {
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

std::string Describe(const LayerType& type) {
  return type.origin == "built in" ? "built in" : "from " + type.origin;
}

// Throws unless the field's name and number are free to use by a layer.
void CheckField(const FieldInfo& field) {
  if (!IsFieldName(field.name)) {
    throw Error("\"", field.name, "\" cannot be a field's name: letters, digits and _ only");
  }
  if (field.number < 0 || field.number >= 1 << 29 ||
      (field.number >= 19000 && field.number < 20000)) {
    throw Error(
        field.name, " cannot have number ", field.number,
        ": 1 to 536870911 without 19000 to 19999 are possible, and 0 takes one from the name");
  }
  for (const auto& common : HostDescription().layer_fields) {
    if (common.name() == field.name)
      throw Error("every layer has a field ", field.name, " already");
    if (common.number() == field.number) {
      throw Error(field.name, " cannot have number ", field.number, ": that is ", common.name(),
                  ", which every layer has");
    }
  }
}

}  // namespace

void Registry::SetOrigin(std::string origin) {
  origin_ = std::move(origin);
  messages_.clear();
  for (const SchemaOrigin& known : schemas_) {
    if (known.origin != origin_) continue;
    for (const std::string& set : known.descriptor_sets) {
      ForEachMessage(ReadDescriptorSet(set),
                     [&](const std::string& name, const auto&) { messages_.insert(name); });
    }
  }
}

void Registry::AddSchema(std::string_view descriptor_set) {
  ForEachMessage(ReadDescriptorSet(descriptor_set),
                 [&](const std::string& name, const auto&) { messages_.insert(name); });
  auto known = std::find_if(schemas_.begin(), schemas_.end(),
                            [&](const SchemaOrigin& schema) { return schema.origin == origin_; });
  if (known == schemas_.end()) known = schemas_.insert(known, SchemaOrigin{origin_, {}});
  known->descriptor_sets.emplace_back(descriptor_set);
}

void Registry::AddType(LayerType type) {
  if (type.name.empty()) throw Error("a layer type needs a name");
  type.origin = origin_;
  if (const LayerType* other = Find(type.name)) {
    if (other->origin == origin_)
      throw Error("type \"", type.name, "\" is registered twice (", Describe(type), ")");
    throw Error("type \"", type.name, "\" (", Describe(type), ") exists already (",
                Describe(*other), ")");
  }
  for (FieldInfo& field : type.fields) {
    if (messages_.count(field.message) == 0 &&
        HostDescription().messages.count(field.message) == 0) {
      throw Error("type \"", type.name, "\": no schema that ",
                  origin_ == "built in" ? "is " : "came with ", origin_, " describes the message ",
                  field.message, " of ", field.name);
    }
    if (field.number == 0) field.number = NumberFromName(field.name);
    CheckField(field);
    CheckSameMessage(type, field);
    for (const FieldInfo* other = type.fields.data(); other != &field; ++other) {
      if (other->name == field.name)
        throw Error("type \"", type.name, "\" names the field ", field.name, " twice");
      if (other->number == field.number) {
        throw Error("type \"", type.name, "\": ", other->name, " and ", field.name,
                    " both have number ", field.number);
      }
    }
  }
  const std::string name = type.name;
  types_.emplace(name, std::move(type));
}

// A field that several layers use must be the same message in all of them: text gives only the
// field's name.
void Registry::CheckSameMessage(const LayerType& type, const FieldInfo& field) const {
  auto definition = [&](const std::string& origin) {
    for (const SchemaOrigin& schema : schemas_) {
      if (schema.origin == origin) return Definition(schema, field.message);
    }
    return std::string();
  };
  for (const auto& [name, other] : types_) {
    for (const FieldInfo& theirs : other.fields) {
      if (theirs.name != field.name) continue;
      const bool same =
          theirs.message == field.message &&
          (other.origin == type.origin || definition(other.origin) == definition(type.origin));
      if (!same) {
        throw Error(
            "type \"", type.name, "\" (", Describe(type), ") wants ", field.name,
            " for its message ", field.message, ", but type \"", name, "\" (", Describe(other),
            ") uses it for ",
            theirs.message == field.message ? "another message of that name" : theirs.message);
      }
      return;
    }
  }
}

const LayerType* Registry::Find(std::string_view type) const {
  const auto found = types_.find(type);
  return found == types_.end() ? nullptr : &found->second;
}

const LayerType& Registry::Get(std::string_view type) const {
  if (const LayerType* found = Find(type)) return *found;
  throw Error("unknown type \"", type, "\"", DidYouMean(type, types())).At("type");
}

std::vector<std::string> Registry::types() const {
  std::vector<std::string> names;
  for (const auto& [name, type] : types_) names.push_back(name);
  return names;
}

const FieldInfo* Registry::FindField(std::string_view name) const {
  for (const auto& [type_name, type] : types_) {
    for (const FieldInfo& field : type.fields) {
      if (field.name == name) return &field;
    }
  }
  return nullptr;
}

std::string Registry::FieldOrigin(std::string_view name) const {
  for (const auto& [type_name, type] : types_) {
    for (const FieldInfo& field : type.fields) {
      if (field.name == name) return type.origin;
    }
  }
  return "";
}

}  // namespace moka
