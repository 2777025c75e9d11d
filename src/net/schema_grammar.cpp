// Composing the grammar: prefix, add fields, build in the order of imports.
#include "net/schema_grammar.h"

#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "layer/descriptor_set.h"
#include "net/origin_files.h"

namespace moka {
namespace {

namespace pb = google::protobuf;

class Errors final : public pb::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string&, const std::string& element, const pb::Message*, ErrorLocation,
                const std::string& message) override {
    if (text.empty()) text = element + ": " + message;
  }
  void AddWarning(const std::string&, const std::string&, const pb::Message*, ErrorLocation,
                  const std::string&) override {}
  std::string text;
};

// Builds files, each after those it imports.
class Builder {
 public:
  explicit Builder(pb::DescriptorPool& pool) : pool_(pool) {}

  void Add(pb::FileDescriptorProto file, const std::string& origin) {
    file.mutable_options()->clear_optimize_for();
    const std::string name = file.name();
    waiting_.emplace(name, std::make_pair(std::move(file), origin));
  }
  void Build() {
    while (!waiting_.empty()) Build(waiting_.begin()->first);
  }

 private:
  void Build(const std::string& name) {
    const auto found = waiting_.find(name);
    if (found == waiting_.end()) return;
    const auto [file, origin] = std::move(found->second);
    waiting_.erase(found);
    for (const std::string& import : file.dependency()) Build(import);
    Errors errors;
    if (pool_.BuildFileCollectingErrors(file, &errors) == nullptr) {
      throw Error("the messages of ", origin, " do not fit into the grammar: ", errors.text);
    }
  }

  pb::DescriptorPool& pool_;
  std::map<std::string, std::pair<pb::FileDescriptorProto, std::string>> waiting_;
};

// The numbers of LayerParameter's fields in the pool: the wire number where it is free, another one
// where it is not.
class Numbers {
 public:
  explicit Numbers(const pb::DescriptorProto& message) {
    for (const auto& field : message.field()) taken_.insert(field.number());
  }
  int Take(int wanted) {
    while (!taken_.insert(wanted).second) wanted = wanted < 1 << 20 ? 1 << 20 : wanted + 1;
    return wanted;
  }

 private:
  std::set<int> taken_;
};

void AddField(pb::DescriptorProto& message, const std::string& name, int number,
              const std::string& type, bool repeated = false) {
  auto* field = message.add_field();  // at the end: the comments of the others stay where they are
  field->set_name(name);
  field->set_number(number);
  field->set_label(repeated ? pb::FieldDescriptorProto::LABEL_REPEATED
                            : pb::FieldDescriptorProto::LABEL_OPTIONAL);
  field->set_type(pb::FieldDescriptorProto::TYPE_MESSAGE);
  field->set_type_name(type);
}

// The fields of fillers, solvers and data sources. Unlike a layer's they are extensions, in a file
// of their own: the messages of a plugin may use moka.FillerParameter, which may then not import
// them back.
class Extensions {
 public:
  Extensions(const std::map<std::string, OriginFiles>& origins, const pb::FileDescriptorSet& host)
      : origins_(origins), host_(host) {}

  template <typename Type>
  void Add(const std::string& message, const std::vector<const Type*>& types) {
    pb::FileDescriptorProto& file = FileOf(message);
    for (const Type* type : types) {
      for (const FieldInfo& field : type->fields) {
        if (!added_.insert(message + ' ' + field.name).second) continue;
        const auto origin = origins_.find(type->origin);
        auto& extension = *file.add_extension();
        extension.set_extendee("." + message);
        extension.set_name(field.name);
        extension.set_number(field.number);
        extension.set_label(pb::FieldDescriptorProto::LABEL_OPTIONAL);
        extension.set_type(pb::FieldDescriptorProto::TYPE_MESSAGE);
        extension.set_type_name(origin == origins_.end() ? '.' + field.message
                                                         : origin->second.TypeName(field.message));
      }
    }
  }
  // Leaves room for them in a message of the host.
  void MakeRoom(pb::DescriptorProto& message, const std::string& full_name) const {
    if (files_.count(full_name) == 0) return;
    int highest = 0;
    for (const auto& field : message.field()) highest = std::max(highest, field.number());
    auto& range = *message.add_extension_range();
    range.set_start(highest + 1);
    range.set_end(pb::FieldDescriptor::kMaxNumber + 1);
  }
  const std::map<std::string, pb::FileDescriptorProto>& files() const { return files_; }

 private:
  pb::FileDescriptorProto& FileOf(const std::string& message) {
    pb::FileDescriptorProto& file = files_[message];
    if (file.has_name()) return file;
    file.set_name("moka_fields/" + message);
    file.set_package("moka_fields." + message);
    for (const auto& part : host_.file()) file.add_dependency(part.name());
    for (const auto& [name, origin] : origins_) {
      for (const auto& part : origin.files()) file.add_dependency(part.name());
    }
    return file;
  }

  const std::map<std::string, OriginFiles>& origins_;
  const pb::FileDescriptorSet& host_;
  std::map<std::string, pb::FileDescriptorProto> files_;  // by the message that they extend
  std::set<std::string> added_;
};

