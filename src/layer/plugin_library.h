// Loading a plugin into this process, whatever it does there.
#pragma once

#include <string>

#include "moka/plugin.h"
#include "moka/plugin_files.h"

namespace moka {

// All that can be refused before any code of the file runs. Throws Error without the file's name,
// as all functions here.
void CheckPluginFile(const std::string& path);

// Loads the library, lets it register into `registry`, all of it or nothing, and returns its
// package. What follows from foreign code, follows here.
std::string RegisterPluginHere(const std::string& path, Registry& registry);

// Loads the library and reads what it says of itself.
PluginInfo ReadPluginInfoHere(const std::string& path);

}  // namespace moka
