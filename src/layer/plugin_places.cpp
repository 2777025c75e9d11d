// The folders whose plugins are loaded by themselves.
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "layer/installed_files.h"
#include "moka/plugin_files.h"

namespace moka {
namespace {

namespace fs = std::filesystem;

// Sticky or not: anybody could add a plugin.
std::string WritableByAll(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0 || (status.st_mode & S_IWOTH) == 0) return "";
  return "anybody may write to " + path + ": refused (chmod o-w)";
}

PluginPlace Look(const std::string& folder, const std::string& why, bool may_be_missing) {
  PluginPlace place{folder, why, {}, ""};
  std::error_code failure;
  for (fs::directory_iterator it(folder, failure), end; !failure && it != end;
       it.increment(failure)) {
    if (it->path().extension() == ".so") place.files.push_back(it->path().string());
  }
  if (failure && !(may_be_missing && failure == std::errc::no_such_file_or_directory))
    place.problem = folder + ": " + failure.message();
  std::sort(place.files.begin(), place.files.end());
  std::vector<std::string> paths = place.files;
  paths.insert(paths.begin(), folder);
  for (const std::string& path : paths) {
    if (place.problem.empty()) place.problem = WritableByAll(path);
  }
  if (!place.problem.empty()) {
    place.files.clear();
    place.problem = why + ": " + place.problem;
  }
  return place;
}

}  // namespace

std::vector<PluginPlace> PluginPlaces() {
  std::vector<PluginPlace> places = {Look(InstalledPluginFolder(), "install directory", true)};
  const char* variable = std::getenv("MOKA_PLUGIN_PATH");
  std::string folders = variable == nullptr ? "" : variable;
  while (!folders.empty()) {
    const std::string folder = folders.substr(0, folders.find(':'));
    folders.erase(0, folder.size() + 1);
    if (!folder.empty()) places.push_back(Look(folder, "MOKA_PLUGIN_PATH", false));
  }
  return places;
}

}  // namespace moka
