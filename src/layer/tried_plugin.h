// Plugins that ship with Moka: the build has tried them, and noted which file with which library.
#pragma once

#include <string>

namespace moka {

// Whether the note beside the plugin, FILE.tried, is about just this file and just this library. It
// counts in the library's own folder of plugins only. Throws nothing.
bool WasTriedByTheBuild(const std::string& path);

// Tries the plugin as LoadPlugin does, and writes the note. Throws Error.
void TryForTheBuild(const std::string& path);

}  // namespace moka
