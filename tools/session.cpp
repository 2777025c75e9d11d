// What every subcommand that reads nets needs.
#include <glog/logging.h>

#include <charconv>

#include "command.h"
#include "flags.h"
#include "moka/error.h"
#include "moka/plugin.h"
#include "moka/tensor.h"

namespace moka::tool {
namespace {

// "500M", "4G": bytes.
int64_t BytesFrom(const std::string& text) {
  const std::string units = "KMGT";
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, number);
  const size_t unit = rest < end ? units.find(*rest) : std::string::npos;
  const bool fits = problem == std::errc() && number > 0 && number < (uint64_t{1} << 30);
  if (!fits || unit == std::string::npos || rest + 1 != end) {
    throw UsageError("--max_memory wants a size such as 500M or 4G, not \"" + text + "\"");
  }
  return static_cast<int64_t>(std::min(number << (10 * (unit + 1)), uint64_t{1} << 62));
}

ContextOptions OptionsFromFlags() {
  if (!FLAGS_max_memory.empty()) SetMemoryLimit(BytesFrom(FLAGS_max_memory));
  if (FLAGS_threads < 0)
    throw UsageError("--threads must be at least 0, not " + std::to_string(FLAGS_threads));
  ContextOptions options;
  options.threads = FLAGS_threads;
  options.seed = FLAGS_seed;
  return options;
}

}  // namespace

std::vector<std::string> SplitCommas(const std::string& text) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

Session::Session()
    : registry(LoadRegistry(SplitCommas(FLAGS_plugin))),
      schema(registry),
      context(OptionsFromFlags()) {
  if (!FLAGS_gpu.empty()) LOG(WARNING) << "--gpu has no effect: Moka runs on the CPU";
}

std::vector<std::string> Stages() { return SplitCommas(FLAGS_stage); }

Phase ChosenPhase() {
  if (FLAGS_phase.empty() || FLAGS_phase == "TRAIN") return TRAIN;
  if (FLAGS_phase == "TEST") return TEST;
  throw UsageError("--phase wants TRAIN or TEST, not \"" + FLAGS_phase + "\"");
}

void SetState(NetDescription& net) {
  if (!FLAGS_phase.empty()) net.state.set_phase(ChosenPhase());
  if (FLAGS_level != 0) net.state.set_level(FLAGS_level);
  for (const std::string& stage : Stages()) net.state.add_stage(stage);
}

void CheckFed(const Net& net) {
  if (net.input_names().empty()) return;
  throw Error(net.description().file, ": nothing feeds the input \"", net.input_names()[0],
              "\"; this needs a data layer");
}

void LogNotices(const std::vector<std::string>& notices) {
  for (const std::string& notice : notices) LOG(WARNING) << notice;
}

}  // namespace moka::tool
