// The probe's end: what the program moka-probe does. See plugin_probe.h.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "layer/plugin_library.h"
#include "layer/plugin_probe.h"
#include "layer/tried_plugin.h"

namespace moka {
namespace {

// A crash is what the probe is for; nobody wants its memory on the disk. 1 and not 0: where the
// system pipes cores into a program, 0 does not keep it from that.
void NoCoreFiles() {
  rlimit limit = {};
  getrlimit(RLIMIT_CORE, &limit);
  limit.rlim_cur = std::min<rlim_t>(1, limit.rlim_max);
  setrlimit(RLIMIT_CORE, &limit);
}

void Send(const std::string& message) {
  const size_t size = std::min(message.size(), PluginProbe::kLargest);
  while (send(PluginProbe::kSocket, message.data(), size, MSG_NOSIGNAL) < 0 && errno == EINTR)
    continue;
}

// What the host does later, but here.
std::string Answer(char question, const std::string& path) {
  try {
    if (question == 'I') return PackInfo(ReadPluginInfoHere(path));
    Registry registry;
    RegisterPluginHere(path, registry);
    return "C";
  } catch (const Error& error) {
    return "E" + error.message();
  } catch (const std::exception& error) {
    return std::string("E") + error.what();
  } catch (...) {
    return "Eit threw something that is no std::exception";
  }
}

[[noreturn]] void TryIt(char question, const std::string& path) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::setvbuf(stdout, nullptr, _IONBF, 0);  // nothing that it prints is lost in a crash
  const pid_t self = getpid();
  const std::string answer = Answer(question, path);
  // A plugin may have forked; and what runs at the end of a process is not asked for here.
  if (getpid() == self) Send(answer);
  _exit(0);
}

// For Moka's own build.
int Note(const char* path) {
  try {
    TryForTheBuild(path);
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "plugin %s: %s\n", path, error.what());
    return 1;
  }
}

}  // namespace

int RunPluginProbe(int argc, const char* const* argv) {
  if (argc == 3 && std::strcmp(argv[1], "--note") == 0) return Note(argv[2]);
  if (argc != 2 || fcntl(PluginProbe::kSocket, F_SETFD, FD_CLOEXEC) != 0) {
    std::fputs("moka-probe tries plugins before they are loaded; Moka starts it by itself\n",
               stderr);
    return 2;
  }
  // The host may be killed at any time, even before this.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != std::atoi(argv[1])) return 1;
  NoCoreFiles();
  std::string question(PluginProbe::kLargest, '\0');
  while (true) {
    const ssize_t size = recv(PluginProbe::kSocket, question.data(), question.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return 0;  // the host is done
    const pid_t child = fork();
    if (child == 0) TryIt(question[0], question.substr(1, static_cast<size_t>(size) - 1));
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    if (child < 0) {
      std::fprintf(stderr, "cannot fork: %s\n", std::strerror(errno));
      return 1;
    }
    Send("X" + std::to_string(status));
  }
}

}  // namespace moka
