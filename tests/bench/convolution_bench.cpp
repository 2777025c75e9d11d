// GFLOP/s of the three passes of convolution, on 1 and 2 threads.
#include <benchmark/benchmark.h>

#include <string>

#include "shapes.h"

namespace moka::bench {
namespace {

class Run {
 public:
  Run(const ConvolutionGeometry& geometry, int threads)
      : g(geometry),
        context({.threads = threads, .seed = 1}),
        threads_(static_cast<size_t>(threads)) {
    scratch_.resize(threads_ * Stride());
  }
  std::span<float> operator()(int worker) const {
    return {scratch_.data() + static_cast<size_t>(worker) * Stride(), Stride()};
  }
  double flops() const {
    return 2.0 * static_cast<double>(y.size()) * static_cast<double>(w.size()) /
           static_cast<double>(g.outputs);
  }
  void Report(benchmark::State& state) const {
    state.counters["GFLOP/s"] =
        benchmark::Counter(flops() * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  }

  const ConvolutionGeometry g;
  Context context;
  std::vector<float> x = Random(g.batch * g.channels * g.height * g.width), dx = x;
  std::vector<float> w = Random(g.outputs * (g.channels / g.group) * g.kernel_h * g.kernel_w),
                     dw = w;
  std::vector<float> bias = Random(g.outputs), db = bias;
  std::vector<float> y = Random(g.batch * g.outputs * g.out_height() * g.out_width());
  std::vector<float> shared = Random(ConvolutionSharedScratch(g));

 private:
  size_t Stride() const { return (static_cast<size_t>(ConvolutionScratch(g)) + 31) / 16 * 16; }
  size_t threads_;
  mutable std::vector<float> scratch_;
};

void Forward(benchmark::State& state, const ConvolutionGeometry& g, int threads) {
  Run run(g, threads);
  for (auto _ : state)
    ConvolveForward(run.context, g, run.x.data(), run.w.data(), run.bias.data(), run.y.data(), run);
  run.Report(state);
}
void Data(benchmark::State& state, const ConvolutionGeometry& g, int threads) {
  Run run(g, threads);
  for (auto _ : state)
    ConvolveBackwardData(run.context, g, run.w.data(), run.y.data(), run.dx.data(), run);
  run.Report(state);
}
void Weights(benchmark::State& state, const ConvolutionGeometry& g, int threads) {
  Run run(g, threads);
  for (auto _ : state) {
    ConvolveBackwardWeights(run.context, g, run.x.data(), run.y.data(), run.dw.data(), false,
                            run.db.data(), false, run, run.shared);
  }
  run.Report(state);
}

[[maybe_unused]] const bool registered = [] {
  for (const NamedConvolution& c : kConvolutions)
    RegisterPasses<ConvolutionGeometry>(c.name, c.g, Forward, Data, Weights);
  return true;
}();

}  // namespace
}  // namespace moka::bench
