// Where the files lie that were installed beside the library.
#pragma once

#include <string>

namespace moka {

// The program that tries plugins. If it is missing, where it should be.
std::string ProbePath();

// The folder whose plugins are loaded by themselves. It may be missing.
std::string InstalledPluginFolder();

}  // namespace moka
