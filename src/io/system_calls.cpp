// The system calls by which files are written.
#include "io/system_calls.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

namespace moka {

SystemCalls& Calls() {
  static SystemCalls calls = {
      [](const char* path, int flags, mode_t mode) { return open(path, flags, mode); },
      write,
      fsync,
      close,
      rename,
      unlink,
  };
  return calls;
}

}  // namespace moka
