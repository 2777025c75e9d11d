// GFLOP/s of the three passes of convolution over one and three axes of space, on 1 and 2 threads.
#include <benchmark/benchmark.h>

#include <string>

#include "moka/convolution_nd.h"
#include "shapes.h"

namespace moka::bench {
namespace {

using Axis = ConvolutionNdGeometry::Axis;

ConvolutionNdGeometry Make(int64_t batch, int64_t channels, int64_t outputs,
                           const std::vector<Axis>& space) {
  ConvolutionNdGeometry g;
  g.batch = batch, g.channels = channels, g.outputs = outputs;
  g.axes = static_cast<int>(space.size());
  std::copy(space.begin(), space.end(), g.axis.begin());
  return g;
}
Axis Same(int64_t size, int64_t kernel) {
  return {.size = size, .kernel = kernel, .pad = kernel / 2};
}

const std::pair<const char*, ConvolutionNdGeometry> kShapes[] = {
    {"C3D/conv1a", Make(1, 3, 64, {Same(16, 3), Same(112, 3), Same(112, 3)})},
    {"C3D/conv3b", Make(1, 256, 256, {Same(8, 3), Same(28, 3), Same(28, 3)})},
    {"C3D/conv5b", Make(4, 512, 512, {Same(2, 3), Same(7, 3), Same(7, 3)})},
    {"R2+1D/space", Make(2, 64, 144, {Same(16, 1), Same(56, 3), Same(56, 3)})},
    {"R2+1D/time", Make(2, 144, 64, {Same(16, 3), Same(56, 1), Same(56, 1)})},
    {"Audio/long", Make(4, 64, 64, {Same(16000, 9)})},
    {"Audio/short", Make(32, 64, 64, {Same(200, 9)})},
};

struct Run {
  Run(const ConvolutionNdGeometry& geometry, int threads)
      : g(geometry), context({.threads = threads, .seed = 1}) {
    scratch.resize(static_cast<size_t>(threads) * Stride());
  }
  size_t Stride() const { return (static_cast<size_t>(ConvolutionScratch(g)) + 31) / 16 * 16; }
  std::span<float> operator()(int worker) const {
    return {scratch.data() + static_cast<size_t>(worker) * Stride(), Stride()};
  }
  void Report(benchmark::State& state) const {
    const double flops = 2.0 * static_cast<double>(y.size()) * static_cast<double>(w.size()) /
                         static_cast<double>(g.outputs);
    state.counters["GFLOP/s"] =
        benchmark::Counter(flops * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  }

  const ConvolutionNdGeometry g;
  Context context;
  std::vector<float> x = Random(g.batch * g.channels * g.in_plane()), dx = x;
  std::vector<float> w = Random(g.outputs * (g.channels / g.group) * g.kernel()), dw = w;
  std::vector<float> bias = Random(g.outputs), db = bias;
  std::vector<float> y = Random(g.batch * g.outputs * g.out_plane());
  std::vector<float> shared = Random(ConvolutionSharedScratch(g));
  mutable std::vector<float> scratch;
};

void Forward(benchmark::State& state, const ConvolutionNdGeometry& g, int threads) {
  Run r(g, threads);
  for (auto _ : state)
    ConvolveForward(r.context, g, r.x.data(), r.w.data(), r.bias.data(), r.y.data(), r);
  r.Report(state);
}
void Data(benchmark::State& state, const ConvolutionNdGeometry& g, int threads) {
  Run r(g, threads);
  for (auto _ : state) ConvolveBackwardData(r.context, g, r.w.data(), r.y.data(), r.dx.data(), r);
  r.Report(state);
}
void Weights(benchmark::State& state, const ConvolutionNdGeometry& g, int threads) {
  Run r(g, threads);
  for (auto _ : state) {
    ConvolveBackwardWeights(r.context, g, r.x.data(), r.y.data(), r.dw.data(), false, r.db.data(),
                            false, r, r.shared);
  }
  r.Report(state);
}

[[maybe_unused]] const bool registered = [] {
  for (const auto& [name, g] : kShapes)
    RegisterPasses<ConvolutionNdGeometry>(name, g, Forward, Data, Weights);
  return true;
}();

}  // namespace
}  // namespace moka::bench
