// The version of Moka, and that of the interface that plugins are compiled against. As macros, so
// that a plugin can serve several versions with #if.
#pragma once

#define MOKA_VERSION "0.1.0"

// Another major: plugins must be built anew. A higher minor: something was added.
#define MOKA_PLUGIN_API_MAJOR 3
#define MOKA_PLUGIN_API_MINOR 0
