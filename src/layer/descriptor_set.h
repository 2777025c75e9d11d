// The descriptors that travel inside libmoka and inside plugins: serialised FileDescriptorSets.
#pragma once

#include <google/protobuf/descriptor.pb.h>

#include <string>
#include <string_view>

#include "moka/registry.h"

namespace moka {

// The bytes of proto/moka/*.proto; generated.
std::string_view HostSchema();

// Throws Error if the bytes are no FileDescriptorSet.
google::protobuf::FileDescriptorSet ReadDescriptorSet(std::string_view bytes);

// Calls visit(full name, message) for each message of the files, the nested ones too.
template <typename Visit>
void ForEachMessage(const google::protobuf::FileDescriptorSet& set, const Visit& visit) {
  auto descend = [&](auto& self, const std::string& scope,
                     const google::protobuf::DescriptorProto& message) -> void {
    const std::string name = scope.empty() ? message.name() : scope + "." + message.name();
    visit(name, message);
    for (const auto& nested : message.nested_type()) self(self, name, nested);
  };
  for (const auto& file : set.file()) {
    for (const auto& message : file.message_type()) descend(descend, file.package(), message);
  }
}

// What a message of `origin` is made of: its fields and those of all messages and enums below it.
// Two messages of the same definition are the same on the wire and in text. Empty if the origin
// does not describe it.
std::string Definition(const SchemaOrigin& origin, const std::string& message);

// Throws Error, with the reason, unless the files that an origin brought fit together and with the
// host's: what they import is there, and so is every type that a field has.
void CheckThatItBuilds(const SchemaOrigin& origin);

}  // namespace moka
