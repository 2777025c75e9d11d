// moka: trains, tests and explains nets. A table of subcommands, and the only catch-all.
#include <fmt/format.h>
#include <glog/logging.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "command.h"
#include "flags.h"
#include "moka/error.h"
#include "moka/version.h"

namespace moka::tool {
namespace {

constexpr const char* kTrainDetails =
    R"(Trains as the solver file says. A snapshot is PREFIX_iter_N.caffemodel and PREFIX_iter_N.solverstate.
PREFIX is snapshot_prefix; if that is a folder, files in it have the solver file's name; without one,
they lie beside the solver file.

In the solver file, snapshot_keep: K leaves the newest K snapshots; snapshot_best: "accuracy" keeps the
one with the best test as PREFIX_best_iter_N; ema_decay: 0.999 tests with the mean of the weights, and
writes it as PREFIX_iter_N_averaged.caffemodel.

--snapshot=FILE and --resume=FILE are the same. With --resume=auto the same command begins a training
and, whenever it ended too soon, goes on with it; --weights then count only where the training begins.

SIGINT (Ctrl-C) and SIGTERM stop after the iteration, with a snapshot unless snapshot_after_train is
false, and with status 130 or 143; a second signal stops at once, without. SIGHUP writes a snapshot and
goes on.)";

constexpr const char* kTimeDetails =
    R"(Inputs that nobody feeds are filled with random numbers.
One layer alone: moka time --layer='type: "TanH"' --shape=64x256x28x28
In phase TEST the net is made without a way back, as for inference.

GFLOP/s counts multiply-adds as two operations, those of convolutions and inner products; a backward
pass has as many for the gradients of its bottoms as Forward, and again for those of its params.
% peak is their share of what a loop of multiply-adds in registers reaches on all threads, measured
before. GB/s counts each value that a pass must read or write once: blobs, params and gradients.
What one layer left in a cache the next reads faster than memory allows. A layer of 0 ms and no
rates has its work done by another one.

--json prints one object:
  net, phase, threads, batch, peak_gflops; copy_gbs, with --layer: bytes read and written by a copy
  layers         an array of {name, type, forward_ms, forward_flops, forward_bytes, forward_gflops,
                 forward_percent_of_peak, forward_gbs}, and the same of backward where there is one
  forward_ms, forward_backward_ms, step_ms (with SGD update), images_per_second (of the step, or
                 forward), forward_gflops, forward_percent_of_peak, step_gflops,
                 step_percent_of_peak: medians of the whole
  memory         {plan_bytes, kept_bytes, weight_bytes, gradient_bytes, history_bytes}
What does not apply is null.)";

// Flags that mean something of their own in one command.
constexpr CommandFlag kWeightsToBeginWith = {
    "weights",
    "weights to begin with: one or more .caffemodel or .caffemodel.h5 files, separated by commas; "
    "where several have "
    "a layer, the last in which it fits counts"};
constexpr CommandFlag kTimedIterations = {"iterations",
                                          "how often each layer runs for its median time (50)"};
constexpr CommandFlag kShownIterations = {"iterations", "how many iterations to show (max_iter)"};

const std::vector<Command>& Commands() {
  static const std::vector<Command> commands = {
      {"train",
       "--solver=FILE [flags]",
       "train a net, or go on training it",
       kTrainDetails,
       {"solver", "snapshot", "resume", kWeightsToBeginWith, "on_mismatch", "check_numerics",
        "level", "stage", "sigint_effect", "sighup_effect", "plugin", "max_memory", "threads",
        "seed", "gpu"},
       0,
       &RunTrain},
      {"test",
       "--model=FILE --weights=FILE [flags]",
       "measure a trained net",
       "Runs the net's TEST phase and prints the mean of each output.",
       {"model", "weights", "on_mismatch", "iterations", "level", "stage", "plugin", "max_memory",
        "threads", "seed", "gpu"},
       0,
       &RunTest},
      {"time",
       "--model=FILE | --layer=TEXT --shape=SHAPE [flags]",
       "time each layer, forward and backward",
       kTimeDetails,
       {"model", "batch", "layer", "shape", kTimedIterations, "json", "phase", "level", "stage",
        "plugin", "max_memory", "threads", "seed", "gpu"},
       0,
       &RunTime},
      {"layers",
       "[TYPE] [flags]",
       "list the layer types, or explain one",
       "",
       {"plugin", "markdown"},
       1,
       &RunLayers},
      {"summary",
       "NET [flags]",
       "show a net's layers, shapes, parameters, work and memory",
       "",
       {"phase", "level", "stage", "plugin", "max_memory", "threads"},
       1,
       &RunSummary},
      {"lr",
       "SOLVER [flags]",
       "show how a solver's learning rate moves, before any training",
       "A table of iterations and rates, and a plot.\n"
       "A policy that looks at the loss, as plateau does, is shown one that never changes.",
       {kShownIterations, "plugin"},
       1,
       &RunLr},
      {"new-layer",
       "NAME [FOLDER] [flags]",
       "begin a layer of your own: a small project that builds and trains",
       "NAME is the layer's type, such as GatedUnit. The project comes into FOLDER, or gated_unit "
       "here.\n"
       "Types of parameters: float, double, int, int32, int64, uint32, uint64, bool, string.\n"
       "moka new-layer Snake --params=\"alpha:float=1\"",
       {"params", "elementwise", "with-weights", "loss"},
       2,
       &RunNewLayer},
      {"plugin",
       "list | inspect FILE | check FILE [TYPE...] [flags]",
       "list plugins, explain one, or prove its layers right",
       "list     every place that is searched, the plugins in it, and what each brings; or why it "
       "is "
       "refused\n"
       "inspect  what a plugin was built with; its types with their parameters\n"
       "check    runs each layer of a plugin in the cases that it declares, or in some that fit, "
       "and "
       "says which\n"
       "         promise is broken, at which element. Other types are checked lightly. TYPE: these "
       "only.\n"
       "inspect and check look at FILE beside what is built in and what --plugin names, nothing "
       "else.",
       {"plugin"},
       std::numeric_limits<size_t>::max(),
       &RunPlugin},
  };
  return commands;
}

