// The descriptors that one origin brought, kept apart from those of the others.
#include "net/origin_files.h"

#include <type_traits>

#include "layer/descriptor_set.h"

namespace moka {

namespace pb = google::protobuf;

OriginFiles::OriginFiles(const SchemaOrigin& schema, size_t index)
    : prefix_(std::string(kOriginPrefix) + std::to_string(index)) {
  for (const std::string& bytes : schema.descriptor_sets) {
    pb::FileDescriptorSet set = ReadDescriptorSet(bytes);
    for (pb::FileDescriptorProto& file : *set.mutable_file()) {
      if (names_.insert(file.name()).second) files_.push_back(std::move(file));
    }
  }
  for (const pb::FileDescriptorProto& file : files_) Collect(file, file.package());
  for (pb::FileDescriptorProto& file : files_) Rename(file);
}

template <typename Scope>
void OriginFiles::Collect(const Scope& scope, const std::string& name) {
  auto inside = [&](const std::string& inner) { return name.empty() ? inner : name + '.' + inner; };
  for (const auto& e : scope.enum_type()) types_.insert(inside(e.name()));
  if constexpr (std::is_same_v<Scope, pb::FileDescriptorProto>) {
    for (const auto& m : scope.message_type()) Add(m, inside(m.name()));
  } else {
    for (const auto& m : scope.nested_type()) Add(m, inside(m.name()));
  }
}

void OriginFiles::Add(const pb::DescriptorProto& message, const std::string& name) {
  types_.insert(name);
  Collect(message, name);
}

void OriginFiles::Rename(pb::FileDescriptorProto& file) const {
  file.set_name(prefix_ + '/' + file.name());
  file.set_package(file.package().empty() ? prefix_ : prefix_ + '.' + file.package());
  file.clear_service();
  for (std::string& import : *file.mutable_dependency()) {
    if (names_.count(import) != 0) import = prefix_ + '/' + import;
  }
  for (auto& message : *file.mutable_message_type()) Rename(message);
  for (auto& extension : *file.mutable_extension()) Rename(extension);
}

void OriginFiles::Rename(pb::DescriptorProto& message) const {
  for (auto& field : *message.mutable_field()) Rename(field);
  for (auto& extension : *message.mutable_extension()) Rename(extension);
  for (auto& nested : *message.mutable_nested_type()) Rename(nested);
}

void OriginFiles::Rename(pb::FieldDescriptorProto& field) const {
  if (field.has_type_name()) field.set_type_name(Renamed(field.type_name()));
  if (field.has_extendee()) field.set_extendee(Renamed(field.extendee()));
}

}  // namespace moka
