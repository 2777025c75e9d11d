// The descriptors that travel inside libmoka and inside plugins.
#include "layer/descriptor_set.h"

#include <google/protobuf/descriptor.h>

#include <map>
#include <set>

#include "moka/error.h"

namespace moka {

namespace pb = google::protobuf;

namespace {

class FirstError final : public pb::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string& file, const std::string& element, const pb::Message*,
                ErrorLocation, const std::string& message) override {
    if (text.empty()) text = file + ": " + (element == file ? "" : element + ": ") + message;
  }
  std::string text;
};

// Builds each file after those it imports.
class Builder {
 public:
  // Of two files of one name the first counts, as in the grammar.
  void Add(pb::FileDescriptorProto file) {
    file.mutable_options()->clear_optimize_for();
    file.clear_service();
    const std::string name = file.name();
    waiting_.emplace(name, std::move(file));
  }
  void Build(const std::string& name) {
    auto found = waiting_.extract(name);
    if (found.empty()) return;
    for (const std::string& import : found.mapped().dependency()) Build(import);
    FirstError errors;
    if (pool_.BuildFileCollectingErrors(found.mapped(), &errors) == nullptr)
      throw Error("its messages do not fit into the grammar: ", errors.text);
  }

 private:
  std::map<std::string, pb::FileDescriptorProto> waiting_;
  pb::DescriptorPool pool_;
};

}  // namespace

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

void CheckThatItBuilds(const SchemaOrigin& origin) {
  Builder builder;
  std::set<std::string> names;
  for (const std::string& bytes : origin.descriptor_sets) {
    pb::FileDescriptorSet set = ReadDescriptorSet(bytes);
    for (pb::FileDescriptorProto& file : *set.mutable_file()) {
      names.insert(file.name());
      builder.Add(std::move(file));
    }
  }
  // Of the host's files only those are built that are imported: an origin's own messages may have
  // the names of others.
  pb::FileDescriptorSet host = ReadDescriptorSet(HostSchema());
  for (pb::FileDescriptorProto& file : *host.mutable_file()) builder.Add(std::move(file));
  for (const std::string& name : names) builder.Build(name);
}

}  // namespace moka
