// What `moka layers TYPE` tells: fields with types, defaults and comments, out of the descriptors.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/text_format.h>

#include <sstream>

#include "io/prototxt.h"
#include "net/schema_impl.h"

namespace moka {
namespace {

namespace pb = google::protobuf;

// What the author wrote above and behind a declaration, in one line.
template <typename Descriptor>
std::string Comment(const Descriptor& declaration) {
  pb::SourceLocation where;
  if (!declaration.GetSourceLocation(&where)) return "";
  std::istringstream words(where.leading_comments + " " + where.trailing_comments);
  std::string text, word;
  while (words >> word) text += (text.empty() ? "" : " ") + word;
  return text;
}

// An enum's own comment stands in for that of the only field that has its type.
std::string CommentOf(const pb::FieldDescriptor& field) {
  const std::string comment = Comment(field);
  return comment.empty() && field.enum_type() != nullptr ? Comment(*field.enum_type()) : comment;
}

std::string TypeOf(const pb::FieldDescriptor& field) {
  if (field.cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE)
    return Grammar::PlainName(*field.message_type());
  if (field.cpp_type() != pb::FieldDescriptor::CPPTYPE_ENUM) return field.cpp_type_name();
  std::string names;
  for (int i = 0; i < field.enum_type()->value_count(); ++i) {
    names += (i > 0 ? " | " : "") + field.enum_type()->value(i)->name();
  }
  return names;
}

// As it would stand in a file.
std::string DefaultOf(const Grammar& grammar, const pb::FieldDescriptor& field) {
  if (!field.has_default_value()) return "";
  std::string text;
  // An empty message answers with the default.
  const auto empty = grammar.New(*field.containing_type());
  pb::TextFormat::PrintFieldValueToString(*empty, &field, -1, &text);
  return text;
}

// The messages of the fields that `scope`, a message of the host, got for a type.
std::vector<MessageHelp> DescribeFields(const Grammar& grammar, const pb::Descriptor& scope,
                                        const std::vector<FieldInfo>& fields) {
  std::vector<MessageHelp> messages;
  for (const FieldInfo& param : fields) {
    const pb::Descriptor& type = *FindFieldOf(scope, param.name)->message_type();
    MessageHelp help{param.name, Comment(type), {}};
    for (int i = 0; i < type.field_count(); ++i) {
      const pb::FieldDescriptor& field = *type.field(i);
      help.fields.push_back({field.name(), TypeOf(field), DefaultOf(grammar, field),
                             field.is_repeated(), CommentOf(field), field.number()});
    }
    messages.push_back(std::move(help));
  }
  return messages;
}

}  // namespace

std::vector<MessageHelp> NetSchema::Describe(std::string_view layer_type) const {
  return Describe(impl_->grammar.registry().Get(layer_type));
}
std::vector<MessageHelp> NetSchema::Describe(const LayerType& type) const {
  return DescribeFields(impl_->grammar, impl_->grammar.layer(), type.fields);
}
std::vector<MessageHelp> NetSchema::Describe(const FillerType& type) const {
  return DescribeFields(impl_->grammar, impl_->grammar.filler(), type.fields);
}
std::vector<MessageHelp> NetSchema::Describe(const UpdateRuleType& type) const {
  return DescribeFields(impl_->grammar, impl_->grammar.solver(), type.fields);
}
std::vector<MessageHelp> NetSchema::Describe(const LearningRatePolicyType& type) const {
  return DescribeFields(impl_->grammar, impl_->grammar.solver(), type.fields);
}
std::vector<MessageHelp> NetSchema::Describe(const DataSourceType& type) const {
  return DescribeFields(impl_->grammar, impl_->grammar.data(), type.fields);
}

}  // namespace moka
