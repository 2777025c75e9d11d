// moka layers: what layer types there are, and what each of them takes.
#include <fmt/format.h>

#include <map>

#include "command.h"
#include "explain.h"
#include "flags.h"
#include "moka/plugin.h"

namespace moka::tool {
namespace {

void ListTypes(const Registry& registry) {
  const auto key = [](const std::string& origin) {  // what is built in comes first
    return std::pair(origin != "built in", origin);
  };
  std::map<std::pair<bool, std::string>, std::vector<std::string>> by_origin;
  for (const std::string& type : registry.types())
    by_origin[key(registry.Get(type).origin)].push_back(type);
  for (const auto& [origin, types] : by_origin) {
    fmt::print("{}:\n", origin.second);
    for (const std::string& type : types) {
      std::vector<std::string> fields;
      for (const FieldInfo& field : registry.Get(type).fields) fields.push_back(field.name);
      fmt::print("  {}\n",
                 fields.empty() ? type : fmt::format("{:<24} {}", type, Join(fields, ", ")));
    }
  }
  fmt::print("\n");
  ForEachOtherKind(registry, [](const char*, const char* several, const auto& types) {
    std::vector<std::string> names;
    for (const auto* type : types) {
      names.push_back(type->name +
                      (type->origin == "built in" ? "" : fmt::format(" ({})", type->origin)));
    }
    if (!names.empty()) fmt::print("{}: {}\n", several, Join(names, ", "));
  });
}

void Explain(const Registry& registry, const LayerType& type) {
  fmt::print("{} ({})\n", type.name, type.origin);
  const std::vector<std::string> comment = Paragraphs(registry.comment(type.name), type.name);
  for (const std::string& paragraph : comment) PrintWrapped(paragraph, "  ");
  if (!comment.empty()) fmt::print("\n");
  for (const std::string& line : TraitsInWords(registry, type, Reader::kUser))
    fmt::print("  {}\n", line);
  PrintParams(NetSchema(registry).Describe(type), "");
}

// A filler, a solver or the like of that name; false if there is none.
bool ExplainOther(const Registry& registry, const std::string& name) {
  bool found = false;
  ForEachOtherKind(registry, [&](const char* one, const char*, const auto& types) {
    for (const auto* type : types) {
      if (type->name != name && type->package + '.' + type->name != name) continue;
      fmt::print("{}{}, a {} ({})\n", found ? "\n" : "", type->name, one, type->origin);
      const std::vector<MessageHelp> params = NetSchema(registry).Describe(*type);
      if (params.empty()) fmt::print("  no parameters of its own\n");
      PrintParams(params, "");
      found = true;
    }
  });
  return found;
}

}  // namespace

int RunLayers(const Arguments& arguments) {
  const Registry registry = LoadRegistry(SplitCommas(FLAGS_plugin));
  if (FLAGS_markdown) {
    if (!arguments.empty())
      throw UsageError("--markdown is for all types; leave out " + arguments[0]);
    PrintLayersPage(registry);
  } else if (arguments.empty()) {
    ListTypes(registry);
  } else if (registry.Find(arguments[0]) != nullptr || !ExplainOther(registry, arguments[0])) {
    Explain(registry, registry.Get(arguments[0]));
  }
  return 0;
}

}  // namespace moka::tool
