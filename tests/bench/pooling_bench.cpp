// Time of pooling, forward (with what Backward needs) and backward, on 1 and 2 threads; of tensors
// larger than the cache also against a copy of as many bytes.
#include <benchmark/benchmark.h>

#include "copy.h"
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

// The arrays of one pass, and the pass.
struct Pooled {
  Pooled(Context& context_, Pass pass_, PoolingGeometry g_)
      : context(context_),
        pass(pass_),
        g(g_),
        x(Random(g.planes * g.height * g.width)),
        y(Random(g.planes * g.out_height * g.out_width)),
        bytes(g.fits_byte() ? y.size() : 0),
        ints(g.fits_byte() ? 0 : y.size()) {
    if (pass == kMaxForward || pass == kMaxBackward) Max(kMaxForward);
  }
  void Run() {
    if (pass == kMaxForward || pass == kMaxBackward) Max(pass);
    if (pass == kAverageForward) AveragePoolForward(context, g, x.data(), y.data());
    if (pass == kAverageBackward) AveragePoolBackward(context, g, y.data(), x.data());
  }
  void Max(Pass which) { g.fits_byte() ? Max(which, bytes.data()) : Max(which, ints.data()); }
  template <typename Index>
  void Max(Pass which, Index* mask) {
    if (which == kMaxForward) return MaxPoolForward(context, g, x.data(), y.data(), mask);
    MaskPoolBackward(context, g, mask, y.data(), x.data());
  }
  // Each input once, each output once.
  int64_t Bytes() const {
    const bool max = pass == kMaxForward || pass == kMaxBackward;
    return static_cast<int64_t>((x.size() + y.size()) * sizeof(float) +
                                (max ? bytes.size() + ints.size() * sizeof(int32_t) : 0));
  }

  Context& context;
  const Pass pass;
  const PoolingGeometry g;
  std::vector<float> x, y;
  std::vector<uint8_t> bytes;
  std::vector<int32_t> ints;
};

void Pool(benchmark::State& state, Pass pass, PoolingGeometry g) {
  Context context({.threads = static_cast<int>(state.range(0)), .seed = 1});
  Pooled pooled(context, pass, g);
  for (auto _ : state) pooled.Run();
  state.SetBytesProcessed(state.iterations() * pooled.Bytes());
}

void Large(benchmark::State& state, Pass pass, PoolingGeometry g) {
  Context context({.threads = static_cast<int>(state.range(0)), .seed = 1});
  Pooled pooled(context, pass, g);
  AgainstCopy(state, context, pooled.Bytes(), [&] { pooled.Run(); });
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

// 64 images of 64 channels of 112 x 112 pixels, 205 MB; and 7 x 7 pixels as before a classifier.
#define MOKA_LARGE_PASS(name, pass, ...)                  \
  BENCHMARK_CAPTURE(Large, name, pass, Make(__VA_ARGS__)) \
      ->ArgName("threads")                                \
      ->Arg(2)                                            \
      ->UseManualTime()                                   \
      ->Unit(benchmark::kMillisecond)
#define MOKA_LARGE(name, ...)                                          \
  MOKA_LARGE_PASS(max_##name##_forward, kMaxForward, __VA_ARGS__);     \
  MOKA_LARGE_PASS(max_##name##_backward, kMaxBackward, __VA_ARGS__);   \
  MOKA_LARGE_PASS(ave_##name##_forward, kAverageForward, __VA_ARGS__); \
  MOKA_LARGE_PASS(ave_##name##_backward, kAverageBackward, __VA_ARGS__)

MOKA_LARGE(2x2_stride_2, 64 * 64, 112, 2, 2);
MOKA_LARGE(3x3_stride_2, 64 * 64, 112, 3, 2);
MOKA_LARGE(3x3_stride_1, 64 * 64, 112, 3, 1);
MOKA_LARGE(2x2_stride_1, 64 * 64, 112, 2, 1);
MOKA_LARGE(3x3_stride_3, 64 * 64, 112, 3, 3);
MOKA_LARGE(5x5_stride_2, 64 * 64, 112, 5, 2);
MOKA_LARGE(global, 64 * 64, 112, 112, 1);
MOKA_LARGE(global_7x7, 256 * 2048, 7, 7, 1);

}  // namespace
}  // namespace moka::bench
