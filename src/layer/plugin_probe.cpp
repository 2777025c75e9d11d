// The host's end of the probe: starts moka-probe, asks, waits no longer than the time limit.
#include "layer/plugin_probe.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>
#include <tuple>
#include <vector>

#include "layer/installed_files.h"
#include "moka/error.h"

namespace moka {
namespace {

constexpr size_t kMostWords = 200;

double TimeLimit() {
  const char* text = std::getenv("MOKA_PLUGIN_TIMEOUT");
  if (text == nullptr) return 10;
  double seconds = 0;
  const char* end = text + std::strlen(text);
  const auto read = std::from_chars(text, end, seconds);
  if (read.ec != std::errc() || read.ptr != end || !(seconds > 0 && seconds <= 86400)) {
    throw Error("MOKA_PLUGIN_TIMEOUT must be a number of seconds, more than 0 and at most 86400, ",
                "but is \"", text, "\"");
  }
  return seconds;
}

// Which contents a path has, as far as can be told without reading them.
using FileState = std::tuple<dev_t, ino_t, off_t, time_t, long, time_t, long>;

FileState StateOf(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) throw Error(std::strerror(errno));
  return {status.st_dev,         status.st_ino,          status.st_size,
          status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
          status.st_ctim.tv_nsec};
}

struct Clean {
  std::mutex mutex;
  std::set<FileState> files;
};
Clean& CleanFiles() {
  static Clean clean;
  return clean;
}

// Out of the way of 0, 1, 2 and 3, which the child's ends are copied to: in a host that has closed
// its standard streams, new files get these numbers.
int MovedUp(int file) {
  const int moved = fcntl(file, F_DUPFD_CLOEXEC, 10);
  const int reason = errno;
  close(file);
  errno = reason;
  return moved;
}

// The host's variables. One thread is enough for a probe; each one of OpenBLAS takes time to start.
std::vector<std::string> ProbeEnvironment() {
  std::vector<std::string> variables;
  const std::string threads = "OPENBLAS_NUM_THREADS=";
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    if (std::strncmp(*variable, threads.c_str(), threads.size()) != 0)
      variables.emplace_back(*variable);
  }
  variables.push_back(threads + "1");
  return variables;
}

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// posix_spawn and not fork: the host has threads. The program gets a process group of its own, the
// default signals, and no files but its own.
int Spawn(const std::string& program, int socket, int output, pid_t& process) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&files, socket, PluginProbe::kSocket);
  posix_spawn_file_actions_addclosefrom_np(&files, PluginProbe::kSocket + 1);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<std::string> words = {program, std::to_string(getpid())};
  std::vector<std::string> variables = ProbeEnvironment();
  const int failure = posix_spawn(&process, program.c_str(), &files, &attributes,
                                  Pointers(words).data(), Pointers(variables).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return failure;
}

// "it crashed ... (signal 11, Segmentation fault)"
std::string HowItEnded(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    const char* name = sigdescr_np(signal);
    return "it crashed while it was loaded (signal " + std::to_string(signal) +
           (name == nullptr ? "" : std::string(", ") + name) + ")";
  }
  return "it ended the process while it was loaded (exit status " +
         std::to_string(WEXITSTATUS(status)) + ")";
}

}  // namespace

void PluginProbe::Try(const std::string& path) {
  const FileState state = StateOf(path);
  Clean& clean = CleanFiles();
  {
    const std::lock_guard lock(clean.mutex);
    if (clean.files.count(state) != 0) return;
  }
  Ask('R', path);
  const std::lock_guard lock(clean.mutex);
  clean.files.insert(state);
}

PluginInfo PluginProbe::ReadInfo(const std::string& path) { return UnpackInfo(Ask('I', path)); }

// The child's answer, if it is no Error.
std::string PluginProbe::Ask(char question, const std::string& path) {
  const double limit = TimeLimit();
  if (process_ < 0) Start();
  tail_.clear();
  Send(question + path);
  const Clock::time_point start = Clock::now();
  std::string answer;
  while (true) {
    const double left = limit - std::chrono::duration<double>(Clock::now() - start).count();
    if (left <= 0) {
      ReadOutput(1);
      const std::string words = LastWords();
      Stop();
      throw Error("it did not come back within ", limit, " s while it was loaded", words);
    }
    pollfd files[] = {{socket_, POLLIN, 0}, {output_, POLLIN, 0}};
    if (poll(files, 2, static_cast<int>(std::ceil(left * 1000))) <= 0) continue;
    if (files[1].revents != 0) ReadOutput(1);
    if (files[0].revents != 0 && Receive(answer)) break;
  }
  if (answer[0] == 'E') throw Error(answer.substr(1));
  return answer;
}