// Makes the file of the host that has the message an import of another one.
void Import(const pb::FileDescriptorSet& host, const std::string& message,
            pb::FileDescriptorProto& into) {
  for (const pb::FileDescriptorProto& file : host.file()) {
    const bool has = std::any_of(file.message_type().begin(), file.message_type().end(),
                                 [&](const pb::DescriptorProto& type) {
                                   return file.package() + '.' + type.name() == message;
                                 });
    const auto& imports = into.dependency();
    const bool is_there = file.name() == into.name() ||
                          std::find(imports.begin(), imports.end(), file.name()) != imports.end();
    if (has && !is_there) into.add_dependency(file.name());
  }
}

void AddParams(const Registry& registry, const std::map<std::string, OriginFiles>& origins,
               const pb::FileDescriptorSet& host, pb::FileDescriptorProto& layer_file) {
  for (const auto& [name, origin] : origins) {
    for (const auto& file : origin.files()) layer_file.add_dependency(file.name());
  }
  pb::DescriptorProto& layer = *std::find_if(
      layer_file.mutable_message_type()->begin(), layer_file.mutable_message_type()->end(),
      [](const pb::DescriptorProto& message) { return message.name() == "LayerParameter"; });
  Numbers numbers(layer);
  std::set<std::string> added;
  for (const std::string& type_name : registry.types()) {
    const LayerType& type = registry.Get(type_name);
    for (const FieldInfo& field : type.fields) {
      if (!added.insert(field.name).second) continue;
      const auto origin = origins.find(type.origin);
      const std::string message =
          origin == origins.end() ? '.' + field.message : origin->second.TypeName(field.message);
      AddField(layer, field.name, numbers.Take(field.number), message);
      Import(host, message.substr(1), layer_file);
    }
  }
}

}  // namespace

Grammar::Grammar(const Registry& registry) : registry_(registry), factory_(&pool_) {
  std::map<std::string, OriginFiles> origins;
  for (const SchemaOrigin& schema : registry_.schemas()) {
    origins.emplace(schema.origin, OriginFiles(schema, origins.size()));
  }
  Builder builder(pool_);
  for (const auto& [name, origin] : origins) {
    for (const auto& file : origin.files()) builder.Add(file, name);
  }
  pb::FileDescriptorSet host = ReadDescriptorSet(HostSchema());
  Extensions extensions(origins, host);
  extensions.Add("moka.FillerParameter", registry_.fillers());
  extensions.Add("moka.SolverParameter", registry_.update_rules());
  extensions.Add("moka.SolverParameter", registry_.learning_rate_policies());
  extensions.Add("moka.DataParameter", registry_.data_sources());
  for (pb::FileDescriptorProto& file : *host.mutable_file()) {
    for (pb::DescriptorProto& message : *file.mutable_message_type())
      extensions.MakeRoom(message, file.package() + '.' + message.name());
    if (file.name() == "moka/layer.proto") AddParams(registry_, origins, host, file);
    if (file.name() == "moka/solver.proto") {
      file.add_dependency("moka/net.proto");
      for (pb::DescriptorProto& message : *file.mutable_message_type()) {
        if (message.name() != "SolverParameter") continue;
        AddField(message, "net_param", 25, ".moka.NetParameter");
        AddField(message, "train_net_param", 21, ".moka.NetParameter");
        AddField(message, "test_net_param", 22, ".moka.NetParameter", true);
      }
    }
    builder.Add(file, "Moka");
  }
  for (const auto& [message, file] : extensions.files()) builder.Add(file, "Moka");
  builder.Build();
  net_ = pool_.FindMessageTypeByName("moka.NetParameter");
  layer_ = pool_.FindMessageTypeByName("moka.LayerParameter");
  solver_ = pool_.FindMessageTypeByName("moka.SolverParameter");
  filler_ = pool_.FindMessageTypeByName("moka.FillerParameter");
  data_ = pool_.FindMessageTypeByName("moka.DataParameter");
  for (const std::string& type : registry_.types()) {
    for (const FieldInfo& field : registry_.Get(type).fields) {
      params_[field.name] = layer_->FindFieldByName(field.name);
    }
  }
}

std::unique_ptr<pb::Message> Grammar::New(const pb::Descriptor& type) const {
  return std::unique_ptr<pb::Message>(factory_.GetPrototype(&type)->New());
}

bool Grammar::IsParam(const pb::FieldDescriptor& field) const {
  const auto found = params_.find(field.name());
  return found != params_.end() && found->second == &field;
}

const pb::FieldDescriptor* Grammar::FindParam(std::string_view field) const {
  const auto found = params_.find(field);
  return found == params_.end() ? nullptr : found->second;
}

int Grammar::WireNumber(std::string_view layer_type, std::string_view field) const {
  if (const LayerType* type = registry_.Find(layer_type)) {
    for (const FieldInfo& own : type->fields) {
      if (own.name == field) return own.number;
    }
  }
  const FieldInfo* any = registry_.FindField(field);
  return any == nullptr ? 0 : any->number;
}

std::string Grammar::WithoutPrefix(const std::string& full_name) {
  if (full_name.rfind(kOriginPrefix, 0) != 0) return full_name;
  return full_name.substr(full_name.find('.') + 1);
}

}  // namespace moka
