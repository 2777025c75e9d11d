// Where the files lie that were installed beside the library: relative to it, since the installed
// tree may be moved.
#include "layer/installed_files.h"

#include <dlfcn.h>
#include <link.h>

#include <filesystem>

namespace moka {
namespace {

namespace fs = std::filesystem;

fs::path Canonical(const fs::path& path) {
  std::error_code failure;
  const fs::path real = fs::canonical(path, failure);
  return failure ? path : real;
}

// The folder of libmoka.so. A program that has Moka's code in itself lies in bin/, beside lib/.
fs::path LibraryFolder() {
  Dl_info info = {};
  link_map* map = nullptr;
  const void* here = reinterpret_cast<const void*>(&LibraryFolder);
  const bool found =
      dladdr1(here, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) != 0 && map != nullptr;
  if (found && map->l_name[0] != '\0') return Canonical(map->l_name).parent_path();
  return Canonical("/proc/self/exe").parent_path().parent_path() / "lib";
}

}  // namespace

std::string ProbePath() {
  const fs::path folder = LibraryFolder();
  const fs::path installed = (folder / MOKA_PROBE_FROM_LIBRARY).lexically_normal();
  const fs::path built = (folder / "../libexec/moka/moka-probe").lexically_normal();
  std::error_code ignored;
  return !fs::exists(installed, ignored) && fs::exists(built, ignored) ? built : installed;
}

std::string InstalledPluginFolder() { return LibraryFolder() / "moka" / "plugins"; }

}  // namespace moka
