// Loading plugins: look at the file, try it in another process, then load it here.
#include <filesystem>
#include <set>

#include "layer/plugin_library.h"
#include "layer/plugin_probe.h"
#include "layer/tried_plugin.h"
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

// Packages of plugins that were loaded already.
using Packages = std::set<std::string>;

// Returns its package. Nothing of a plugin whose package is among `taken` gets into this process.
std::string Load(const std::string& path, Registry& registry, PluginProbe& probe,
                 const Packages& taken = {}) {
  return NamingPlugin(path, [&] {
    CheckPluginFile(path);
    if (!taken.empty()) {
      const std::string package = probe.ReadInfo(path).package;
      if (taken.count(package) != 0) return package;
    }
    if (!WasTriedByTheBuild(path)) probe.Try(path);
    return RegisterPluginHere(path, registry);
  });
}

// The same file, named twice, is loaded once.
class Once {
 public:
  bool operator()(const std::string& path) {
    std::error_code missing;
    const fs::path real = fs::canonical(path, missing);
    return missing || seen_.insert(real.string()).second;
  }

 private:
  std::set<std::string> seen_;
};

}  // namespace

void LoadPlugin(const std::string& path, Registry& registry) {
  PluginProbe probe;
  Load(path, registry, probe);
}

Registry LoadRegistry(const std::vector<std::string>& paths) {
  Registry registry = BuiltinLayers();
  PluginProbe probe;
  Once once;
  Packages given;
  for (const std::string& path : paths) {
    if (once(path)) given.insert(Load(path, registry, probe));
  }
  for (const PluginPlace& place : PluginPlaces()) {
    if (!place.problem.empty()) throw Error(place.problem);
    for (const std::string& file : place.files) {
      if (once(file)) Load(file, registry, probe, given);
    }
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
