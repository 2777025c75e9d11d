// GFLOP/s of the three passes of convolution, on 1 and 2 threads, with weights that are packed
// already. NAME/exact: by plain sums, where Winograd's algorithm is chosen else.
#include <benchmark/benchmark.h>

#include <new>
#include <string>

#include "shapes.h"

namespace moka::bench {
namespace {

// From the beginning of a line of the cache on, as a net's tensors.
template <typename T>
struct OnLines {
  using value_type = T;
  OnLines() = default;
  template <typename U>
  OnLines(const OnLines<U>&) {}
  T* allocate(size_t n) {
    return static_cast<T*>(::operator new (n * sizeof(T), std::align_val_t{64}));
  }
  void deallocate(T* p, size_t) { ::operator delete (p, std::align_val_t{64}); }
  friend bool operator==(const OnLines&, const OnLines&) { return true; }
};
using Lines = std::vector<float, OnLines<float>>;

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

  PackedWeights Packed(ConvolutionPass pass) {
    packed_.resize(static_cast<size_t>(PackedWeightsFloats(g, pass)));
    PackWeights(context, g, pass, w.data(), packed_);
    return {w.data(), packed_.empty() ? nullptr : packed_.data()};
  }

  const ConvolutionGeometry g;
  Context context;
  Lines x = Random(g.batch * g.channels * g.height * g.width), dx = x;
  Lines w = Random(g.outputs * (g.channels / g.group) * g.kernel_h * g.kernel_w), dw = w;
  Lines bias = Random(g.outputs), db = bias;
  Lines y = Random(g.batch * g.outputs * g.out_height() * g.out_width());
  Lines shared = Random(ConvolutionSharedScratch(g));

 private:
  static Lines Random(int64_t count) {
    const std::vector<float> values = bench::Random(count);
    return {values.begin(), values.end()};
  }
  size_t Stride() const { return (static_cast<size_t>(ConvolutionScratch(g)) + 31) / 16 * 16; }
  size_t threads_;
  mutable Lines scratch_;
  Lines packed_;
};

void Forward(benchmark::State& state, const ConvolutionGeometry& g, int threads) {
  Run run(g, threads);
  const PackedWeights packed = run.Packed(ConvolutionPass::kForward);
  const Epilogue epilogue{.shift = run.bias.data()};
  for (auto _ : state)
    ConvolveForward(run.context, g, run.x.data(), packed, epilogue, run.y.data(), run);
  run.Report(state);
}
void Data(benchmark::State& state, const ConvolutionGeometry& g, int threads) {
  Run run(g, threads);
  const PackedWeights packed = run.Packed(ConvolutionPass::kBackwardData);
  for (auto _ : state)
    ConvolveBackwardData(run.context, g, packed, run.y.data(), run.dx.data(), run);
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
  for (const auto& [name, g] : kConvolutions) {
    RegisterPasses<ConvolutionGeometry>(name, g, Forward, Data, Weights);
    ConvolutionGeometry exact = g;
    exact.exact = true;
    if (g.kernel_h > 1 && g.stride_h == 1)
      RegisterPasses<ConvolutionGeometry>(std::string(name) + "/exact", exact, Forward, Data,
                                          Weights);
  }
  return true;
}();

}  // namespace
}  // namespace moka::bench
