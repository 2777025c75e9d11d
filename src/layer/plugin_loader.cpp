// Loading plugins: look at the file, try it in another process, then load it here.
#include <filesystem>
#include <set>

#include "layer/plugin_library.h"
#include "layer/plugin_probe.h"
#include "moka/plugin.h"
#include "moka/plugin_files.h"

namespace moka {
namespace {

namespace fs = std::filesystem;

// Runs `work`; whatever it throws comes out as an Error that names the plugin.
template <typename F>
auto NamingPlugin(const std::string& path, const F& work) {
  try {
    return work();
  } catch (const Error& error) {
    throw Error("plugin ", path, ": ", error.message());
  } catch (const std::exception& error) {
    throw Error("plugin ", path, ": ", error.what());
  } catch (...) {
    throw Error("plugin ", path, ": it threw something that is no std::exception");
  }
}

void Load(const std::string& path, Registry& registry, PluginProbe& probe) {
  NamingPlugin(path, [&] {
    CheckPluginFile(path);
    probe.Try(path);
    RegisterPluginHere(path, registry);
  });
}

}  // namespace

void LoadPlugin(const std::string& path, Registry& registry) {
  PluginProbe probe;
  Load(path, registry, probe);
}

Registry LoadRegistry(const std::vector<std::string>& paths) {
  std::vector<std::string> plugins;
  for (const PluginPlace& place : PluginPlaces()) {
    if (!place.problem.empty()) throw Error(place.problem);
    plugins.insert(plugins.end(), place.files.begin(), place.files.end());
  }
  plugins.insert(plugins.end(), paths.begin(), paths.end());
  Registry registry = BuiltinLayers();
  PluginProbe probe;
  std::set<std::string> loaded;  // the same file, named twice, is loaded once
  for (const std::string& plugin : plugins) {
    std::error_code missing;
    const fs::path real = fs::canonical(plugin, missing);
    if (!missing && !loaded.insert(real.string()).second) continue;
    Load(plugin, registry, probe);
  }
  return registry;
}

PluginInfo ReadPluginInfo(const std::string& path) {
  return NamingPlugin(path, [&] {
    CheckPluginFile(path);
    return PluginProbe().ReadInfo(path);
  });
}

}  // namespace moka
