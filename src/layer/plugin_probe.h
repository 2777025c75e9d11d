// Trying plugins in another process, before anything of them is loaded into this one.
//
// The program moka-probe is started for the first question and ends with this object. It forks a
// child for each plugin, so that nothing is left of one when the next is tried, and tells how the
// child ended: a host that ignores SIGCHLD or waits for any child could not know.
//
// They talk over a socket, a message at a time:
//   host to probe    'R' FILE    register into an empty registry
//                    'I' FILE    read the description
//   child to host    'C'         it is clean
//                    'E' TEXT    the Error that came of it
//                    'I' FIELDS  the description, see PackInfo
//   probe to host    'X' STATUS  how the child ended, as waitpid gives it
// A child counts as clean only if it gave an answer and then ended as it should: a plugin may end
// the process with status 0, or print what it likes.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

#include "moka/plugin_files.h"

namespace moka {

class PluginProbe {
 public:
  PluginProbe() = default;
  ~PluginProbe() { Stop(); }
  PluginProbe(const PluginProbe&) = delete;
  PluginProbe& operator=(const PluginProbe&) = delete;

  // Throws Error, without the file's name, unless the plugin loads and registers there. A file that
  // was found clean and has not changed since is not tried again in this process.
  void Try(const std::string& path);
  PluginInfo ReadInfo(const std::string& path);

  // The size of the largest message.
  static constexpr size_t kLargest = 1 << 14;
  // Where the program finds the socket.
  static constexpr int kSocket = 3;

 private:
  using Clock = std::chrono::steady_clock;

  std::string Ask(char question, const std::string& path);
  bool Receive(std::string& answer);
  void Start();
  void Stop() noexcept;
  void Send(const std::string& message);
  void ReadOutput(int most_reads);
  std::string LastWords() const;
  [[noreturn]] void ThrowProbeFailed();

  pid_t process_ = -1;  // also its process group
  int socket_ = -1;
  int output_ = -1;   // what the probe and the plugin print
  std::string tail_;  // of what the plugin printed
};

// A description as one message, and back.
std::string PackInfo(const PluginInfo& info);
PluginInfo UnpackInfo(const std::string& message);

}  // namespace moka
