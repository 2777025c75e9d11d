// Effective GFLOP/s of Winograd convolution, those of its direct form, and how many times faster
// it is, on one thread: TILE/NAME/PASS. Packing: the time of the weights' transform.
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "math/winograd.h"
#include "moka/math.h"
#include "shapes.h"

namespace moka::bench {
namespace {

const NamedConvolution kLayers[] = {
    {"ResNet/64@56", Square(8, 64, 56, 64, 3, 1)},
    {"ResNet/128@28", Square(8, 128, 28, 128, 3, 1)},
    {"ResNet/256@14", Square(8, 256, 14, 256, 3, 1)},
    {"ResNet/512@7", Square(8, 512, 7, 512, 3, 1)},
    {"Vgg/64@224", Square(4, 64, 224, 64, 3, 1)},
    {"Vgg/128@112", Square(4, 128, 112, 128, 3, 1)},
    {"Vgg/256@56", Square(4, 256, 56, 256, 3, 1)},
    {"Vgg/512@28", Square(4, 512, 28, 512, 3, 1)},
    {"Vgg/512@14", Square(4, 512, 14, 512, 3, 1)},
    {"Google/96-128@28", Square(16, 96, 28, 128, 3, 1)},
    {"Google/128-192@28", Square(16, 128, 28, 192, 3, 1)},
    {"Google/96-208@14", Square(16, 96, 14, 208, 3, 1)},
    {"Google/112-224@14", Square(16, 112, 14, 224, 3, 1)},
    {"Google/160-320@14", Square(16, 160, 14, 320, 3, 1)},
    {"Google/160-320@7", Square(16, 160, 7, 320, 3, 1)},
    {"Google/16-32@28", Square(16, 16, 28, 32, 5, 2)},
    {"Google/32-96@28", Square(16, 32, 28, 96, 5, 2)},
    {"Google/32-128@14", Square(16, 32, 14, 128, 5, 2)},
    {"Squeeze/16-64@55", Square(16, 16, 55, 64, 3, 1)},
    {"Squeeze/32-128@27", Square(16, 32, 27, 128, 3, 1)},
    {"Squeeze/48-192@13", Square(16, 48, 13, 192, 3, 1)},
    {"Squeeze/64-256@13", Square(16, 64, 13, 256, 3, 1)},
    {"Caffe/256-384@13", Square(32, 256, 13, 384, 3, 1)},
    {"Caffe/192-192@13", Square(32, 192, 13, 192, 3, 1)},
    {"Caffe/48-128@27", Square(32, 48, 27, 128, 5, 2)},
    {"Cifar/32-32@16", Square(100, 32, 16, 32, 5, 2)},
    {"Cifar/32-64@8", Square(100, 32, 8, 64, 5, 2)},
    {"LeNet/20-50@12", Square(64, 20, 12, 50, 5, 0)},
    {"One/64@56", Square(1, 64, 56, 64, 3, 1)},
    {"One/128@28", Square(1, 128, 28, 128, 3, 1)},
    {"One/256@14", Square(1, 256, 14, 256, 3, 1)},
    {"One/512@14", Square(1, 512, 14, 512, 3, 1)},
    {"One/512@7", Square(1, 512, 7, 512, 3, 1)},
};

// Processor time of this thread: other programs may run beside.
double Now() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

class Run {
 public:
  Run(const ConvolutionGeometry& geometry, ConvolutionPass pass, WinogradTile kind)
      : g(geometry), direct(geometry), tile(kind), packed(Random(WinogradFilterFloats(g, tile))) {
    direct.exact = true;
    scratch_ = Random(std::max(WinogradScratch(g, pass, tile), ConvolutionScratch(direct)) + 16);
    shared = Random(std::max(WinogradSharedScratch(g, tile), ConvolutionSharedScratch(direct)) + 1);
    WinogradPackFilter(context, g, pass, tile, w.data(), packed.data());
  }
  std::span<float> operator()(int) const { return scratch_; }
  double flops() const {
    return 2.0 * static_cast<double>(y.size()) * static_cast<double>(w.size()) /
           static_cast<double>(g.outputs);
  }

