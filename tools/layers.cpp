// moka layers: what layer types there are, and what each of them takes.
#include <fmt/format.h>

#include <map>

#include "command.h"
#include "flags.h"
#include "moka/description.h"
#include "moka/plugin.h"

namespace moka::tool {
namespace {

void ListTypes(const Registry& registry) {
  std::map<std::string, std::vector<std::string>> by_origin;
  for (const std::string& type : registry.types())
    by_origin[registry.Get(type).origin].push_back(type);
  for (const auto& [origin, types] : by_origin) {
    fmt::print("{}:\n", origin);
    for (const std::string& type : types) {
      std::string fields;
      for (const FieldInfo& field : registry.Get(type).fields)
        fields += (fields.empty() ? "" : ", ") + field.name;
      fmt::print("  {:<20} {}\n", type, fields);
    }
  }
}

std::string Range(int least, int most, const char* what) {
  const auto plural = [&](int n) { return n == 1 ? "" : "s"; };
  if (most >= LayerTraits::kAnyNumber) return fmt::format("{} or more {}s", least, what);
  if (least == most) return fmt::format("{} {}{}", least, what, plural(least));
  return fmt::format("{} to {} {}s", least, most, what);
}

// Comments of several lines become one paragraph, indented.
std::string OneLine(std::string text) {
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  while (!text.empty() && text.front() == ' ') text.erase(text.begin());
  return text;
}

void Explain(const Registry& registry, const LayerType& type) {
  const NetSchema schema(registry);
  LayerDescription description;
  description.common.set_type(type.name);
  const LayerTraits traits = type.traits(LayerSpec(description, registry));
  fmt::print("{} ({})\n  {}, {}\n", type.name, type.origin,
             Range(traits.least_bottoms(), traits.most_bottoms(), "bottom"),
             Range(traits.least_tops(), traits.most_tops(), "top"));
  if (traits.any_loss()) fmt::print("  a loss\n");
  if (!traits.has_backward() && !traits.fed_from_outside() && traits.most_bottoms() > 0)
    fmt::print("  no gradient\n");
  for (const MessageHelp& message : schema.Describe(type)) {
    fmt::print("\n{} {{ }}{}\n", message.field,
               message.comment.empty() ? "" : "  # " + OneLine(message.comment));
    for (const FieldHelp& field : message.fields) {
      const std::string declared =
          fmt::format("{}{}", field.repeated ? "repeated " : "", field.type);
      const std::string value = field.default_value.empty() ? "" : " = " + field.default_value;
      fmt::print("  {:<20} {}{}\n", field.name, declared, value);
      if (!field.comment.empty()) fmt::print("  {:<20}   {}\n", "", OneLine(field.comment));
    }
  }
}

}  // namespace

int RunLayers(const Arguments& arguments) {
  const Registry registry = LoadRegistry(SplitCommas(FLAGS_plugin));
  if (arguments.empty()) {
    ListTypes(registry);
  } else {
    Explain(registry, registry.Get(arguments[0]));
  }
  return 0;
}

}  // namespace moka::tool
