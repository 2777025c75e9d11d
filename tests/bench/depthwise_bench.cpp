// Depthwise convolution at the shapes of MobileNet v1: GFLOP/s, and GB/s if each pass reads and
// writes its tensors once. A step is all three passes; tests/bench/depthwise_against_torch.py
// compares it with PyTorch's.
//
//   depthwise_bench --benchmark_filter=step/512@14_s1_k3/batch:8/threads:2
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "moka/tensor.h"
#include "shapes.h"

namespace moka::bench {
namespace {

// All arrays lie in one piece of memory, one after the other, as a net places them.
class Run {
 public:
  Run(const ConvolutionGeometry& geometry, int threads)
      : g(geometry),
        context({.threads = threads, .seed = 1}),
        memory_(Shape{2 * (x_size + y_size) + 4 * (w_size + g.outputs) + 1024 + Shared() +
                      Stride() * threads}) {
    scratch_ = Take(Stride() * threads);
    shared_ = Take(Shared());
    const std::vector<float> random = Random(memory_.shape().count());
    std::copy(random.begin(), random.end(), memory_.data());
  }
  std::span<float> operator()(int worker) const {
    return {scratch_ + worker * Stride(), static_cast<size_t>(Stride())};
  }

  void Forward() { ConvolveForward(context, g, x, w, bias, y, *this); }
  void Data() { ConvolveBackwardData(context, g, w, dy, dx, *this); }
  void Weights() {
    ConvolveBackwardWeights(context, g, x, dy, dw, false, db, false, *this,
                            {shared_, static_cast<size_t>(Shared())});
  }

  // `passes` passes of 2 flops for each product.
  void Report(benchmark::State& state, int passes) const {
    const double outputs = static_cast<double>(y_size);
    const auto rate = [&](double amount) {
      return benchmark::Counter(amount * passes * 1e-9,
                                benchmark::Counter::kIsIterationInvariantRate);
    };
    state.counters["GFLOP/s"] = rate(2 * outputs * static_cast<double>(g.kernel_h * g.kernel_w));
    state.counters["GB/s"] = rate(4 * (static_cast<double>(x_size) + outputs));
  }

  const ConvolutionGeometry g;
  const int64_t x_size = g.batch * g.channels * g.height * g.width,
                y_size = g.batch * g.outputs * g.out_height() * g.out_width(),
                w_size = g.outputs * g.kernel_h * g.kernel_w;
  Context context;

 private:
  int64_t Stride() const { return (ConvolutionScratch(g) + 31) / 16 * 16; }
  int64_t Shared() const { return ConvolutionSharedScratch(g); }
  float* Take(int64_t floats) {
    float* taken = memory_.data() + taken_;
    taken_ += (floats + 15) / 16 * 16;
    return taken;
  }

  Tensor memory_;
  int64_t taken_ = 0;
  float *x = Take(x_size), *dx = Take(x_size), *y = Take(y_size), *dy = Take(y_size);
  float *w = Take(w_size), *dw = Take(w_size), *bias = Take(g.outputs), *db = Take(g.outputs);
  float *scratch_, *shared_;
};

void Step(benchmark::State& state, const ConvolutionGeometry& g, int threads) {
  Run run(g, threads);
  for (auto _ : state) run.Forward(), run.Weights(), run.Data();
  run.Report(state, 3);
}
void Forward(benchmark::State& state, const ConvolutionGeometry& g, int threads) {
  Run run(g, threads);
  for (auto _ : state) run.Forward();
  run.Report(state, 1);
}
void Data(benchmark::State& state, const ConvolutionGeometry& g, int threads) {
  Run run(g, threads);
  for (auto _ : state) run.Data();
  run.Report(state, 1);
}
void Weights(benchmark::State& state, const ConvolutionGeometry& g, int threads) {
  Run run(g, threads);
  for (auto _ : state) run.Weights();
  run.Report(state, 1);
}

struct Layer {
  int64_t channels, size, stride, kernel, multiplier = 1;
};
constexpr Layer kLayers[] = {
    {32, 112, 1, 3}, {64, 112, 2, 3}, {128, 56, 1, 3}, {128, 56, 2, 3},    {256, 28, 1, 3},
    {256, 28, 2, 3}, {512, 14, 1, 3}, {512, 14, 2, 3}, {1024, 7, 1, 3},     // MobileNet v1
    {128, 28, 1, 5}, {128, 28, 2, 5}, {96, 56, 1, 7},  {128, 28, 1, 3, 2},  // others
};

[[maybe_unused]] const bool registered = [] {
  for (const Layer& l : kLayers) {
    for (const int64_t batch : {1, 8, 32}) {
      const ConvolutionGeometry g{.batch = batch,
                                  .channels = l.channels,
                                  .height = l.size,
                                  .width = l.size,
                                  .outputs = l.channels * l.multiplier,
                                  .group = l.channels,
                                  .kernel_h = l.kernel,
                                  .kernel_w = l.kernel,
                                  .stride_h = l.stride,
                                  .stride_w = l.stride,
                                  .pad_h = l.kernel / 2,
                                  .pad_w = l.kernel / 2};
      for (const int threads : {1, 2}) {
        const std::string name = std::to_string(l.channels) + "@" + std::to_string(l.size) + "_s" +
                                 std::to_string(l.stride) + "_k" + std::to_string(l.kernel) +
                                 (l.multiplier > 1 ? "_m" + std::to_string(l.multiplier) : "") +
                                 "/batch:" + std::to_string(batch) +
                                 "/threads:" + std::to_string(threads);
        const auto add = [&](const char* pass, auto body) {
          benchmark::RegisterBenchmark((pass + name).c_str(), body, g, threads)
              ->UseRealTime()
              ->Unit(benchmark::kMillisecond);
        };
        add("step/", Step);
        add("forward/", Forward);
        add("data/", Data);
        add("weights/", Weights);
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace moka::bench
