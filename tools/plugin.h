// The parts of `moka plugin`.
#pragma once

#include <string>

#include "command.h"

namespace moka::tool {

// Each returns the exit status; throws Error.
int ListPlugins();
int InspectPlugin(const std::string& path);
// `types`: those to check; all if empty.
int CheckPlugin(const std::string& path, const Arguments& types);

// What is built in and what --plugin brings. Throws Error.
Registry RegistryWithoutPlaces();
// The reason of an Error, without "plugin PATH: " in front.
std::string ReasonOf(const std::string& path, const Error& error);

}  // namespace moka::tool
