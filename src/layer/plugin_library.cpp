// Loading a plugin into this process: dlopen, look at its description, let it register into a copy.
#include "layer/plugin_library.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <google/protobuf/stubs/common.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "layer/descriptor_set.h"
#include "layer/shared_object.h"

namespace moka {
namespace {

namespace fs = std::filesystem;

// How much of a description there is at least, in any version and since plugin API 2.0.
constexpr size_t kLeastEver = offsetof(MokaPluginInfo, register_all) + sizeof(void*);
constexpr size_t kLeastInfo = offsetof(MokaPluginInfo, compiler) + sizeof(const char*);

// 3021012 -> "3.21.12"
std::string ProtobufVersion(uint32_t number) {
  return std::to_string(number / 1000000) + '.' + std::to_string(number / 1000 % 1000) + '.' +
         std::to_string(number % 1000);
}

std::string PluginApi() {
  return std::to_string(kPluginApiMajor) + '.' + std::to_string(kPluginApiMinor);
}

// Whether a mangled name lies in namespace moka: a function, or a class's vtable, typeinfo, ...
bool IsOfMoka(std::string_view mangled) {
  const auto skip = [&](std::string_view start) {
    const bool there = mangled.substr(0, start.size()) == start;
    if (there) mangled.remove_prefix(start.size());
    return there;
  };
  if (!skip("_Z")) return false;
  for (const std::string_view kind : {"TV", "TT", "TI", "TS", "GV", "Z"}) {
    if (skip(kind)) break;
  }
  if (!skip("N")) return false;
  while (skip("K") || skip("V") || skip("R") || skip("O")) continue;
  return skip("4moka");
}

// What the dynamic linker says, without the path, and with the C++ name of a symbol that is
// missing.
std::string LinkerWords(const std::string& file) {
  const char* reported = dlerror();
  std::string words = reported == nullptr ? "unknown reason" : reported;
  if (words.rfind(file + ": ", 0) == 0) words.erase(0, file.size() + 2);
  const std::string start = "undefined symbol: ";
  if (words.rfind(start, 0) != 0) return words;
  const std::string symbol = words.substr(start.size());
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), &std::free);
  if (status == 0) words = start + name.get();
  if (IsOfMoka(symbol)) {
    words += "; this Moka (" MOKA_VERSION ", plugin API " + PluginApi() +
             ") does not have it: was the plugin built for a newer one?";
  }
  return words;
}

// Where the library lies, as a path with a slash: without one, dlopen would look into the system's
// folders.
std::string FilePath(const std::string& path) {
  return path.find('/') == std::string::npos ? "./" + path : path;
}

// The plugin's description; fields that it does not have are 0.
MokaPluginInfo Open(const std::string& path) {
  const std::string file = FilePath(path);
  void* library =
      dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);  // never closed: layers' code stays in use
  if (library == nullptr) throw Error("cannot be loaded: ", LinkerWords(file));
  using Entry = const MokaPluginInfo* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(library, kPluginEntry));
  if (entry == nullptr) throw Error("no plugin of Moka: it has no function ", kPluginEntry);
  const MokaPluginInfo* theirs = entry();
  if (theirs == nullptr || theirs->magic != kPluginMagic)
    throw Error("no plugin of Moka: ", kPluginEntry, " gives something else");
  if (theirs->struct_size < kLeastEver) {
    throw Error("no plugin of Moka: its description has ", theirs->struct_size,
                " bytes, less than any");
  }
  MokaPluginInfo info = {};
  std::memcpy(&info, theirs, std::min<size_t>(theirs->struct_size, sizeof info));
  return info;
}

bool IsIdentifier(const char* name) {
  if (name == nullptr || *name == '\0' || std::isdigit(static_cast<unsigned char>(*name)) != 0)
    return false;
  return std::all_of(name, name + std::strlen(name),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

void CheckInfo(const MokaPluginInfo& info) {
  const char* rebuild = ": rebuild it with this version's headers";
  if (info.api_major != kPluginApiMajor) {
    throw Error("built for plugin API ", info.api_major, ", this is ", kPluginApiMajor, rebuild);
  }
  if (info.struct_size < kLeastInfo) {
    throw Error("its description has ", info.struct_size, " bytes, less than the ", kLeastInfo,
                " of plugin API ", kPluginApiMajor, ".0", rebuild);
  }
  if (info.cxx_abi != kPluginCxxAbi) {
    throw Error("built for C++ ABI ", info.cxx_abi, ", this is ", kPluginCxxAbi,
                ": rebuild it with the compiler of this Moka");
  }
  if (info.protobuf != GOOGLE_PROTOBUF_VERSION) {
    throw Error("built with protobuf ", ProtobufVersion(info.protobuf), ", this is ",
                ProtobufVersion(GOOGLE_PROTOBUF_VERSION),
                ": rebuild it with the protobuf of this Moka");
  }
  if (!IsIdentifier(info.package)) {
    throw Error("its package \"", info.package == nullptr ? "" : info.package,
                "\" is no identifier as in C");
  }
  if (info.register_all == nullptr) throw Error("no plugin of Moka: it has nothing to register");
}

bool AnybodyMayWrite(const fs::path& path, bool unless_sticky) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0 || (status.st_mode & S_IWOTH) == 0) return false;
  return !(unless_sticky && (status.st_mode & S_ISVTX) != 0);
}

// Only who may change the library's files may decide which code runs. In a sticky folder, as /tmp
// is, files can be replaced by their owners only.
void RefuseIfWritableByAll(const std::string& path) {
  if (AnybodyMayWrite(path, false)) throw Error("anybody may write to it: refused (chmod o-w)");
  std::error_code ignored;
  for (const fs::path& file : {fs::path(FilePath(path)), fs::canonical(path, ignored)}) {
    if (AnybodyMayWrite(file.parent_path(), true)) {
      throw Error("anybody may replace it, since anybody may write to ",
                  file.parent_path().string(), ": refused (chmod o-w)");
    }
  }
}

}  // namespace

void CheckPluginFile(const std::string& path) {
  CheckSharedObject(path);
  RefuseIfWritableByAll(path);
}

std::string RegisterPluginHere(const std::string& path, Registry& registry) {
  const MokaPluginInfo info = Open(path);
  CheckInfo(info);
  Registry copy = registry;
  copy.SetOrigin(path, info.package);
  if (const char* reason = info.register_all(&copy)) throw Error(reason);
  for (const SchemaOrigin& schema : copy.schemas()) {
    if (schema.origin == path) CheckThatItBuilds(schema);
  }
  copy.SetOrigin(registry.origin(), registry.package());
  registry = std::move(copy);
  return info.package;
}

PluginInfo ReadPluginInfoHere(const std::string& path) {
  const MokaPluginInfo theirs = Open(path);
  const auto text = [](const char* words) { return std::string(words == nullptr ? "" : words); };
  PluginInfo info;
  info.api_major = theirs.api_major;
  info.api_minor = theirs.api_minor;
  info.cxx_abi = theirs.cxx_abi;
  info.protobuf = ProtobufVersion(theirs.protobuf);
  info.library_version = text(theirs.library_version);
  info.package = text(theirs.package);
  info.compiler = text(theirs.compiler);
  try {
    CheckInfo(theirs);
  } catch (const Error& error) {
    info.problem = error.message();
  }
  return info;
}

}  // namespace moka
