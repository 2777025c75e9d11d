// The descriptors that one origin brought, kept apart from those of the others.
#pragma once

#include <google/protobuf/descriptor.pb.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "moka/registry.h"

namespace moka {

// No package that protoc accepts collides with it in practice, and WithoutPrefix finds it again.
inline constexpr std::string_view kOriginPrefix = "moka_origin_";

// The files of one origin, with the prefix put in front of their names, their packages and all
// mentions of their types.
class OriginFiles {
 public:
  OriginFiles(const SchemaOrigin& schema, size_t index);

  const std::vector<google::protobuf::FileDescriptorProto>& files() const { return files_; }
  // The composed name of a message that a layer of this origin names: its own, or else the host's.
  std::string TypeName(const std::string& message) const {
    return types_.count(message) != 0 ? '.' + prefix_ + '.' + message : '.' + message;
  }

 private:
  template <typename Scope>
  void Collect(const Scope& scope, const std::string& name);
  void Add(const google::protobuf::DescriptorProto& message, const std::string& name);
  void Rename(google::protobuf::FileDescriptorProto& file) const;
  void Rename(google::protobuf::DescriptorProto& message) const;
  void Rename(google::protobuf::FieldDescriptorProto& field) const;
  // protoc writes all type names in full, with a dot in front.
  std::string Renamed(const std::string& type) const {
    return type.empty() || type[0] != '.' ? type : TypeName(type.substr(1));
  }

  std::string prefix_;
  std::vector<google::protobuf::FileDescriptorProto> files_;
  std::set<std::string> names_, types_;
};

}  // namespace moka
