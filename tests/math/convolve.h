// Runs the passes of a convolution, over two axes of space or any number, in memory full of NaN.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include "moka/convolution_nd.h"
#include "naive/compare.h"
#include "naive/convolution.h"
#include "naive/convolution_nd.h"

namespace moka {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

inline int64_t WorkerFloats(const ConvolutionGeometry& g) { return ConvolutionScratch(g); }
inline int64_t WorkerFloats(const ConvolutionNdGeometry& g) {
  return std::max(ConvolutionScratch(g), LoweringScratch(g));
}

struct Memory {
  template <typename Geometry>
  Memory(const Geometry& g, int threads)
      : shared(static_cast<size_t>(ConvolutionSharedScratch(g)), kNan),
        each(static_cast<size_t>(threads),
             std::vector<float>(static_cast<size_t>(WorkerFloats(g)), kNan)) {}
  std::span<float> operator()(int worker) const { return each[static_cast<size_t>(worker)]; }

  std::vector<float> shared;
  mutable std::vector<std::vector<float>> each;
};

template <typename Geometry>
std::vector<float> Forward(const Geometry& g, int threads, const std::vector<float>& x,
                           const std::vector<float>& w, const std::vector<float>& bias) {
  Context context({.threads = threads, .seed = 1});
  const Memory memory(g, threads);
  std::vector<float> y(naive::OutputCount(g), kNan);
  ConvolveForward(context, g, x.data(), w.data(), bias.empty() ? nullptr : bias.data(), y.data(),
                  memory);
  return y;
}

struct Gradients {
  std::vector<float> x, w, bias;
  friend bool operator==(const Gradients&, const Gradients&) = default;
};

template <typename Geometry>
Gradients Backward(const Geometry& g, int threads, const std::vector<float>& x,
                   const std::vector<float>& w, const std::vector<float>& dy) {
  Context context({.threads = threads, .seed = 1});
  Memory memory(g, threads);
  Gradients d{std::vector<float>(x.size(), kNan), std::vector<float>(w.size(), kNan),
              std::vector<float>(static_cast<size_t>(g.outputs), kNan)};
  ConvolveBackwardData(context, g, w.data(), dy.data(), d.x.data(), memory);
  ConvolveBackwardWeights(context, g, x.data(), dy.data(), d.w.data(), false, d.bias.data(), false,
                          memory, memory.shared);
  return d;
}

// What the definition needs.
template <typename Geometry>
class ConvolutionTest : public testing::TestWithParam<Geometry> {
 protected:
  const Geometry g = this->GetParam();
  const std::vector<float> x = naive::Random(naive::InputCount(g), "x"),
                           w = naive::Random(naive::WeightCount(g), "w");
  const std::vector<float> bias = naive::Random(static_cast<size_t>(g.outputs), "bias");
  const std::vector<float> dy = naive::Random(naive::OutputCount(g), "dy");
};

}  // namespace moka
