// The layers that the benchmarks time, of the nets in tests/bench/nets, at their batches.
#pragma once

#include <benchmark/benchmark.h>

#include <string>
#include <utility>
#include <vector>

#include "moka/math.h"
#include "moka/random.h"

namespace moka::bench {

struct NamedConvolution {
  const char* name;
  ConvolutionGeometry g;
};

inline ConvolutionGeometry Square(int64_t batch, int64_t channels, int64_t size, int64_t outputs,
                                  int64_t kernel, int64_t pad, int64_t stride = 1) {
  return {.batch = batch,
          .channels = channels,
          .height = size,
          .width = size,
          .outputs = outputs,
          .kernel_h = kernel,
          .kernel_w = kernel,
          .stride_h = stride,
          .stride_w = stride,
          .pad_h = pad,
          .pad_w = pad};
}

inline const NamedConvolution kConvolutions[] = {
    {"LeNet/conv1", Square(64, 1, 28, 20, 5, 0)},
    {"LeNet/conv2", Square(64, 20, 12, 50, 5, 0)},
    {"Cifar/conv1", Square(100, 3, 32, 32, 5, 2)},
    {"Cifar/conv2", Square(100, 32, 16, 32, 5, 2)},
    {"Cifar/conv3", Square(100, 32, 8, 64, 5, 2)},
    {"ResNet/3x3@56", Square(8, 64, 56, 64, 3, 1)},
    {"ResNet/3x3@28", Square(8, 128, 28, 128, 3, 1)},
    {"ResNet/3x3@14", Square(8, 256, 14, 256, 3, 1)},
    {"ResNet/3x3@7", Square(8, 512, 7, 512, 3, 1)},
    {"ResNet/64to256@56", Square(8, 64, 56, 256, 1, 0)},
    {"ResNet/256to64@56", Square(8, 256, 56, 64, 1, 0)},
    {"ResNet/512to128@28", Square(8, 512, 28, 128, 1, 0)},
    {"ResNet/128to512@28", Square(8, 128, 28, 512, 1, 0)},
    {"ResNet/1024to256@14", Square(8, 1024, 14, 256, 1, 0)},
    {"ResNet/256to1024@14", Square(8, 256, 14, 1024, 1, 0)},
    {"ResNet/2048to512@7", Square(8, 2048, 7, 512, 1, 0)},
    {"ResNet/256to512@56/2", Square(8, 256, 56, 512, 1, 0, 2)},
    {"ResNet/conv1", Square(8, 3, 224, 64, 7, 3, 2)},
    {"CaffeNet/conv1", Square(8, 3, 227, 96, 11, 0, 4)},
    {"Vgg/conv1_2", Square(4, 64, 224, 64, 3, 1)},
    {"Vgg/conv3_2", Square(4, 256, 56, 256, 3, 1)},
    {"Vgg/conv5_1", Square(4, 512, 14, 512, 3, 1)},
    {"Google/3a_1x1", Square(16, 192, 28, 64, 1, 0)},
};

// Never zeros: some kernels are faster on them.
inline std::vector<float> Random(int64_t count) {
  const RandomStream random(1, "bench", 0, 0);
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = 2 * random.Uniform(i) - 1;
  return values;
}

// The passes of a convolution as benchmarks NAME/PASS/threads:N, on 1 and 2 threads.
template <typename Geometry>
using PassBody = void (*)(benchmark::State&, const Geometry&, int threads);
template <typename Geometry>
void RegisterPasses(const std::string& name, const Geometry& g, PassBody<Geometry> forward,
                    PassBody<Geometry> data, PassBody<Geometry> weights) {
  for (const int threads : {1, 2}) {
    for (const auto& [pass, body] :
         {std::pair("forward", forward), {"data", data}, {"weights", weights}}) {
      const std::string label = name + "/" + pass + "/threads:" + std::to_string(threads);
      benchmark::RegisterBenchmark(label.c_str(), body, g, threads)
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond);
    }
  }
}

}  // namespace moka::bench
