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
#include <mutex>

#include "moka/error.h"

namespace moka {
namespace {

constexpr int64_t kMostMessage = 1 << 16;

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

// A crash is to be seen by the parent and by nobody else: no handlers, messages or dumps.
void Isolate(int seconds) {
  for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGPIPE}) {
    std::signal(number, SIG_DFL);
  }
  std::signal(SIGXFSZ, SIG_IGN);  // an error of write() says more
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  const rlimit time = {static_cast<rlim_t>(seconds), static_cast<rlim_t>(seconds) + 1};
  setrlimit(RLIMIT_CPU, &time);
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere >= 0) {
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
  }
}

[[noreturn]] void RunChild(Pipe& pipe, int seconds, const std::function<std::string()>& work) {
  pipe.CloseEnd(0);  // else writing never fails, and this waits for ever to be read by itself
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
  const int out = pipe.ends[1];
  const bool sent = SendAll(out, &head, sizeof head) && SendAll(out, bytes.data(), bytes.size());
  _exit(sent ? 0 : 1);  // the parent's objects are not ours to destroy
}

// How a child without a whole answer ended.
std::string Describe(int status) {
  const int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  if (number == SIGXCPU) return "HDF5 does not come to an end";
  // SIGKILL is the system's, that has no more memory; SIGPIPE comes with too long an answer.
  if (number == 0 || number == SIGPIPE || number == SIGKILL) {
    return "HDF5 fails, perhaps for want of memory";
  }
  return "HDF5 crashes (signal " + std::to_string(number) + ")";
}

int Wait(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

std::string Run(const char* verb, const std::string& path, int64_t most, int seconds,
                const std::function<std::string()>& work) {
  const auto fail = [&](const std::string& why) {
    throw Error("cannot ", verb, " \"", path, "\": ", why);
  };
  if constexpr (!kHdf5Apart) {
    static std::mutex one_at_a_time;
    const std::lock_guard lock(one_at_a_time);
    return work();
  }
  Pipe pipe;
  const pid_t child = pipe2(pipe.ends, O_CLOEXEC) == 0 ? fork() : -1;
  if (child < 0) fail(std::string("there can be no process for HDF5: ") + std::strerror(errno));
  if (child == 0) RunChild(pipe, seconds, work);

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
  if (!whole) fail(Describe(status));
  if (head.kind == 'E') throw Error(bytes);
  return bytes;
}

}  // namespace

std::string ReadApart(const std::string& path, int64_t most, int seconds,
                      const std::function<std::string()>& work) {
  return Run("read", path, most, seconds, work);
}

void WriteApart(const std::string& path, int seconds, const std::function<void()>& work) {
  Run("write", path, 0, seconds, [&] {
    work();
    return std::string();
  });
}

}  // namespace moka