std::vector<std::string> CommandNames() {
  std::vector<std::string> names;
  for (const Command& command : Commands()) names.push_back(command.name);
  return names;
}

const Command& FindCommand(const std::string& name) {
  for (const Command& command : Commands()) {
    if (name == command.name) return command;
  }
  if (name.rfind("-", 0) == 0) throw UsageError("the command comes first: moka COMMAND [flags]");
  throw UsageError(
      fmt::format("there is no command \"{}\"{}", name, DidYouMean(name, CommandNames())));
}

std::string Overview() {
  std::string text = fmt::format(
      "moka {}: nets as files, layers as plugins\n\nusage: moka COMMAND [flags]\n\n", MOKA_VERSION);
  for (const Command& command : Commands())
    text += fmt::format("  {:<9} {}\n", command.name, command.summary);
  return text +
         "\n`moka help COMMAND` lists its flags.\n"
         "Exit status: 0 done, 1 an error in the input or the run, 2 a wrong command line,\n"
         "3 numbers that are not finite, 128 + the signal that stopped a training: 130 by Ctrl-C,\n"
         "143 by SIGTERM.\n";
}

void PrintHelp(const Command& command) {
  fmt::print("usage: moka {} {}\n\n{}.\n", command.name, command.synopsis, command.summary);
  if (*command.details != 0) fmt::print("{}\n", command.details);
  fmt::print("\n{}", DescribeFlags(command));
}

bool AsksForHelp(const std::string& word) {
  return word == "--help" || word == "-help" || word == "-h";
}

// Flags may stand before the command too, as in `moka --plugin libsnake.so layers`: they go behind
// it.
Arguments CommandFirst(const Arguments& words) {
  size_t at = 0;
  while (at < words.size() && words[at].rfind("-", 0) == 0 && !AsksForHelp(words[at])) {
    const bool whole = words[at].find('=') != std::string::npos || IsSwitch(words[at]);
    at += whole ? 1 : 2;  // the value of other flags is the next word
  }
  if (at == 0 || at >= words.size() || AsksForHelp(words[at])) return words;
  Arguments ordered(words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
  ordered.insert(ordered.end(), words.begin(), words.begin() + static_cast<std::ptrdiff_t>(at));
  return ordered;
}

int Run(const Arguments& given) {
  const Arguments words = CommandFirst(given);
  if (words.empty()) {
    std::fputs(Overview().c_str(), stderr);
    return kUsageStatus;
  }
  if (AsksForHelp(words[0]) || (words[0] == "help" && words.size() == 1)) {
    fmt::print("{}", Overview());
    return 0;
  }
  if (words[0] == "--version" || words[0] == "-version" || words[0] == "version") {
    fmt::print("moka {}\n", MOKA_VERSION);
    return 0;
  }
  if (words[0] == "help") {
    if (words.size() > 2) throw UsageError("moka help wants one command");
    PrintHelp(FindCommand(words[1]));
    return 0;
  }
  const Command& command = FindCommand(words[0]);
  const Arguments rest(words.begin() + 1, words.end());
  for (const std::string& word : rest) {
    if (!AsksForHelp(word)) continue;
    PrintHelp(command);
    return 0;
  }
  const int status = command.run(ParseFlags(command, rest));
  if (std::fflush(stdout) != 0) throw Error("cannot write the output: ", std::strerror(errno));
  return status;
}

// Where the help for a wrong command line is.
std::string HelpFor(const Arguments& words) {
  const std::vector<std::string> names = CommandNames();
  const bool known =
      !words.empty() && std::find(names.begin(), names.end(), words[0]) != names.end();
  return known ? fmt::format("`moka help {}` lists its flags.", words[0])
               : "`moka help` shows how it is used.";
}

// stderr may be a terminal that is gone: then the status has to say it.
int Fail(const std::string& text, int status) {
  std::fputs((text + "\n").c_str(), stderr);
  return status;
}

int Guarded(const Arguments& words) {
  try {
    return Run(words);
  } catch (const UsageError& error) {
    return Fail(fmt::format("moka: {}\n{}", error.what(), HelpFor(words)), kUsageStatus);
  } catch (const Error& error) {
    return Fail(error.what(), error.exit_status());
  } catch (const std::exception& error) {
    return Fail(fmt::format("moka: {}", error.what()), 1);
  } catch (...) {
    return Fail("moka: an unknown exception", 1);
  }
}

}  // namespace
}  // namespace moka::tool

int main(int argc, char** argv) {
  FLAGS_logtostderr = true;
  FLAGS_log_year_in_prefix = false;  // as Caffe's logs, which people's scripts read
  google::InitGoogleLogging(argv[0]);
  return moka::tool::Guarded(moka::tool::Arguments(argv + 1, argv + argc));
}
