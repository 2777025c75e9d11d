// The flags of all subcommands, with Caffe's names where Caffe has them.
#include "flags.h"

#include <fmt/format.h>
#include <gflags/gflags.h>

#include <algorithm>

#include "moka/error.h"

DEFINE_string(solver, "", "the solver file");
DEFINE_string(model, "", "the net file");
DEFINE_string(snapshot, "", "the .solverstate to continue from; the same as --resume=FILE");
DEFINE_string(resume, "",
              "auto: continue from the newest whole snapshot, or begin if there is none; or "
              "FILE, a .solverstate, as --snapshot");
DEFINE_string(weights, "",
              "trained weights: one or more .caffemodel or .caffemodel.h5 files, separated by "
              "commas; where several "
              "have a layer, the last in which it fits counts");
DEFINE_string(on_mismatch, "error",
              "when a layer has other shapes in a file of weights: error, or skip, which leaves it "
              "at its initial values");
DEFINE_bool(
    check_numerics, false,
    "look at every blob after each layer, forward and backward, and stop at the first number "
    "that is not finite");
DEFINE_int32(iterations, 50, "how many batches to run (50)");
DEFINE_string(phase, "", "TRAIN or TEST");
DEFINE_int32(level, 0, "the net's level, for include and exclude rules");
DEFINE_string(stage, "", "the net's stages, separated by commas, for include and exclude rules");
DEFINE_string(sigint_effect, "stop", "what an interrupt (Ctrl-C) does: stop, snapshot or none");
DEFINE_string(sighup_effect, "snapshot", "what a hang-up does: stop, snapshot or none");
DEFINE_string(plugin, "", "plugins to load, separated by commas; may be given several times");
DEFINE_string(max_memory, "",
              "the most memory for tensors, such as 500M or 4G; without it, what the machine has");
DEFINE_int32(threads, 0, "how many threads compute; 0 is one for each core");
DEFINE_int64(seed, -1, "the seed of all random numbers; -1 draws one");
DEFINE_string(
    layer, "",
    "instead of a net: one layer, as it stands inside `layer { }`, such as 'type: \"ReLU\"'");
DEFINE_string(shape, "",
              "with --layer: the shape of its bottom, such as 64x3x28x28; once for each bottom");
DEFINE_int32(
    batch, 0,
    "the batch size of the net's Input layers, the first size of all their shapes; without "
    "it, the file's");
DEFINE_bool(json, false, "print one JSON object rather than a table");
DEFINE_string(params, "",
              "the layer's parameters, as name:type or name:type=default, separated by commas: "
              "\"beta:float=1,count:int\"");
DEFINE_bool(elementwise, false,
            "begin with a function of each element alone; so it is unless told");
DEFINE_bool(markdown, false, "all types as the page docs/layers.md");
DEFINE_bool(with_weights, false, "begin with a learned weight and bias for each channel");
DEFINE_bool(loss, false, "begin with a loss of a prediction and a target");
DEFINE_string(gpu, "", "accepted for Caffe's sake; Moka runs on the CPU");

namespace moka::tool {
namespace {

// Flags whose values add up when they are given several times.
constexpr const char* kRepeatable[] = {"params", "plugin", "shape"};

// Flags have underscores, as Caffe's; dashes are as good.
std::string Underscored(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

gflags::CommandLineFlagInfo InfoOf(const std::string& name) {
  gflags::CommandLineFlagInfo info;
  gflags::GetCommandLineFlagInfo(Underscored(name).c_str(), &info);
  return info;
}

const char* WhatItWants(const std::string& type) {
  if (type == "bool") return "true or false";
  return type == "string" ? "text" : "a number";
}

// "--solver" and so on.
std::vector<std::string> Names(const Command& command) {
  std::vector<std::string> names;
  for (const CommandFlag& flag : command.flags) names.push_back(std::string("--") + flag.name);
  return names;
}

bool Takes(const Command& command, const std::string& name) {
  return std::any_of(command.flags.begin(), command.flags.end(), [&](const CommandFlag& flag) {
    return Underscored(flag.name) == Underscored(name);
  });
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

void SetFlag(const std::string& name, std::string value) {
  const gflags::CommandLineFlagInfo info = InfoOf(name);
  const bool repeatable =
      std::find(std::begin(kRepeatable), std::end(kRepeatable), name) != std::end(kRepeatable);
  if (repeatable && !info.current_value.empty()) value = info.current_value + "," + value;
  if (gflags::SetCommandLineOption(info.name.c_str(), value.c_str()).empty()) {
    throw UsageError(fmt::format("--{} wants {}, not \"{}\"", name, WhatItWants(info.type), value));
  }
}

}  // namespace

bool IsSwitch(const std::string& word) {
  const size_t start = NameStart(word);
  return start != std::string::npos && InfoOf(word.substr(start)).type == "bool";
}

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
    if (equals != std::string::npos) {
      SetFlag(name, words[i].substr(equals + 1));
    } else if (IsSwitch(words[i])) {
      SetFlag(name, "true");
    } else if (i + 1 < words.size()) {
      SetFlag(name, words[++i]);
    } else {
      throw UsageError(fmt::format("--{} wants a value", name));
    }
  }
  if (rest.size() > command.most_arguments) {
    throw UsageError(fmt::format("moka {} does not know what to do with \"{}\"", command.name,
                                 rest[command.most_arguments]));
  }
  return rest;
}

std::string DescribeFlags(const Command& command) {
  std::string text;
  for (const CommandFlag& flag : command.flags) {
    if (flag.text != nullptr) {
      text += fmt::format("  --{:<15} {}\n", flag.name, flag.text);
      continue;
    }
    const gflags::CommandLineFlagInfo info = InfoOf(flag.name);
    const bool plain = info.default_value.empty() || info.type == "bool" ||
                       info.description.find("is one") != std::string::npos ||
                       info.description.find("(" + info.default_value + ")") != std::string::npos;
    text += fmt::format("  --{:<15} {}{}\n", flag.name, info.description,
                        plain ? "" : fmt::format(" [{}]", info.default_value));
  }
  return text;
}

}  // namespace moka::tool
