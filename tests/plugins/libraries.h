// Where the plugins of the tests lie, and what is said when they are refused.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "io/temporary_folder.h"
#include "moka/error.h"
#include "moka/plugin.h"

namespace moka::testing {

inline std::string Library(const std::string& name) {
  return MOKA_BINARY_DIR "/lib/lib" + name + ".so";
}

// What LoadPlugin says of a file, without the file's name.
inline std::string Refusal(const std::string& path, Registry registry = Registry()) {
  const std::vector<std::string> before = registry.types();
  try {
    LoadPlugin(path, registry);
  } catch (const Error& error) {
    EXPECT_EQ(registry.types(), before) << "something stayed";
    const std::string start = "plugin " + path + ": ";
    EXPECT_EQ(error.message().substr(0, start.size()), start);
    return error.message().substr(std::min(start.size(), error.message().size()));
  }
  return "it was loaded";
}

// In builds with a sanitizer, processes that are started while this lives leave crashes to the
// system: the sanitizers would report them and end the process with a status of their own.
class PlainCrashes {
 public:
  PlainCrashes() {
    for (const char* name : {"ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"}) {
      const char* options = std::getenv(name);
      const std::string more = (options == nullptr ? "" : options + std::string(":"));
      setenv(name, (more + "handle_segv=0:handle_abort=0").c_str(), 1);
    }
  }
};

}  // namespace moka::testing
