// Time of pooling, forward (with what Backward needs) and backward, on 1 and 2 threads.
#include <benchmark/benchmark.h>

#include "shapes.h"

namespace moka::bench {
namespace {

PoolingGeometry Make(int64_t planes, int64_t size, int64_t kernel, int64_t stride) {
  const int64_t out = (size - kernel + stride - 1) / stride + 1;
  return {.planes = planes,
          .height = size,
          .width = size,
          .out_height = out,
          .out_width = out,
          .kernel_h = kernel,
          .kernel_w = kernel,
          .stride_h = stride,
          .stride_w = stride};
}

enum Pass { kMaxForward, kMaxBackward, kAverageForward, kAverageBackward };

void Pool(benchmark::State& state, Pass pass, PoolingGeometry g) {
  Context context({.threads = static_cast<int>(state.range(0)), .seed = 1});
  auto x = Random(g.planes * g.height * g.width), y = Random(g.planes * g.out_height * g.out_width);
  std::vector<uint8_t> mask(y.size());
  MaxPoolForward(context, g, x.data(), y.data(), mask.data());
  for (auto _ : state) {
    if (pass == kMaxForward) MaxPoolForward(context, g, x.data(), y.data(), mask.data());
    if (pass == kMaxBackward) MaskPoolBackward(context, g, mask.data(), y.data(), x.data());
    if (pass == kAverageForward) AveragePoolForward(context, g, x.data(), y.data());
    if (pass == kAverageBackward) AveragePoolBackward(context, g, y.data(), x.data());
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<int64_t>((x.size() + y.size()) * sizeof(float)));
}

#define MOKA_POOL(name, pass, ...)                       \
  BENCHMARK_CAPTURE(Pool, name, pass, Make(__VA_ARGS__)) \
      ->ArgName("threads")                               \
      ->Arg(1)                                           \
      ->Arg(2)                                           \
      ->UseRealTime()                                    \
      ->Unit(benchmark::kMicrosecond)

MOKA_POOL(lenet_pool1_forward, kMaxForward, 64 * 20, 24, 2, 2);
MOKA_POOL(lenet_pool1_backward, kMaxBackward, 64 * 20, 24, 2, 2);
MOKA_POOL(lenet_pool2_forward, kMaxForward, 64 * 50, 8, 2, 2);
MOKA_POOL(lenet_pool2_backward, kMaxBackward, 64 * 50, 8, 2, 2);
MOKA_POOL(cifar_pool1_forward, kMaxForward, 100 * 32, 32, 3, 2);
MOKA_POOL(cifar_pool1_backward, kMaxBackward, 100 * 32, 32, 3, 2);
MOKA_POOL(cifar_pool2_forward, kAverageForward, 100 * 32, 16, 3, 2);
MOKA_POOL(cifar_pool2_backward, kAverageBackward, 100 * 32, 16, 3, 2);
MOKA_POOL(cifar_pool3_forward, kAverageForward, 100 * 64, 8, 3, 2);
MOKA_POOL(cifar_pool3_backward, kAverageBackward, 100 * 64, 8, 3, 2);

}  // namespace
}  // namespace moka::bench
