// A description as prototxt.
#include <google/protobuf/stubs/strutil.h>
#include <google/protobuf/text_format.h>

#include "net/schema_impl.h"

namespace moka {
namespace {

namespace pb = google::protobuf;

// Extensions under their plain names, as they are read; and text as UTF-8.
class PlainNames final : public pb::TextFormat::FastFieldValuePrinter {
 public:
  void PrintString(const std::string& value,
                   pb::TextFormat::BaseTextGenerator* text) const override {
    text->PrintString('"' + pb::strings::Utf8SafeCEscape(value) + '"');
  }
  void PrintFieldName(const pb::Message&, int, int, const pb::Reflection*,
                      const pb::FieldDescriptor* field,
                      pb::TextFormat::BaseTextGenerator* text) const override {
    text->PrintString(field->name());
  }
};

std::string Print(pb::Message& message, int indent) {
  pb::TextFormat::Printer printer;
  printer.SetDefaultFieldValuePrinter(new PlainNames());  // which the printer owns
  printer.SetInitialIndentLevel(indent);
  message.DiscardUnknownFields();  // they have no names
  std::string text;
  printer.PrintToString(message, &text);
  return text;
}

// The bytes as a message of the grammar, so that it can be printed.
std::unique_ptr<pb::Message> Parse(const Grammar& grammar, const pb::Descriptor& type,
                                   const std::string& bytes) {
  std::unique_ptr<pb::Message> message = grammar.New(type);
  if (!message->ParsePartialFromString(bytes))
    throw Error("the bytes are no ", Grammar::PlainName(type));
  return message;
}

std::string PrintLayer(const Grammar& grammar, const LayerDescription& layer) {
  std::string text =
      "layer {\n" +
      Print(*Parse(grammar, grammar.layer(), layer.common.SerializePartialAsString()), 1);
  for (const ParamMessage& param :
       layer.params) {  // in the file's order, which is not that of the numbers
    const pb::FieldDescriptor* field = grammar.FindParam(param.field);
    if (field == nullptr) throw Error(layer.Label(), ": no layer here has the field ", param.field);
    text += "  " + param.field + " {\n" +
            Print(*Parse(grammar, *field->message_type(), param.bytes), 2) + "  }\n";
  }
  return text + "}\n";
}

}  // namespace

std::string NetSchema::PrintNet(const NetDescription& net) const {
  const Grammar& grammar = impl_->grammar;
  const auto top = grammar.New(grammar.net());
  const pb::Reflection& reflection = *top->GetReflection();
  auto field = [&](const char* name) { return grammar.net().FindFieldByName(name); };
  if (!net.name.empty()) reflection.SetString(top.get(), field("name"), net.name);
  if (net.force_backward) reflection.SetBool(top.get(), field("force_backward"), true);
  if (const std::string state = net.state.SerializePartialAsString(); !state.empty()) {
    reflection.MutableMessage(top.get(), field("state"))->ParsePartialFromString(state);
  }
  for (const std::string& plugin : net.requires_plugins) {
    reflection.AddString(top.get(), field("requires_plugin"), plugin);
  }
  std::string text = Print(*top, 0);
  for (const LayerDescription& layer : net.layers) text += PrintLayer(grammar, layer);
  return text;
}

}  // namespace moka
