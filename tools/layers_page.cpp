// docs/layers.md: what there is to know of each layer, out of the registry.
#include <fmt/format.h>

#include <cctype>
#include <regex>

#include "explain.h"

namespace moka::tool {
namespace {

bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

// Text that Markdown shows as it is. A star or an underscore needs a stroke only where it could
// begin or end what is emphasised.
std::string Escaped(const std::string& text) {
  std::string escaped;
  for (size_t i = 0; i < text.size(); ++i) {
    const char before = i > 0 ? text[i - 1] : ' ', after = i + 1 < text.size() ? text[i + 1] : ' ';
    bool special = std::string_view("\\<[|").find(text[i]) != std::string_view::npos;
    if (text[i] == '*') special = before != ' ' || after != ' ';
    if (text[i] == '_') special = !IsWord(before) || !IsWord(after);
    if (special) escaped += '\\';
    escaped += text[i];
  }
  return escaped;
}

std::string FirstSentence(const std::string& paragraph) {
  static const std::regex end(R"(\. [A-Z])");
  std::smatch match;
  if (!std::regex_search(paragraph, match, end)) return paragraph;
  return paragraph.substr(0, static_cast<size_t>(match.position()) + 1);
}

std::string TypeInCode(const FieldHelp& field) {
  std::string values = field.repeated ? "repeated " : "";
  size_t from = 0;
  for (size_t bar; (bar = field.type.find(" | ", from)) != std::string::npos; from = bar + 3) {
    values += field.type.substr(from, bar - from) + ", ";
  }
  return "`" + values + field.type.substr(from) + "`";
}

void PrintMessage(const MessageHelp& message) {
  fmt::print("\n`{}`{}\n\n", message.field,
             message.comment.empty() ? "" : ": " + Escaped(message.comment));
  if (message.fields.empty()) {
    fmt::print("It has no fields.\n");
    return;
  }
  fmt::print("| field | type | default | meaning |\n|---|---|---|---|\n");
  for (const FieldHelp& field : message.fields) {
    const std::string value = field.default_value.empty() ? "" : "`" + field.default_value + "`";
    fmt::print("| `{}` | {} | {} | {} |\n", field.name, TypeInCode(field), value,
               Escaped(field.comment));
  }
}

void PrintType(const Registry& registry, const NetSchema& schema, const LayerType& type) {
  fmt::print("\n## {}\n", type.name);
  for (const std::string& paragraph : Paragraphs(registry.comment(type.name), type.name))
    fmt::print("\n{}\n", Escaped(paragraph));
  fmt::print("\n");
  for (const std::string& line : TraitsInWords(registry, type, Reader::kAuthor))
    fmt::print("- {}\n", Escaped(line.substr(line.find_first_not_of(' '))));
  if (type.origin != "built in") fmt::print("- in the plugin `{}`\n", type.package);
  for (const MessageHelp& message : schema.Describe(type)) PrintMessage(message);
}

}  // namespace

void PrintLayersPage(const Registry& registry) {
  const NetSchema schema(registry);
  fmt::print(
      "# The layers\n\n"
      "Made by `moka layers --markdown` from the sources of the layers and their protos; `moka "
      "layers "
      "TYPE`\nshows one of them. \"Backward reads\" and \"may work in place\" are what the layer "
      "declares; the net\nworks out from them where memory is shared, whatever names the file "
      "gives "
      "its tops.\n\n");
  for (const std::string& type : registry.types()) {
    std::string link;
    for (const char c : type) link += static_cast<char>(std::tolower(c));
    const auto paragraphs = Paragraphs(registry.comment(type), type);
    fmt::print("- [{}](#{}){}\n", type, link,
               paragraphs.empty() ? "" : ": " + Escaped(FirstSentence(paragraphs[0])));
  }
  for (const std::string& type : registry.types()) PrintType(registry, schema, registry.Get(type));
}

}  // namespace moka::tool
