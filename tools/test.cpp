// moka test: the mean outputs of a trained net.
#include <fmt/format.h>
#include <glog/logging.h>

#include "command.h"
#include "console.h"
#include "flags.h"
#include "moka/error.h"
#include "moka/net.h"
#include "moka/weights.h"
#include "weights_table.h"

namespace moka::tool {
namespace {

void LoadAll(OnMismatch on_mismatch, Net& net) {
  const LoadReport report = LoadAllWeights(SplitCommas(FLAGS_weights), net.weights(), on_mismatch);
  LogWeights(report);
  std::vector<std::string> without = report.initial;
  without.insert(without.end(), report.skipped.begin(), report.skipped.end());
  if (!without.empty()) {
    LOG(WARNING) << "what is tested has initial values, no trained ones, in "
                 << fmt::format("{}", fmt::join(without, ", "));
  }
  for (const std::string& blob : report.not_finite) LOG(WARNING) << blob;
}

}  // namespace

int RunTest(const Arguments&) {
  if (FLAGS_model.empty()) throw UsageError("moka test needs --model=FILE");
  if (SplitCommas(FLAGS_weights).empty()) throw UsageError("moka test needs --weights=FILE");
  if (FLAGS_iterations < 1)
    throw UsageError(fmt::format("--iterations must be at least 1, not {}", FLAGS_iterations));
  const OnMismatch on_mismatch = ChosenOnMismatch();
  Session session;
  NetDescription description = session.schema.ReadNet(FLAGS_model);
  SetState(description);
  LogNotices(description.notices);
  NetOptions options;
  options.phase = TEST;
  options.backward = false;
  Net net(std::move(description), session.registry, session.context, options);
  CheckFed(net);
  LoadAll(on_mismatch, net);

  std::vector<std::vector<double>> sums;
  double loss = 0;
  for (int batch = 0; batch < FLAGS_iterations; ++batch) {
    loss += net.Forward();
    const std::vector<NetOutput> outputs = net.outputs();
    sums.resize(outputs.size());
    for (size_t o = 0; o < outputs.size(); ++o) {
      sums[o].resize(static_cast<size_t>(outputs[o].values->count()));
      for (size_t i = 0; i < sums[o].size(); ++i) {
        const double value = outputs[o].values->data()[i];
        sums[o][i] += value;
        LOG(INFO) << "Batch " << batch << ", " << outputs[o].name << " = " << Number(value);
      }
    }
  }
  fmt::print("Loss: {}\n", Number(loss / FLAGS_iterations));
  const std::vector<NetOutput> outputs = net.outputs();
  for (size_t o = 0; o < outputs.size(); ++o) {
    for (const double sum : sums[o]) {
      fmt::print("{} = {}\n", outputs[o].name,
                 WithLoss(sum / FLAGS_iterations, outputs[o].loss_weight));
    }
  }
  return 0;
}

}  // namespace moka::tool
