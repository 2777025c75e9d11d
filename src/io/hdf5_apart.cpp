// Work in a child process. What it sends: 'R' for a result or 'E' for an Error's message, how many
// bytes follow, these bytes.
#include "io/hdf5_apart.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>

#include "moka/error.h"

namespace moka {
namespace {

constexpr int64_t kMostMessage = 1 << 16;

bool alone = false;  // in a child, where the mutex was left locked by the parent

std::recursive_mutex& Mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

struct Head {
  char kind = 0;
  int64_t bytes = 0;
};

// Both ends close on exec, and with this.
struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    CloseEnd(0);
    CloseEnd(1);
  }
  void CloseEnd(int i) {
    if (ends[i] >= 0) close(ends[i]);
    ends[i] = -1;
  }
};

bool SendAll(int file, const void* data, size_t bytes) {
  const char* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t put = write(file, from, bytes);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    from += put;
    bytes -= static_cast<size_t>(put);
  }
  return true;
}

bool ReceiveAll(int file, void* data, size_t bytes) {
  char* to = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t got = read(file, to, bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    bytes -= static_cast<size_t>(got);
  }
  return true;
}

// A crash is to be seen as one by the parent, and by nobody else: no handlers, messages or dumps.
void Isolate(int seconds) {
  for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGPIPE}) {
    std::signal(number, SIG_DFL);
  }
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  const rlimit time = {static_cast<rlim_t>(seconds), static_cast<rlim_t>(seconds) + 1};
  setrlimit(RLIMIT_CPU, &time);
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere >= 0) {
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
  }
  alone = true;
}

[[noreturn]] void RunChild(int out, int seconds, const std::function<std::string()>& work) {
  Isolate(seconds);
  Head head;
  std::string bytes;
  try {
    bytes = work();
    head.kind = 'R';
  } catch (const Error& error) {
    bytes = error.message().substr(0, kMostMessage);
    head.kind = 'E';
  } catch (...) {  // no memory: the parent says so
    _exit(1);
  }
  head.bytes = static_cast<int64_t>(bytes.size());
  const bool sent = SendAll(out, &head, sizeof head) && SendAll(out, bytes.data(), bytes.size());
  _exit(sent ? 0 : 1);  // the parent's objects are not ours to destroy
}

// How a child without a whole answer ended.
std::string Describe(int status) {
  if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL)) {
    return "HDF5 does not come to an end with it; it is damaged";
  }
  if (WIFSIGNALED(status)) {
    return "HDF5 crashes on it (signal " + std::to_string(WTERMSIG(status)) + "); it is damaged";
  }
  return "HDF5 could not read it, perhaps for want of memory; it may be damaged";
}

int Wait(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

std::unique_lock<std::recursive_mutex> OneThreadInHdf5() {
  return alone ? std::unique_lock<std::recursive_mutex>() : std::unique_lock(Mutex());
}

std::string RunApart(const std::string& path, int64_t most, int seconds,
                     const std::function<std::string()>& work) {
  Pipe pipe;
  pid_t child = -1;
  if (pipe2(pipe.ends, O_CLOEXEC) == 0) {
    const auto nobody = OneThreadInHdf5();  // the child must not find HDF5 halfway
    child = fork();
  }
  if (child < 0) {
    throw Error("cannot read \"", path, "\": no process for HDF5: ", std::strerror(errno));
  }
  if (child == 0) RunChild(pipe.ends[1], seconds, work);

  pipe.CloseEnd(1);
  Head head;
  std::string bytes;
  bool whole = ReceiveAll(pipe.ends[0], &head, sizeof head) && head.bytes >= 0 &&
               head.bytes <= (head.kind == 'E' ? kMostMessage : most);
  if (whole) {
    bytes.resize(static_cast<size_t>(head.bytes));
    whole = ReceiveAll(pipe.ends[0], bytes.data(), bytes.size());
  }
  pipe.CloseEnd(0);  // a child that still writes ends by this
  const int status = Wait(child);
  if (!whole) throw Error(path, ": ", Describe(status));
  if (head.kind == 'E') throw Error(bytes);
  return bytes;
}

}  // namespace moka
