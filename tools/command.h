// The subcommands of `moka` and what they share.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "moka/context.h"
#include "moka/net.h"
#include "moka/registry.h"
#include "moka/schema.h"

namespace moka::tool {

using Arguments = std::vector<std::string>;

// A flag that a subcommand takes.
struct CommandFlag {
  constexpr CommandFlag(const char* flag, const char* its_text = nullptr)
      : name(flag), text(its_text) {}
  const char* name;
  const char* text;  // for `moka help`, if the command has its own; else nullptr
};

// One subcommand. The table of all is in main.cpp.
struct Command {
  const char* name;
  const char* synopsis;  // what follows the name: "--solver=FILE [options]"
  const char* summary;   // one line
  const char* details;   // more lines, for `moka help NAME`
  std::vector<CommandFlag> flags;
  size_t most_arguments;         // beside flags
  int (*run)(const Arguments&);  // returns the exit status; throws Error, UsageError
};

// A wrong command line: exit status 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Exit statuses besides those of Error.
inline constexpr int kUsageStatus = 2;
inline constexpr int kSignalStatus = 128;  // + the number of the signal that stopped a training

int RunTrain(const Arguments& arguments);
int RunTest(const Arguments& arguments);
int RunLr(const Arguments& arguments);
int RunTime(const Arguments& arguments);
int RunLayers(const Arguments& arguments);
int RunSummary(const Arguments& arguments);
int RunNewLayer(const Arguments& arguments);
int RunPlugin(const Arguments& arguments);

// What every subcommand that reads nets needs, made from the flags --plugin, --threads and --seed.
struct Session {
  Session();
  Registry registry;
  NetSchema schema;
  Context context;
};

// --phase; TRAIN if it is not given. Throws UsageError.
Phase ChosenPhase();
// The net's phase, level and stages as the flags --phase, --level and --stage say, where they are
// given.
void SetState(NetDescription& net);
// --stage as a list.
std::vector<std::string> Stages();
std::vector<std::string> SplitCommas(const std::string& text);
// Throws Error if the net has an input that nobody would feed.
void CheckFed(const Net& net);
// Warnings for what a file says that has no effect here.
void LogNotices(const std::vector<std::string>& notices);

}  // namespace moka::tool
