// GFLOP/s of the matrix products behind InnerProduct: forward (y = x w'), data (dx = dy w), weights
// (dw = dy' x).
#include <benchmark/benchmark.h>

#include "shapes.h"

namespace moka::bench {
namespace {

struct Product {
  Transpose ta, tb;
};
constexpr Product kForward{Transpose::kNo, Transpose::kYes}, kData{Transpose::kNo, Transpose::kNo},
    kWeights{Transpose::kYes, Transpose::kNo};

void Multiply(benchmark::State& state, Product product, int64_t m, int64_t n, int64_t k) {
  Context context({.threads = static_cast<int>(state.range(0)), .seed = 1});
  const auto a = Random(m * k), b = Random(k * n);
  auto c = Random(m * n);
  for (auto _ : state)
    Gemm(context, product.ta, product.tb, m, n, k, 1, a.data(), b.data(), 0, c.data());
  state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * static_cast<double>(m * n * k),
                                                 benchmark::Counter::kIsIterationInvariantRate);
}

#define MOKA_PRODUCTS(name, batch, inputs, outputs)                             \
  BENCHMARK_CAPTURE(Multiply, name##_forward, kForward, batch, outputs, inputs) \
      ->ArgName("threads")                                                      \
      ->Arg(1)                                                                  \
      ->Arg(2)                                                                  \
      ->UseRealTime();                                                          \
  BENCHMARK_CAPTURE(Multiply, name##_data, kData, batch, inputs, outputs)       \
      ->ArgName("threads")                                                      \
      ->Arg(1)                                                                  \
      ->Arg(2)                                                                  \
      ->UseRealTime();                                                          \
  BENCHMARK_CAPTURE(Multiply, name##_weights, kWeights, outputs, inputs, batch) \
      ->ArgName("threads")                                                      \
      ->Arg(1)                                                                  \
      ->Arg(2)                                                                  \
      ->UseRealTime()

MOKA_PRODUCTS(lenet_ip1, 64, 800, 500);
MOKA_PRODUCTS(lenet_ip2, 64, 500, 10);
MOKA_PRODUCTS(cifar_ip1, 100, 1024, 64);
MOKA_PRODUCTS(mlp_ip1, 100, 784, 1000);
MOKA_PRODUCTS(mlp_ip2, 100, 1000, 1000);
MOKA_PRODUCTS(caffenet_fc7, 64, 4096, 4096);

}  // namespace
}  // namespace moka::bench
