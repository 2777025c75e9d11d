// How a shared library brings layers: one C function that returns one plain struct.
// moka_add_plugin() (CMake) writes it; an author writes only   void RegisterPlugin(moka::Registry&
// registry) { registry.Add<Snake>("Snake", ...); }
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "moka/export.h"
#include "moka/registry.h"
#include "moka/version.h"

namespace moka {

inline constexpr uint32_t kPluginApiMajor = MOKA_PLUGIN_API_MAJOR;
inline constexpr uint32_t kPluginApiMinor = MOKA_PLUGIN_API_MINOR;

// What the plugin was built with, and what it does. Plain C: readable before anything else about
// the plugin is known to fit. Fields are only ever added at its end, whatever the API's version;
// struct_size says which there are.
struct MokaPluginInfo {
  uint64_t magic;               // kPluginMagic
  uint32_t struct_size;         // sizeof(MokaPluginInfo)
  uint32_t api_major;           // must equal the host's
  uint32_t api_minor;           // informational
  uint32_t cxx_abi;             // __GXX_ABI_VERSION and the libstdc++ ABI, must equal the host's
  uint32_t protobuf;            // GOOGLE_PROTOBUF_VERSION, must equal the host's
  const char* library_version;  // of the Moka it was built against, informational
  // Registers everything into *registry (a moka::Registry). Returns nullptr, or an error text that
  // stays valid.
  const char* (*register_all)(void* registry);
  // Since 2.0.
  const char* package;   // the plugin's name, a C identifier
  const char* compiler;  // __VERSION__, informational
};

inline constexpr uint64_t kPluginMagic = 0x316e6967756c704d;  // "Mplugin1"
// The C++ ABI that this translation unit is compiled for: the compiler's version of it, and
// libstdc++'s.
#ifdef _GLIBCXX_USE_CXX11_ABI
inline constexpr uint32_t kPluginCxxAbi = __GXX_ABI_VERSION * 2 + _GLIBCXX_USE_CXX11_ABI;
#else
inline constexpr uint32_t kPluginCxxAbi = __GXX_ABI_VERSION * 2;
#endif
inline constexpr const char* kPluginEntry = "moka_plugin_info";

// Loads a plugin and registers what it brings into `registry`: all of it or, on Error, nothing.
// First the program moka-probe loads it in a process of its own, where it may crash, end the
// process or hang (for 10 s, or MOKA_PLUGIN_TIMEOUT seconds). Throws Error naming file and reason:
// not found, not a shared library, writable by anybody, an undefined symbol, no moka_plugin_info,
// another API or ABI, a type that exists, messages that do not fit into the grammar. The library is
// never unloaded. Files come from --plugin, MOKA_PLUGIN_PATH and the install directory only, never
// from a net or solver file.
MOKA_EXPORT void LoadPlugin(const std::string& path, Registry& registry);

// BuiltinLayers() and all plugins of `paths`, of the install directory and of MOKA_PLUGIN_PATH
// (colon-separated directories), in this order. One that lies in these directories is left out if
// `paths` have one of the same package: the version that its author is working on.
MOKA_EXPORT Registry LoadRegistry(const std::vector<std::string>& paths);

}  // namespace moka
