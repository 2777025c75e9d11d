// Loading plugins: look at the file, load it, look at its description, let it register into a copy.
#include <cxxabi.h>
#include <dlfcn.h>
#include <google/protobuf/stubs/common.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>

#include "layer/shared_object.h"
#include "moka/plugin.h"
#include "moka/version.h"

namespace moka {
namespace {

namespace fs = std::filesystem;

// 3021012 -> "3.21.12"
std::string ProtobufVersion(uint32_t number) {
  return std::to_string(number / 1000000) + '.' + std::to_string(number / 1000 % 1000) + '.' +
         std::to_string(number % 1000);
}

// What the dynamic linker says, without the path, and with the C++ name of a symbol that is
// missing.
std::string LinkerWords(const std::string& file) {
  const char* reported = dlerror();
  std::string words = reported == nullptr ? "unknown reason" : reported;
  if (words.rfind(file + ": ", 0) == 0) words.erase(0, file.size() + 2);
  const std::string start = "undefined symbol: ";
  if (words.rfind(start, 0) == 0) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> name(
        abi::__cxa_demangle(words.c_str() + start.size(), nullptr, nullptr, &status), &std::free);
    if (status == 0) words = start + name.get();
  }
  return words;
}

// Where the library lies, as a path with a slash: without one, dlopen would look into the system's
// folders.
std::string FilePath(const std::string& path) {
  return path.find('/') == std::string::npos ? "./" + path : path;
}

const MokaPluginInfo& LoadInfo(const std::string& path) {
  CheckSharedObject(path);
  const std::string file = FilePath(path);
  void* library =
      dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);  // never closed: layers' code stays in use
  if (library == nullptr) throw Error("cannot be loaded: ", LinkerWords(file));
  using Entry = const MokaPluginInfo* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(library, kPluginEntry));
  if (entry == nullptr) throw Error("no plugin of Moka: it has no function ", kPluginEntry);
  const MokaPluginInfo* info = entry();
  if (info == nullptr || info->magic != kPluginMagic)
    throw Error("no plugin of Moka: ", kPluginEntry, " gives something else");
  return *info;
}

void CheckInfo(const MokaPluginInfo& info) {
  const char* rebuild = ": rebuild it with this version's headers";
  if (info.api_major != kPluginApiMajor) {
    throw Error("built for plugin API ", info.api_major, ", this is ", kPluginApiMajor, rebuild);
  }
  if (info.struct_size != sizeof(MokaPluginInfo)) {
    throw Error("its description has ", info.struct_size, " bytes, not ", sizeof(MokaPluginInfo),
                rebuild);
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
  if (info.register_all == nullptr) throw Error("no plugin of Moka: it has nothing to register");
}

// Only who may change the library's files may decide which code runs.
void RefuseIfWritableByAll(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) == 0 && (status.st_mode & S_IWOTH) != 0) {
    throw Error("MOKA_PLUGIN_PATH: anybody may write to ", path, ": refused (chmod o-w)");
  }
}

// The plugins in the folders of MOKA_PLUGIN_PATH, by name within each.
std::vector<std::string> PluginsOnPath() {
  std::vector<std::string> plugins;
  const char* variable = std::getenv("MOKA_PLUGIN_PATH");
  std::string folders = variable == nullptr ? "" : variable;
  while (!folders.empty()) {
    const std::string folder = folders.substr(0, folders.find(':'));
    folders.erase(0, folder.size() + 1);
    if (folder.empty()) continue;
    std::error_code failure;
    std::vector<std::string> here;
    for (fs::directory_iterator it(folder, failure), end; !failure && it != end;
         it.increment(failure)) {
      if (it->path().extension() == ".so") here.push_back(it->path().string());
    }
    if (failure) throw Error("MOKA_PLUGIN_PATH: ", folder, ": ", failure.message());
    RefuseIfWritableByAll(folder);
    for (const std::string& plugin : here) RefuseIfWritableByAll(plugin);
    std::sort(here.begin(), here.end());
    plugins.insert(plugins.end(), here.begin(), here.end());
  }
  return plugins;
}

}  // namespace

void LoadPlugin(const std::string& path, Registry& registry) {
  try {
    const MokaPluginInfo& info = LoadInfo(path);
    CheckInfo(info);
    Registry copy = registry;
    copy.SetOrigin(path);
    if (const char* reason = info.register_all(&copy)) throw Error(reason);
    copy.SetOrigin(registry.origin());
    registry = std::move(copy);
  } catch (const Error& error) {
    throw Error("plugin ", path, ": ", error.message());
  } catch (const std::exception& error) {
    throw Error("plugin ", path, ": ", error.what());
  } catch (...) {
    throw Error("plugin ", path, ": it threw something that is no std::exception");
  }
}

Registry LoadRegistry(const std::vector<std::string>& paths) {
  Registry registry = BuiltinLayers();
  std::vector<std::string> plugins = PluginsOnPath();
  plugins.insert(plugins.end(), paths.begin(), paths.end());
  std::set<std::string> loaded;  // the same file, named twice, is loaded once
  for (const std::string& plugin : plugins) {
    std::error_code missing;
    const fs::path real = fs::canonical(plugin, missing);
    if (!missing && !loaded.insert(real.string()).second) continue;
    LoadPlugin(plugin, registry);
  }
  return registry;
}

}  // namespace moka
