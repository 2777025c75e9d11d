// How `moka time` measures: the median of several passes.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "moka/net.h"

namespace moka::tool {

using Clock = std::chrono::steady_clock;

double Milliseconds(Clock::time_point since);
// 0 of no values.
double Median(std::vector<double> values);

// Collects a time for each layer and pass, in milliseconds.
class LayerTimer final : public NetObserver {
 public:
  explicit LayerTimer(int layers)
      : forward(static_cast<size_t>(layers)), backward(static_cast<size_t>(layers)) {}
  void BeforeForward(const Net&, int) override { start_ = Clock::now(); }
  void AfterForward(const Net&, int i) override {
    forward[static_cast<size_t>(i)].push_back(Milliseconds(start_));
  }
  void BeforeBackward(const Net&, int) override { start_ = Clock::now(); }
  void AfterBackward(const Net&, int i) override {
    backward[static_cast<size_t>(i)].push_back(Milliseconds(start_));
  }

  std::vector<std::vector<double>> forward, backward;

 private:
  Clock::time_point start_;
};

bool RunsBackward(const Net& net);
// Random values in all inputs; in one that is read as labels, random classes.
void FillInputs(Net& net, uint64_t seed);
// Runs the net --iterations times.
LayerTimer TimeLayers(Net& net, bool backward);

// moka time --layer=TEXT --shape=SHAPE...
void TimeOneLayer();

}  // namespace moka::tool
