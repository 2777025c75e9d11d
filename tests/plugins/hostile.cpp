// A library that describes itself wrongly, or does what no library should: FAULT says which.
// Written without moka_add_plugin, as a careless stranger would.
#include <google/protobuf/stubs/common.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "moka/plugin.h"

namespace {

#if FAULT == 20
const char* Register(void*) { throw std::runtime_error("no licence"); }
#else
const char* Register(void*) { return nullptr; }
#endif

// What the plugin API of another day may have had.
struct Description {
  moka::MokaPluginInfo info;
  const char* more;
};

Description Describe() {
  moka::MokaPluginInfo info = {moka::kPluginMagic,
                               sizeof(moka::MokaPluginInfo),
                               moka::kPluginApiMajor,
                               moka::kPluginApiMinor,
                               moka::kPluginCxxAbi,
                               GOOGLE_PROTOBUF_VERSION,
                               "0",
                               &Register,
                               "hostile",
                               "cc 1"};
#if FAULT == 1
  info.api_major = moka::kPluginApiMajor + 1;
#elif FAULT == 2
  info.magic = 7;
#elif FAULT == 3
  info.struct_size = 56;  // no compiler
#elif FAULT == 4
  info.cxx_abi = 42;
#elif FAULT == 5
  info.protobuf = 3020001;
#elif FAULT == 6
  info.register_all = nullptr;
#elif FAULT == 11  // before there were package and compiler
  info.api_major = moka::kPluginApiMajor - 1;
  info.struct_size = 48;
#elif FAULT == 18
  info.package = "no name";
#elif FAULT == 23
  info.struct_size = 8;
#elif FAULT == 22
  info.api_minor = 7;
  info.struct_size = sizeof(Description);
#endif
  return {info, "more"};
}

// Code that runs while the library is loaded.
#if FAULT == 12
const int kLoaded = (std::abort(), 0);
#elif FAULT == 13
__attribute__((no_sanitize("undefined"))) int Crash() {
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
  return 1;
}
const int kLoaded = Crash();
#elif FAULT == 14
const int kLoaded = (std::exit(0), 0);
#elif FAULT == 15
const int kLoaded = [] {
  while (true) pause();
  return 0;
}();
#elif FAULT == 17
const int kLoaded = [] {
  std::printf("starting\n\x1b[31mlicence \xc3\xa9%0300d\n\n", 7);
  std::exit(7);
  return 0;
}();
#elif FAULT == 24  // as in a build with a sanitizer
const int kLoaded = [] {
  std::fputs("==7==ERROR: a\nSUMMARY: a was found\n==7==ABORTING\n", stderr);
  std::exit(1);
  return 0;
}();
#elif FAULT == 19  // leaves a process behind
const int kLoaded = [] {
  const pid_t child = fork();
  while (child == 0) pause();
  std::printf("%d\n", child);
  std::abort();
  return 0;
}();
#elif FAULT == 21  // tells of each time that it is loaded
const int kLoaded = [] {
  std::FILE* trace = std::fopen(std::getenv("MOKA_TEST_TRACE"), "a");
  std::fputs("loaded\n", trace);
  return std::fclose(trace);
}();
#endif

}  // namespace

#if FAULT == 7
extern "C" MOKA_EXPORT int something_else() { return 7; }
#elif FAULT == 8 || FAULT == 16
#if FAULT == 8
namespace acme {
#else
namespace moka {
#endif
int Missing(int);
extern "C" MOKA_EXPORT const moka::MokaPluginInfo* moka_plugin_info() {
  return Missing(1) > 0 ? nullptr : nullptr;
}
}  // namespace
#elif FAULT == 9
extern "C" MOKA_EXPORT const moka::MokaPluginInfo* moka_plugin_info() { return nullptr; }
#elif FAULT == 10
extern "C" MOKA_EXPORT const moka::MokaPluginInfo* moka_plugin_info() { throw 10; }
#else
extern "C" MOKA_EXPORT const moka::MokaPluginInfo* moka_plugin_info() {
  static const Description description = Describe();
  return &description.info;
}
#endif
