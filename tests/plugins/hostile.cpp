// A library that describes itself wrongly: FAULT says how. Written without moka_add_plugin, as a
// careless stranger would.
#include <google/protobuf/stubs/common.h>

#include "moka/plugin.h"

namespace {
const char* RegisterNothing(void*) { return nullptr; }

moka::MokaPluginInfo Describe() {
  moka::MokaPluginInfo info = {moka::kPluginMagic,
                               sizeof(moka::MokaPluginInfo),
                               moka::kPluginApiMajor,
                               moka::kPluginApiMinor,
                               moka::kPluginCxxAbi,
                               GOOGLE_PROTOBUF_VERSION,
                               "0",
                               &RegisterNothing};
#if FAULT == 1
  info.api_major = 3;
#elif FAULT == 2
  info.magic = 7;
#elif FAULT == 3
  info.struct_size = 8;
#elif FAULT == 4
  info.cxx_abi = 42;
#elif FAULT == 5
  info.protobuf = 3020001;
#elif FAULT == 6
  info.register_all = nullptr;
#endif
  return info;
}
}  // namespace

#if FAULT == 7
extern "C" MOKA_EXPORT int something_else() { return 7; }
#elif FAULT == 8
namespace acme {
int Missing(int);
}
extern "C" MOKA_EXPORT const moka::MokaPluginInfo* moka_plugin_info() {
  return acme::Missing(1) > 0 ? nullptr : nullptr;
}
#elif FAULT == 9
extern "C" MOKA_EXPORT const moka::MokaPluginInfo* moka_plugin_info() { return nullptr; }
#elif FAULT == 10
extern "C" MOKA_EXPORT const moka::MokaPluginInfo* moka_plugin_info() { throw 10; }
#else
extern "C" MOKA_EXPORT const moka::MokaPluginInfo* moka_plugin_info() {
  static const moka::MokaPluginInfo info = Describe();
  return &info;
}
#endif
