// The measure of loops that are bound by memory: a plain copy of as many bytes, timed in turn with
// them, so that what else the machine does slows both.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "moka/elementwise.h"

namespace moka::bench {

// Copies `bytes` / 2 bytes: as many bytes read as written.
class PlainCopy {
 public:
  explicit PlainCopy(int64_t bytes)
      : x_(Shape{bytes / 2 / static_cast<int64_t>(sizeof(float))}), y_(x_.shape()) {
    x_.Fill(1);
  }

  // With ordinary stores: the compiler would make a call of memcpy of a copy alone, which stores
  // around the cache. So it is a product, with what only we know to be 1.
  void operator()(Context& context) {
    const float one = one_;
    context.ParallelFor(x_.count(), kElementGrain,
                        [one, x = x_.data(), y = y_.data()](int64_t begin, int64_t end) {
                          Vectorised([=] {
#pragma GCC ivdep
                            for (int64_t i = begin; i < end; ++i) y[i] = one * x[i];
                          });
                        });
  }

 private:
  volatile float one_ = 1;
  Tensor x_, y_;  // on huge pages, as in a net
};

inline double Median(std::vector<double>& values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Runs f() as the benchmark's loop, each time after a copy. `bytes`: each input of f counted once
// as read, each output once as written. Reports bytes per second, and of_copy: f's rate over the
// copy's, of medians. The benchmark must say UseManualTime().
template <typename F>
void AgainstCopy(benchmark::State& state, Context& context, int64_t bytes, F f) {
  using Clock = std::chrono::steady_clock;
  PlainCopy copy(bytes);
  std::vector<double> copies, times;
  for (auto _ : state) {
    const auto start = Clock::now();
    copy(context);
    const auto middle = Clock::now();
    f();
    const auto end = Clock::now();
    copies.push_back(std::chrono::duration<double>(middle - start).count());
    times.push_back(std::chrono::duration<double>(end - middle).count());
    state.SetIterationTime(times.back());
  }
  state.SetBytesProcessed(state.iterations() * bytes);
  state.counters["of_copy"] = Median(copies) / Median(times);
  state.counters["copy_GB/s"] = static_cast<double>(bytes) / Median(copies) * 1e-9;
}

}  // namespace moka::bench
