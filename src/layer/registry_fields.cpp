// Which parameter fields a registry takes: free names and numbers, described messages, and one
// message for each name.
#include <algorithm>
#include <cctype>

#include "layer/descriptor_set.h"
#include "layer/registry_state.h"

namespace moka {
namespace {

namespace pb = google::protobuf;

using Messages = std::map<std::string, pb::DescriptorProto, std::less<>>;

const Messages& HostMessages() {
  static const Messages host = [] {
    Messages result;
    ForEachMessage(ReadDescriptorSet(HostSchema()),
                   [&](const std::string& name, const pb::DescriptorProto& message) {
                     result.emplace(name, message);
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

// Throws unless the field's name and number differ from those that all of the kind have.
void CheckCommon(const Kind& kind, const FieldInfo& field) {
  const auto& common = HostMessages().at(kind.message).field();
  int highest = 0;
  for (const auto& other : common) {
    highest = std::max(highest, other.number());
    if (other.name() == field.name)
      throw Error("every ", kind.one, " has a field ", field.name, " already");
    if (other.number() == field.number) {
      throw Error(field.name, " cannot have number ", field.number, ": that is ", other.name(),
                  ", which every ", kind.one, " has");
    }
  }
  // In LayerParameter the numbers of forks lie between the common ones.
  if (!kind.numbers_by_type && field.number <= highest) {
    throw Error(field.name, " cannot have number ", field.number, ": those up to ", highest,
                " are kept for what every ", kind.one, " has; 0 takes one from the name");
  }
}

std::string DefinitionOf(const Registry::State& state, const std::string& origin,
                         const std::string& message) {
  for (const SchemaOrigin& schema : state.schemas) {
    if (schema.origin == origin) return Definition(schema, message);
  }
  return "";
}

// A field that several types use must be the same message in all of them: text gives only the
// field's name. In what is no layer, its number must be its own, too: there the number decides.
void CheckOthers(const Registry::State& state, const Kind& kind, const std::string& type,
                 const FieldInfo& field) {
  const auto others = state.uses.find(kind.message);
  if (others == state.uses.end()) return;
  const auto wants = [&] {
    return type + " (" + DescribeOrigin(state.origin) + ") wants " + field.name;
  };
  for (const auto& [name, use] : others->second) {
    const FieldInfo& theirs = use.field;
    if (name == field.name) {
      const bool same =
          theirs.message == field.message &&
          (use.origin == state.origin || DefinitionOf(state, use.origin, field.message) ==
                                             DefinitionOf(state, state.origin, field.message));
      if (same && (kind.numbers_by_type || theirs.number == field.number)) continue;
      const std::string what = theirs.message != field.message ? theirs.message
                               : same ? "number " + std::to_string(theirs.number)
                                      : "another message of that name";
      throw Error(wants(), " for its message ", field.message, ", but ", use.type, " (",
                  DescribeOrigin(use.origin), ") uses it for ", what);
    }
    if (!kind.numbers_by_type && theirs.number == field.number) {
      throw Error(wants(), " with number ", field.number, ", which ", use.type, " (",
                  DescribeOrigin(use.origin), ") uses for ", name, ": give it another one");
    }
  }
}

}  // namespace

std::string DescribeOrigin(const std::string& origin) {
  return origin == "built in" ? origin : "from " + origin;
}

void CheckField(const Registry::State& state, const Kind& kind, const std::string& type,
                FieldInfo& field) {
  if (state.messages.count(field.message) == 0 && HostMessages().count(field.message) == 0) {
    throw Error(type, ": no schema that ",
                state.origin == "built in" ? "is built in" : "came with " + state.origin,
                " describes the message ", field.message, " of ", field.name);
  }
  if (field.number == 0) field.number = NumberFromName(field.name);
  if (!IsFieldName(field.name)) {
    throw Error("\"", field.name, "\" cannot be a field's name: letters, digits and _ only");
  }
  if (field.number < 0 || field.number >= 1 << 29 ||
      (field.number >= 19000 && field.number < 20000)) {
    throw Error(
        field.name, " cannot have number ", field.number,
        ": 1 to 536870911 without 19000 to 19999 are possible, and 0 takes one from the name");
  }
  CheckCommon(kind, field);
  CheckOthers(state, kind, type, field);
}

void CheckDifferent(const std::string& type, const std::vector<FieldInfo>& fields) {
  for (auto field = fields.begin(); field != fields.end(); ++field) {
    for (auto other = fields.begin(); other != field; ++other) {
      if (other->name == field->name) throw Error(type, " names the field ", field->name, " twice");
      if (other->number == field->number) {
        throw Error(type, ": ", other->name, " and ", field->name, " both have number ",
                    field->number);
      }
    }
  }
}

}  // namespace moka
