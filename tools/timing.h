// How `moka time` measures: the median of several passes, and the work that they do.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "moka/net.h"

namespace moka::tool {

using Clock = std::chrono::steady_clock;

double Milliseconds(Clock::time_point since);
// 0 of no values.
double Median(std::vector<double> values);

// Random numbers into what nobody feeds: data, or classes where they are read as labels.
void FillInputs(Net& net, uint64_t seed);

bool RunsBackward(const Net& net);

// What a pass reads and writes at least, in bytes, and how many multiply-adds it does.
struct Work {
  int64_t bytes = 0;
  int64_t multiply_adds = 0;

  double flops() const { return 2.0 * static_cast<double>(multiply_adds); }
};

// One pass of a layer, or of a net. Rates are 0 where there is no such work, or no time to speak
// of: another layer may do the work.
struct PassTime {
  double ms = 0;
  Work work;

  double gflops() const { return Rate(work.flops()); }
  double gigabytes() const { return Rate(static_cast<double>(work.bytes)); }

 private:
  double Rate(double amount) const { return ms < 1e-3 ? 0 : amount / ms / 1e6; }
};

struct LayerTime {
  LayerInfo layer;  // whose params live as long as the net
  PassTime forward, backward;
  bool has_backward = false;
};

// The median of --iterations passes for each layer. What a backward pass must do depends on the
// gradients that the net wants of it.
std::vector<LayerTime> TimeLayers(Net& net, const Registry& registry, bool backward);

// The multiply-adds of all layers, done in `ms`: those of a forward pass, with `backward` also of
// the backward one. No bytes: what one layer writes the next may find in a cache.
PassTime Total(const std::vector<LayerTime>& layers, bool backward, double ms);

// What moka time found out. Times that were not taken are 0.
struct TimeReport {
  std::string net;
  Phase phase = TRAIN;
  int threads = 1;
  double peak_gflops = 0;
  double copy_gigabytes = 0;  // for one layer
  std::vector<LayerTime> layers;
  double forward_ms = 0, both_ms = 0, step_ms = 0;
  MemoryPlan memory;
  int64_t history_bytes = 0;
};

// As one JSON object on a line.
std::string ToJson(const TimeReport& report);

// moka time --layer=TEXT --shape=SHAPE...
void TimeOneLayer();

}  // namespace moka::tool
