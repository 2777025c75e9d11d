// The descriptors that travel inside libmoka and inside plugins.
#include "layer/descriptor_set.h"

#include <map>
#include <set>

#include "moka/error.h"

namespace moka {

namespace pb = google::protobuf;

pb::FileDescriptorSet ReadDescriptorSet(std::string_view bytes) {
  pb::FileDescriptorSet set;
  if (!set.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    throw Error("the embedded schema (", bytes.size(), " bytes) is no protobuf descriptor set");
  }
  return set;
}

std::string Definition(const SchemaOrigin& origin, const std::string& message) {
  std::map<std::string, pb::DescriptorProto> messages;
  std::map<std::string, pb::EnumDescriptorProto> enums;  // nested ones are part of their message
  for (const std::string& bytes : origin.descriptor_sets) {
    const pb::FileDescriptorSet set = ReadDescriptorSet(bytes);
    ForEachMessage(
        set, [&](const std::string& name, const pb::DescriptorProto& m) { messages[name] = m; });
    for (const auto& file : set.file()) {
      for (const auto& e : file.enum_type()) enums[file.package() + "." + e.name()] = e;
    }
  }
  std::string definition;
  std::set<std::string> seen;
  auto describe = [&](auto& self, const std::string& name) -> void {
    if (!seen.insert(name).second) return;
    if (const auto e = enums.find(name); e != enums.end())
      definition += e->second.SerializeAsString();
    const auto m = messages.find(name);
    if (m == messages.end()) return;
    definition += m->second.SerializeAsString();
    for (const auto& field : m->second.field()) {
      if (field.type_name().size() > 1) self(self, field.type_name().substr(1));
    }
    for (const auto& nested : m->second.nested_type()) self(self, name + "." + nested.name());
  };
  describe(describe, message);
  return definition;
}

}  // namespace moka