// True when the probe said how the child ended, and `answer` is that of a child that ended well.
bool PluginProbe::Receive(std::string& answer) {
  std::string message(kLargest, '\0');
  const ssize_t size = recv(socket_, message.data(), message.size(), MSG_DONTWAIT);
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return false;
  if (size <= 0) ThrowProbeFailed();
  message.resize(static_cast<size_t>(size));
  if (message[0] != 'X') {
    answer = message;
    return false;
  }
  const int status = std::atoi(message.c_str() + 1);
  if (!answer.empty() && WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  ReadOutput(64);  // all that it printed is there, unless it left somebody behind who prints
  throw Error(HowItEnded(status), LastWords());
}

void PluginProbe::Start() {
  const std::string program = ProbePath();
  if (access(program.c_str(), X_OK) != 0) {
    throw Error("cannot be tried before it is loaded: ", program, ": ", std::strerror(errno),
                "; it is a part of Moka, is the installation whole?");
  }
  int sockets[2] = {-1, -1}, pipes[2] = {-1, -1};
  int failure = 0;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0 ||
      pipe2(pipes, O_CLOEXEC) != 0 || (sockets[1] = MovedUp(sockets[1])) < 0 ||
      (pipes[1] = MovedUp(pipes[1])) < 0) {
    failure = errno;
  } else {
    failure = Spawn(program, sockets[1], pipes[1], process_);
  }
  socket_ = sockets[0];
  output_ = pipes[0];
  for (const int theirs : {sockets[1], pipes[1]}) {
    if (theirs >= 0) close(theirs);
  }
  if (failure != 0) {
    process_ = -1;
    Stop();
    throw Error("cannot be tried before it is loaded: ", program, ": ", std::strerror(failure));
  }
  fcntl(output_, F_SETFL, O_NONBLOCK);
}

// Ends the probe and all that it or a plugin started in its process group.
void PluginProbe::Stop() noexcept {
  if (process_ > 0) {
    kill(-process_, SIGKILL);
    // ECHILD: the host ignores SIGCHLD, or another thread of it waited for any child.
    while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) continue;
  }
  for (const int file : {socket_, output_}) {
    if (file >= 0) close(file);
  }
  process_ = socket_ = output_ = -1;
}

void PluginProbe::Send(const std::string& message) {
  while (send(socket_, message.data(), message.size(), MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) ThrowProbeFailed();
  }
}

// The end of what is printed, which is all that anybody will read.
void PluginProbe::ReadOutput(int most_reads) {
  char buffer[4096];
  for (int i = 0; i < most_reads; ++i) {
    const ssize_t size = read(output_, buffer, sizeof buffer);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (size <= 0) {  // closed: poll would report that for ever
      close(output_);
      output_ = -1;
      return;
    }
    tail_.append(buffer, static_cast<size_t>(size));
    if (tail_.size() > sizeof buffer) tail_.erase(0, tail_.size() - sizeof buffer);
  }
}

// `; the last it printed: no licence`, or nothing.
std::string PluginProbe::LastWords() const {
  std::string text = tail_;
  const auto trim = [&] { text.erase(text.find_last_not_of("\r\n\t ") + 1); };  // npos + 1 is 0
  const auto last_line = [&] { return text.find_last_of('\n') + 1; };
  trim();
  // A sanitizer says what it found in the line before its last.
  if (text.size() > 10 && text.substr(text.size() - 10) == "==ABORTING") text.erase(last_line());
  trim();
  if (text.empty()) return "";
  std::string words = text.substr(last_line(), kMostWords);
  for (char& c : words) {
    if (c < ' ' || c > '~') c = '?';
  }
  return "; the last it printed: " + words;
}

void PluginProbe::ThrowProbeFailed() {
  ReadOutput(64);
  const std::string words = LastWords();
  Stop();
  throw Error("cannot be tried before it is loaded: ", ProbePath(), " failed", words);
}

}  // namespace moka
