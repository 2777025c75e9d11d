// moka plugin inspect: what a plugin was built with, what it brings, and which parameters that
// takes.
#include <fmt/format.h>
#include <google/protobuf/stubs/common.h>

#include <array>
#include <cstdio>

#include "explain.h"
#include "moka/error.h"
#include "moka/plugin.h"
#include "moka/plugin_files.h"
#include "moka/version.h"
#include "plugin.h"

namespace moka::tool {
namespace {

std::string Version(uint32_t major, uint32_t minor) { return fmt::format("{}.{}", major, minor); }

void PrintFacts(const std::string& path, const PluginInfo& info) {
  using Row = std::array<std::string, 3>;
  const std::string none = "not told";
  const auto or_none = [&](const std::string& text) { return text.empty() ? none : text; };
  const std::string protobuf = google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION);
  const std::vector<Row> rows = {
      {"", "plugin", "this Moka"},
      {"package", or_none(info.package), ""},
      {"Moka", or_none(info.library_version), MOKA_VERSION},
      {"plugin API", Version(info.api_major, info.api_minor),
       Version(kPluginApiMajor, kPluginApiMinor)},
      {"C++ ABI", std::to_string(info.cxx_abi), std::to_string(kPluginCxxAbi)},
      {"protobuf", or_none(info.protobuf), protobuf},
      {"compiler", or_none(info.compiler), __VERSION__},
  };
  size_t width = 0;
  for (const Row& row : rows) width = std::max(width, row[1].size());
  fmt::print("{}\n", path);
  for (const Row& row : rows) {
    if (row[2].empty()) {
      fmt::print("  {:<10}  {}\n", row[0], row[1]);
    } else {
      fmt::print("  {:<10}  {:<{}}  {}\n", row[0], row[1], width, row[2]);
    }
  }
}

void PrintTypes(const Registry& registry, const std::string& origin) {
  const NetSchema schema(registry);
  bool any = false;
  for (const std::string& name : LayersFrom(registry, origin)) {
    const LayerType& type = registry.Get(name);
    fmt::print("\nlayer {}\n", name);
    for (const std::string& line : TraitsInWords(registry, type, Reader::kAuthor))
      fmt::print("  {}\n", line);
    PrintParams(schema.Describe(type), "  ");
    any = true;
  }
  ForEachOtherKind(registry, [&](const char* one, const char*, const auto& types) {
    for (const auto* type : types) {
      if (type->origin != origin) continue;
      fmt::print("\n{} {}\n", one, type->name);
      const std::vector<MessageHelp> params = schema.Describe(*type);
      if (params.empty()) fmt::print("  no parameters of its own\n");
      PrintParams(params, "  ");
      any = true;
    }
  });
  if (!any) fmt::print("\nbrings nothing\n");
}

}  // namespace

int InspectPlugin(const std::string& path) {
  const PluginInfo info = ReadPluginInfo(path);
  PrintFacts(path, info);
  std::fflush(stdout);  // before a reason on stderr
  if (!info.problem.empty()) throw Error("plugin ", path, ": ", info.problem);
  // Alone, so that types which are there already can be explained, too.
  Registry alone;
  LoadPlugin(path, alone);
  PrintTypes(alone, path);
  std::fflush(stdout);
  Registry others = RegistryWithoutPlaces();
  LoadPlugin(path, others);
  return 0;
}

}  // namespace moka::tool