  ConvolutionGeometry g, direct;
  WinogradTile tile;
  Context context{{.threads = 1, .seed = 1}};
  std::vector<float> x = Random(g.batch * g.channels * g.height * g.width), dx = x;
  std::vector<float> w = Random(g.outputs * (g.channels / g.group) * g.kernel_h * g.kernel_w),
                     dw = w;
  std::vector<float> y = Random(g.batch * g.outputs * g.out_height() * g.out_width());
  std::vector<float> packed, shared;

 private:
  mutable std::vector<float> scratch_;
};

void Pack(Run& run, ConvolutionPass pass) {
  WinogradPackFilter(run.context, run.g, pass, run.tile, run.w.data(), run.packed.data());
}
void Winograd(Run& run, ConvolutionPass pass) {
  switch (pass) {
    case ConvolutionPass::kForward:
      return WinogradForward(run.context, run.g, run.tile, run.x.data(), run.packed.data(), nullptr,
                             run.y.data(), run);
    case ConvolutionPass::kBackwardData:
      return WinogradBackwardData(run.context, run.g, run.tile, run.packed.data(), run.y.data(),
                                  run.dx.data(), run);
    case ConvolutionPass::kBackwardWeights:
      return WinogradBackwardWeights(run.context, run.g, run.tile, run.x.data(), run.y.data(),
                                     run.dw.data(), false, nullptr, false, run, run.shared);
  }
}
// With its packing.
void Direct(Run& run, ConvolutionPass pass) {
  switch (pass) {
    case ConvolutionPass::kForward:
      return ConvolveForward(run.context, run.direct, run.x.data(), run.w.data(), nullptr,
                             run.y.data(), run);
    case ConvolutionPass::kBackwardData:
      return ConvolveBackwardData(run.context, run.direct, run.w.data(), run.y.data(),
                                  run.dx.data(), run);
    case ConvolutionPass::kBackwardWeights:
      return ConvolveBackwardWeights(run.context, run.direct, run.x.data(), run.y.data(),
                                     run.dw.data(), false, nullptr, false, run, run.shared);
  }
}

// The three by turns, the best of each.
void Time(benchmark::State& state, const ConvolutionGeometry& g, ConvolutionPass pass,
          WinogradTile tile) {
  Run run(g, pass, tile);
  double best[3] = {1e9, 1e9, 1e9};
  for (auto _ : state) {
    for (const auto& [i, body] : {std::pair(0, &Winograd), {1, &Direct}, {2, &Pack}}) {
      const double start = Now();
      body(run, pass);
      best[i] = std::min(best[i], Now() - start);
    }
  }
  state.counters["GFLOP/s"] = 1e-9 * run.flops() / best[0];
  state.counters["direct"] = 1e-9 * run.flops() / best[1];
  state.counters["gain"] = best[1] / best[0];
  if (pass != ConvolutionPass::kBackwardWeights) {
    state.counters["packing"] = best[2] / best[0];
    state.counters["gain_packing"] = best[1] / (best[0] + best[2]);
  }
}

[[maybe_unused]] const bool registered = [] {
  for (const NamedConvolution& c : kLayers) {
    for (const auto& [name, tile] : {std::pair("F4x3", WinogradTile::kF4x3),
                                     {"F2x5", WinogradTile::kF2x5},
                                     {"F2x3", WinogradTile::kF2x3}}) {
      for (const auto& [pass_name, pass] : {std::pair("forward", ConvolutionPass::kForward),
                                            {"data", ConvolutionPass::kBackwardData},
                                            {"weights", ConvolutionPass::kBackwardWeights}}) {
        if (!WinogradSuits(c.g, pass, tile)) continue;
        benchmark::RegisterBenchmark((std::string(name) + "/" + c.name + "/" + pass_name).c_str(),
                                     [g = c.g, tile = tile, pass = pass](benchmark::State& state) {
                                       Time(state, g, pass, tile);
                                     })
            ->Unit(benchmark::kMicrosecond)
            ->Iterations(12);
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace moka::bench
