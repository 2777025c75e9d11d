// moka time --json.
#include <fmt/format.h>

#include "timing.h"

namespace moka::tool {
namespace {

// Names are UTF-8: what reads nets sees to that.
std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      quoted += fmt::format("\\u{:04x}", c);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

// 0 is what was not measured.
std::string Number(double value) { return value > 0 ? fmt::format("{:.6g}", value) : "null"; }

std::string Pass(const std::string& name, const PassTime& pass, double peak_gflops) {
  return fmt::format(
      "\"{0}_ms\": {1:.6g}, \"{0}_flops\": {2}, \"{0}_bytes\": {3}, \"{0}_gflops\": {4}, "
      "\"{0}_percent_of_peak\": {5}, \"{0}_gbs\": {6}",
      name, pass.ms, 2 * pass.work.multiply_adds, pass.work.bytes, Number(pass.gflops()),
      Number(peak_gflops > 0 ? 100 * pass.gflops() / peak_gflops : 0), Number(pass.gigabytes()));
}

std::string Layer(const LayerTime& time, double peak_gflops) {
  std::string text =
      fmt::format("{{\"name\": {}, \"type\": {}, {}", Quoted(time.layer.name),
                  Quoted(time.layer.type), Pass("forward", time.forward, peak_gflops));
  if (time.has_backward) text += ", " + Pass("backward", time.backward, peak_gflops);
  return text + "}";
}

int64_t Images(const std::vector<LayerTime>& layers) {
  if (layers.empty() || layers[0].layer.top_shapes.empty()) return 1;
  return layers[0].layer.top_shapes[0].size_or_1(0);
}

}  // namespace

std::string ToJson(const TimeReport& report) {
  std::string layers;
  for (const LayerTime& time : report.layers) {
    layers += (layers.empty() ? "" : ", ") + Layer(time, report.peak_gflops);
  }
  const bool backward = report.both_ms > 0;
  const double whole_ms = report.step_ms > 0 ? report.step_ms : report.forward_ms;
  const PassTime forward = Total(report.layers, false, report.forward_ms);
  const PassTime whole = Total(report.layers, backward, whole_ms);
  const double share = report.peak_gflops > 0 ? 100 / report.peak_gflops : 0;
  const MemoryPlan& memory = report.memory;
  return fmt::format(
      "{{\"net\": {}, \"phase\": \"{}\", \"threads\": {}, \"peak_gflops\": {}, \"copy_gbs\": {}, "
      "\"batch\": {}, \"layers\": [{}], \"forward_ms\": {}, \"forward_backward_ms\": {}, "
      "\"step_ms\": {}, \"images_per_second\": {}, \"forward_gflops\": {}, "
      "\"forward_percent_of_peak\": {}, \"step_gflops\": {}, \"step_percent_of_peak\": {}, "
      "\"memory\": {{\"plan_bytes\": {}, \"kept_bytes\": {}, \"weight_bytes\": {}, "
      "\"gradient_bytes\": {}, \"history_bytes\": {}}}}}",
      Quoted(report.net), report.phase == TRAIN ? "TRAIN" : "TEST", report.threads,
      Number(report.peak_gflops), Number(report.copy_gigabytes), Images(report.layers), layers,
      Number(report.forward_ms), Number(report.both_ms), Number(report.step_ms),
      Number(whole_ms > 0 ? 1e3 * static_cast<double>(Images(report.layers)) / whole_ms : 0),
      Number(forward.gflops()), Number(share * forward.gflops()),
      Number(report.step_ms > 0 ? whole.gflops() : 0),
      Number(report.step_ms > 0 ? share * whole.gflops() : 0), memory.bytes, memory.kept_bytes,
      memory.param_bytes, memory.gradient_bytes, report.history_bytes);
}

}  // namespace moka::tool
