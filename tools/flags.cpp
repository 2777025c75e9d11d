// The flags of all subcommands, with Caffe's names where Caffe has them.
#include "flags.h"

#include <fmt/format.h>
#include <gflags/gflags.h>

#include <algorithm>

#include "moka/error.h"

DEFINE_string(solver, "", "the solver file");
DEFINE_string(model, "", "the net file");
DEFINE_string(snapshot, "", "the .solverstate to continue from");
DEFINE_string(weights, "",
              "weights to begin with: one or more .caffemodel files, separated by commas");
DEFINE_int32(iterations, 50, "how many batches to run");
DEFINE_string(phase, "", "TRAIN or TEST");
DEFINE_int32(level, 0, "the net's level, for include and exclude rules");
DEFINE_string(stage, "", "the net's stages, separated by commas, for include and exclude rules");
DEFINE_string(sigint_effect, "stop", "what an interrupt (Ctrl-C) does: stop, snapshot or none");
DEFINE_string(sighup_effect, "snapshot", "what a hang-up does: stop, snapshot or none");
DEFINE_string(plugin, "", "plugins to load, separated by commas; may be given several times");
DEFINE_int32(threads, 0, "how many threads compute; 0 is one for each core");
DEFINE_int64(seed, -1, "the seed of all random numbers; -1 draws one");
DEFINE_string(gpu, "", "accepted for Caffe's sake; Moka runs on the CPU");

namespace moka::tool {
namespace {

// "--solver" and so on.
std::vector<std::string> Names(const Command& command) {
  std::vector<std::string> names;
  for (const char* flag : command.flags) names.push_back(std::string("--") + flag);
  return names;
}

bool Takes(const Command& command, const std::string& name) {
  return std::find(command.flags.begin(), command.flags.end(), name) != command.flags.end();
}

// Where the name of a flag begins in a word, or npos if it is none. "-" and negative numbers are
// none.
size_t NameStart(const std::string& word) {
  if (word.rfind("--", 0) == 0 && word.size() > 2) return 2;
  if (word.size() > 1 && word[0] == '-' && !std::isdigit(static_cast<unsigned char>(word[1])) &&
      word[1] != '.')
    return 1;
  return std::string::npos;
}

void SetFlag(const Command& command, const std::string& name, std::string value) {
  if (name == "plugin" && !FLAGS_plugin.empty()) value = FLAGS_plugin + "," + value;
  if (gflags::SetCommandLineOption(name.c_str(), value.c_str()).empty()) {
    gflags::CommandLineFlagInfo info;
    gflags::GetCommandLineFlagInfo(name.c_str(), &info);
    throw UsageError(fmt::format("--{} wants {}, not \"{}\"", name,
                                 info.type == "string" ? "text" : "a number", value));
  }
}

}  // namespace

Arguments ParseFlags(const Command& command, const Arguments& words) {
  Arguments rest;
  for (size_t i = 0; i < words.size(); ++i) {
    const size_t start = NameStart(words[i]);
    if (start == std::string::npos) {
      rest.push_back(words[i]);
      continue;
    }
    const size_t equals = words[i].find('=');
    const std::string name =
        words[i].substr(start, equals == std::string::npos ? equals : equals - start);
    if (!Takes(command, name)) {
      throw UsageError(fmt::format("moka {} has no flag --{}{}", command.name, name,
                                   DidYouMean("--" + name, Names(command))));
    }
    if (equals == std::string::npos && i + 1 == words.size())
      throw UsageError(fmt::format("--{} wants a value", name));
    SetFlag(command, name, equals == std::string::npos ? words[++i] : words[i].substr(equals + 1));
  }
  if (rest.size() > command.most_arguments) {
    throw UsageError(fmt::format("moka {} does not know what to do with \"{}\"", command.name,
                                 rest[command.most_arguments]));
  }
  return rest;
}

std::string DescribeFlags(const Command& command) {
  std::string text;
  for (const char* name : command.flags) {
    gflags::CommandLineFlagInfo info;
    gflags::GetCommandLineFlagInfo(name, &info);
    const bool plain =
        info.default_value.empty() || info.description.find("is one") != std::string::npos;
    text += fmt::format("  --{:<15} {}{}\n", name, info.description,
                        plain ? "" : fmt::format(" [{}]", info.default_value));
  }
  return text;
}

}  // namespace moka::tool
