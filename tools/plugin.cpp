// moka plugin: which plugins there are, what one brings, and whether its layers keep their
// contract.
#include "plugin.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <set>

#include "explain.h"
#include "flags.h"
#include "moka/error.h"
#include "moka/plugin.h"
#include "moka/plugin_files.h"

namespace moka::tool {
namespace {

namespace fs = std::filesystem;

// "layers: Snake; fillers: orthogonal"
std::string WhatItBrings(const Registry& registry, const std::string& origin) {
  std::vector<std::string> kinds;
  const auto add = [&](const char* several, const std::vector<std::string>& names) {
    if (!names.empty()) kinds.push_back(fmt::format("{}: {}", several, Join(names, ", ")));
  };
  add("layers", LayersFrom(registry, origin));
  ForEachOtherKind(registry, [&](const char*, const char* several, const auto& types) {
    std::vector<std::string> names;
    for (const auto* type : types) {
      if (type->origin == origin) names.push_back(type->name);
    }
    add(several, names);
  });
  return kinds.empty() ? "nothing" : Join(kinds, "; ");
}

// Reasons that say what is to be done say "refused" themselves.
std::string Refusal(const std::string& reason) {
  return reason.find("refused") == std::string::npos ? "refused: " + reason : reason;
}

// Loads one plugin after the other, as every other command does; but goes on where they would stop.
class Listing {
 public:
  // What stands above the files of a place: its heading, and what else is to be said.
  void Heading(const std::string& text) {
    Flush();
    fmt::print("{}{}\n", first_ ? "" : "\n", text);
    first_ = false;
  }
  // `given`: named by --plugin; it takes the place of those of its package that lie elsewhere.
  void Add(const std::string& path, const std::string& shown, bool given) {
    Row row = {shown, "", "", ""};
    std::error_code missing;
    const fs::path real = fs::canonical(path, missing);
    if (!missing && !seen_.insert(real.string()).second) {
      row[3] = "(the same file as above)";
      rows_.push_back(row);
      return;
    }
    try {
      const PluginInfo info = ReadPluginInfo(path);
      row[1] = info.package;
      row[2] = info.library_version;
      row[3] = Load(path, info, given);
    } catch (const Error& error) {
      row[3] = Refusal(ReasonOf(path, error));
      ++refused_;
    }
    rows_.push_back(row);
  }
  void Refuse(const std::string& reason) {
    fmt::print("  {}\n", Refusal(reason));
    ++refused_;
  }
  void Flush() {
    if (rows_.empty()) return;
    rows_.insert(rows_.begin(), {"file", "package", "for Moka", "brings"});
    std::array<size_t, 3> widths = {};
    for (const Row& row : rows_) {
      for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    for (const Row& row : rows_) {
      fmt::print("  {:<{}}  {:<{}}  {:<{}}  {}\n", row[0], widths[0], row[1], widths[1], row[2],
                 widths[2], row[3]);
    }
    rows_.clear();
  }
  int refused() const { return refused_; }

 private:
  using Row = std::array<std::string, 4>;

  // What it brings, or why it does not.
  std::string Load(const std::string& path, const PluginInfo& info, bool given) {
    if (!given && given_.count(info.package) > 0)
      return fmt::format("nothing: --plugin names another {}", info.package);
    if (!info.problem.empty()) throw Error(info.problem);
    LoadPlugin(path, registry_);
    if (given) given_.insert(info.package);
    return WhatItBrings(registry_, path);
  }

  Registry registry_ = BuiltinLayers();
  std::set<std::string> seen_, given_;  // files; packages
  std::vector<Row> rows_;
  bool first_ = true;
  int refused_ = 0;
};

// Without the place in front, which stands in the heading.
std::string ProblemOf(const PluginPlace& place) {
  std::string problem = place.problem;
  for (const std::string& start : {place.why + ": ", place.folder + ": "}) {
    if (problem.rfind(start, 0) == 0) problem.erase(0, start.size());
  }
  return problem;
}

void ListPlace(const PluginPlace& place, Listing& listing) {
  std::error_code ignored;
  const char* empty = !place.problem.empty() || !place.files.empty() ? ""
                      : fs::exists(place.folder, ignored)            ? " (no plugins)"
                                                                     : " (no such folder)";
  listing.Heading(fmt::format("{}: {}{}", place.why, place.folder, empty));
  if (!place.problem.empty()) listing.Refuse(ProblemOf(place));
  for (const std::string& file : place.files)
    listing.Add(file, fs::path(file).filename().string(), false);
}

const std::vector<std::string>& Actions() {
  static const std::vector<std::string> actions = {"list", "inspect", "check"};
  return actions;
}

}  // namespace

std::string ReasonOf(const std::string& path, const Error& error) {
  const std::string& message = error.message();
  const std::string start = "plugin " + path + ": ";
  return message.rfind(start, 0) == 0 ? message.substr(start.size()) : message;
}

Registry RegistryWithoutPlaces() {
  Registry registry = BuiltinLayers();
  for (const std::string& path : SplitCommas(FLAGS_plugin)) LoadPlugin(path, registry);
  return registry;
}

int ListPlugins() {
  Listing listing;
  const std::vector<std::string> paths = SplitCommas(FLAGS_plugin);
  if (!paths.empty()) listing.Heading("--plugin");
  for (const std::string& path : paths) listing.Add(path, path, true);
  const std::vector<PluginPlace> places = PluginPlaces();
  for (const PluginPlace& place : places) ListPlace(place, listing);
  if (places.size() == 1) listing.Heading("MOKA_PLUGIN_PATH: not set");
  listing.Flush();
  if (listing.refused() == 0) return 0;
  fmt::print("\n{} refused; every other command stops at {}\n", listing.refused(),
             listing.refused() == 1 ? "it" : "the first of them");
  return 1;
}

int RunPlugin(const Arguments& arguments) {
  if (arguments.empty()) throw UsageError("moka plugin needs list, inspect FILE or check FILE");
  const std::string& action = arguments[0];
  if (action == "list") {
    if (arguments.size() == 1) return ListPlugins();
    throw UsageError(fmt::format(
        "moka plugin list does not know what to do with \"{0}\"; a file more is --plugin={0}",
        arguments[1]));
  }
  if (action != "inspect" && action != "check") {
    throw UsageError(
        fmt::format("there is no command \"plugin {}\"{}", action, DidYouMean(action, Actions())));
  }
  if (arguments.size() < 2) throw UsageError(fmt::format("moka plugin {} needs a FILE", action));
  if (action == "check")
    return CheckPlugin(arguments[1], Arguments(arguments.begin() + 2, arguments.end()));
  if (arguments.size() > 2) {
    throw UsageError(
        fmt::format("moka plugin inspect does not know what to do with \"{}\"", arguments[2]));
  }
  return InspectPlugin(arguments[1]);
}

}  // namespace moka::tool
