// Where plugins lie, and what they tell of themselves: for programs that list and explain them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "moka/export.h"

namespace moka {

// A folder whose plugins LoadRegistry loads by itself.
struct PluginPlace {
  std::string folder;
  std::string why;                 // "install directory" or "MOKA_PLUGIN_PATH"
  std::vector<std::string> files;  // the .so files in it, by name; empty if there is a problem
  std::string problem;             // why LoadRegistry refuses the folder, or ""
};

// In the order of loading. The install directory, <libdir>/moka/plugins, comes first, and may be
// missing. Loads nothing, throws nothing.
MOKA_EXPORT std::vector<PluginPlace> PluginPlaces();

// What a plugin was built with, in its own words.
struct PluginInfo {
  uint32_t api_major = 0, api_minor = 0;
  uint32_t cxx_abi = 0;         // kPluginCxxAbi
  std::string protobuf;         // "3.21.12"
  std::string library_version;  // of the Moka it was built against
  std::string package;          // empty for plugins from before API 2.0
  std::string compiler;         // likewise
  std::string problem;          // why this Moka refuses it, or ""
};

// Asks the plugin in a process of its own and lets it register nothing, so this works as well where
// the versions do not fit. Throws Error, as LoadPlugin does, for what cannot be loaded at all, or
// is no plugin.
MOKA_EXPORT PluginInfo ReadPluginInfo(const std::string& path);

// What the program moka-probe does; nobody else calls it. Returns the exit status.
MOKA_EXPORT int RunPluginProbe(int argc, const char* const* argv);

}  // namespace moka
