// Pooling, forward (with what Backward needs) and backward, on 2 threads against a copy of as many
// bytes.
//   build/bench/bin/pooling_bench --benchmark_counters_tabular=true
#include <benchmark/benchmark.h>

#include "copy.h"
#include "shapes.h"

namespace moka::bench {
namespace {

PoolingGeometry Make(int64_t planes, int64_t size, int64_t kernel, int64_t stride,
                     int64_t pad = 0) {
  const int64_t out = (size + 2 * pad - kernel + stride - 1) / stride + 1;
  return {.planes = planes,
          .height = size,
          .width = size,
          .out_height = out,
          .out_width = out,
          .kernel_h = kernel,
          .kernel_w = kernel,
          .stride_h = stride,
          .stride_w = stride,
          .pad_h = pad,
          .pad_w = pad};
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
  AgainstCopy(state, context, pooled.Bytes(), [&] { pooled.Run(); });
}

#define MOKA_PASS(group, name, pass, ...)                          \
  BENCHMARK_CAPTURE(Pool, group##_##name, pass, Make(__VA_ARGS__)) \
      ->ArgName("threads")                                         \
      ->Arg(2)                                                     \
      ->UseManualTime()                                            \
      ->Unit(benchmark::kMicrosecond)
#define MOKA_MAX(group, name, ...)                                \
  MOKA_PASS(group, name##_max_forward, kMaxForward, __VA_ARGS__); \
  MOKA_PASS(group, name##_max_backward, kMaxBackward, __VA_ARGS__)
#define MOKA_AVERAGE(group, name, ...)                                \
  MOKA_PASS(group, name##_ave_forward, kAverageForward, __VA_ARGS__); \
  MOKA_PASS(group, name##_ave_backward, kAverageBackward, __VA_ARGS__)
#define MOKA_BOTH(group, name, ...)   \
  MOKA_MAX(group, name, __VA_ARGS__); \
  MOKA_AVERAGE(group, name, __VA_ARGS__)

// As in nets, with a batch that partly stays in the caches.
MOKA_MAX(net, lenet_pool1, 64 * 20, 24, 2, 2);
MOKA_MAX(net, lenet_pool2, 64 * 50, 8, 2, 2);
MOKA_MAX(net, cifar_pool1, 100 * 32, 32, 3, 2);
MOKA_AVERAGE(net, cifar_pool2, 100 * 32, 16, 3, 2);
MOKA_AVERAGE(net, cifar_pool3, 100 * 64, 8, 3, 2);
MOKA_MAX(net, caffenet_pool1, 16 * 96, 55, 3, 2);
MOKA_MAX(net, caffenet_pool2, 16 * 256, 27, 3, 2);
MOKA_MAX(net, caffenet_pool5, 16 * 256, 13, 3, 2);
MOKA_MAX(net, googlenet_pool1, 8 * 64, 112, 3, 2);
MOKA_MAX(net, googlenet_pool3, 8 * 480, 28, 3, 2);
MOKA_MAX(net, googlenet_pool4, 8 * 832, 14, 3, 2);
MOKA_MAX(net, googlenet_inception3, 8 * 192, 28, 3, 1, 1);
MOKA_MAX(net, googlenet_inception4, 8 * 512, 14, 3, 1, 1);
MOKA_MAX(net, googlenet_inception5, 8 * 832, 7, 3, 1, 1);
MOKA_AVERAGE(net, googlenet_loss1, 8 * 512, 14, 5, 3);
MOKA_AVERAGE(net, googlenet_pool5, 8 * 1024, 7, 7, 1);
MOKA_AVERAGE(net, squeezenet_pool10, 8 * 1000, 14, 14, 1);
MOKA_MAX(net, vgg_pool1, 4 * 64, 224, 2, 2);
MOKA_MAX(net, vgg_pool3, 4 * 256, 56, 2, 2);
MOKA_MAX(net, vgg_pool5, 4 * 512, 14, 2, 2);

// 64 images of 64 channels of 112 x 112 pixels, 205 MB; and as before a classifier.
MOKA_BOTH(large, 2x2_stride_2, 64 * 64, 112, 2, 2);
MOKA_BOTH(large, 3x3_stride_2, 64 * 64, 112, 3, 2);
MOKA_BOTH(large, 3x3_stride_1, 64 * 64, 112, 3, 1);
MOKA_BOTH(large, 3x3_stride_1_pad_1, 64 * 64, 112, 3, 1, 1);
MOKA_BOTH(large, 2x2_stride_1, 64 * 64, 112, 2, 1);
MOKA_BOTH(large, 3x3_stride_3, 64 * 64, 112, 3, 3);
MOKA_BOTH(large, 5x5_stride_2, 64 * 64, 112, 5, 2);
MOKA_BOTH(large, global, 64 * 64, 112, 112, 1);
MOKA_BOTH(large, global_7x7, 256 * 2048, 7, 7, 1);
MOKA_BOTH(large, global_8x8, 256 * 2048, 8, 8, 1);
MOKA_BOTH(large, global_13x13, 128 * 1024, 13, 13, 1);
MOKA_BOTH(large, global_14x14, 128 * 1024, 14, 14, 1);

}  // namespace
}  // namespace moka::bench
