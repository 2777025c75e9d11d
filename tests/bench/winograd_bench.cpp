// Effective GFLOP/s of Winograd convolution, those of its direct form, for layers of well-known
// nets, on one thread: Tile/NAME/PASS.
#include <benchmark/benchmark.h>

#include <string>

#include "math/winograd.h"
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

class Run {
 public:
  Run(const ConvolutionGeometry& geometry, ConvolutionPass pass, WinogradTile kind)
      : g(geometry),
        tile(kind),
        packed(Random(WinogradFilterFloats(g, tile))),
        shared(
            Random(pass == ConvolutionPass::kBackwardWeights ? WinogradSharedScratch(g, tile) : 0)),
        scratch_(Random(WinogradScratch(g, pass, tile))) {
    WinogradPackFilter(context, g, pass, tile, w.data(), packed.data());
  }
  std::span<float> operator()(int) const { return scratch_; }
  void Report(benchmark::State& state) const {
    state.counters["GFLOP/s"] =
        benchmark::Counter(2e-9 * static_cast<double>(y.size()) * static_cast<double>(w.size()) /
                               static_cast<double>(g.outputs),
                           benchmark::Counter::kIsIterationInvariantRate);
  }

  const ConvolutionGeometry g;
  const WinogradTile tile;
  Context context{{.threads = 1, .seed = 1}};
  std::vector<float> x = Random(g.batch * g.channels * g.height * g.width), dx = x;
  std::vector<float> w = Random(g.outputs * (g.channels / g.group) * g.kernel_h * g.kernel_w),
                     dw = w;
  std::vector<float> y = Random(g.batch * g.outputs * g.out_height() * g.out_width());
  std::vector<float> packed, shared;

 private:
  mutable std::vector<float> scratch_;
};

void Forward(benchmark::State& state, const ConvolutionGeometry& g, WinogradTile tile) {
  Run run(g, ConvolutionPass::kForward, tile);
  for (auto _ : state) {
    WinogradForward(run.context, g, tile, run.x.data(), run.packed.data(), nullptr, run.y.data(),
                    run);
  }
  run.Report(state);
}
void Data(benchmark::State& state, const ConvolutionGeometry& g, WinogradTile tile) {
  Run run(g, ConvolutionPass::kBackwardData, tile);
  for (auto _ : state) {
    WinogradBackwardData(run.context, g, tile, run.packed.data(), run.y.data(), run.dx.data(), run);
  }
  run.Report(state);
}
void Weights(benchmark::State& state, const ConvolutionGeometry& g, WinogradTile tile) {
  Run run(g, ConvolutionPass::kBackwardWeights, tile);
  for (auto _ : state) {
    WinogradBackwardWeights(run.context, g, tile, run.x.data(), run.y.data(), run.dw.data(), false,
                            run, run.shared);
  }
  run.Report(state);
}
void Pack(benchmark::State& state, const ConvolutionGeometry& g, WinogradTile tile) {
  Run run(g, ConvolutionPass::kForward, tile);
  for (auto _ : state) {
    WinogradPackFilter(run.context, g, ConvolutionPass::kForward, tile, run.w.data(),
                       run.packed.data());
  }
  run.Report(state);
}

[[maybe_unused]] const bool registered = [] {
  for (const NamedConvolution& c : kLayers) {
    const auto add = [&](const char* tile_name, WinogradTile tile) {
      const auto one = [&](const char* pass, auto body) {
        benchmark::RegisterBenchmark(
            (std::string(tile_name) + "/" + c.name + "/" + pass).c_str(),
            [body, g = c.g, tile](benchmark::State& state) { body(state, g, tile); })
            ->Unit(benchmark::kMicrosecond)
            ->MinTime(0.15);
      };
      one("forward", Forward);
      one("data", Data);
      one("weights", Weights);
      one("pack", Pack);
    };
    if (c.g.kernel_h == 5) {
      add("F2x5", WinogradTile::kF2x5);
    } else {
      add("F4x3", WinogradTile::kF4x3);
      add("F2x3", WinogradTile::kF2x3);
    }
  }
  return true;
}();

}  // namespace
}  // namespace moka::bench
