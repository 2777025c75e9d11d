// The system calls by which files are written. A test puts others in their place, to see what
// becomes of a file when one of them fails, or when the process ends there.
#pragma once

#include <sys/types.h>

namespace moka {

struct SystemCalls {
  int (*open)(const char* path, int flags, mode_t mode);
  ssize_t (*write)(int file, const void* data, size_t bytes);
  int (*fsync)(int file);
  int (*close)(int file);
  int (*rename)(const char* from, const char* to);
  int (*unlink)(const char* path);
};

// Not synchronised: to be changed while no file is being written.
SystemCalls& Calls();

}  // namespace moka
