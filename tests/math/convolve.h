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

template <typename Geometry, typename Last>
std::vector<float> Forward(const Geometry& g, int threads, const std::vector<float>& x,
                           const std::vector<float>& w, const Last& bias_or_epilogue) {
  Context context({.threads = threads, .seed = 1});
  const Memory memory(g, threads);
  std::vector<float> y(naive::OutputCount(g), kNan);
  ConvolveForward(context, g, x.data(), w.data(), bias_or_epilogue, y.data(), memory);
  return y;
}
template <typename Geometry>
std::vector<float> Forward(const Geometry& g, int threads, const std::vector<float>& x,
                           const std::vector<float>& w, const std::vector<float>& bias) {
  return Forward(g, threads, x, w, bias.empty() ? nullptr : bias.data());
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

  // An epilogue against its definition, and for any number of threads.
  void ExpectEpilogue(const Epilogue& e) {
    std::vector<double> expected = naive::Forward(g, x, w, {});
    const size_t plane = expected.empty() ? 1 : static_cast<size_t>(g.batch * g.outputs);
    for (size_t i = 0; i < expected.size(); ++i) {
      const size_t o = i / (expected.size() / plane) % static_cast<size_t>(g.outputs);
      double& y = expected[i];
      y = (e.scale ? e.scale[o] : 1.0) * y + (e.shift ? e.shift[o] : 0) + (e.add ? e.add[i] : 0);
      if (y < 0) y *= e.slope;
    }
    const auto y = Forward(g, 1, x, w, e);
    EXPECT_TRUE(naive::Near(expected, y)) << (e.scale ? " scale" : "") << (e.shift ? " shift" : "")
                                          << (e.add ? " add" : "") << " slope " << e.slope;
    for (const int threads : {2, 3, 8}) EXPECT_EQ(y, Forward(g, threads, x, w, e)) << threads;
    if (y.empty()) return;

    Epilogue apart = e;
    const int64_t image = static_cast<int64_t>(y.size()) / g.batch;
    apart.y_image_stride = image + 3;
    Context context({.threads = 2, .seed = 1});
    const Memory memory(g, 2);
    std::vector<float> parts(static_cast<size_t>(g.batch * (image + 3)), 77);
    ConvolveForward(context, g, x.data(), w.data(), apart, parts.data(), memory);
    std::vector<float> expected_parts(parts.size(), 77);
    for (int64_t n = 0; n < g.batch; ++n)
      std::copy_n(y.data() + n * image, image, expected_parts.data() + n * (image + 3));
    EXPECT_EQ(parts, expected_parts);
  }
  void ExpectEpilogues() {
    const std::vector<float> scale = naive::Random(bias.size(), "scale");
    for (const float slope : {1.0F, 0.0F, 0.25F}) {
      for (const float* add : {static_cast<const float*>(nullptr), dy.data()}) {
        ExpectEpilogue({.add = add, .slope = slope});
        ExpectEpilogue({.shift = bias.data(), .add = add, .slope = slope});
        ExpectEpilogue({.scale = scale.data(), .add = add, .slope = slope});
        ExpectEpilogue({.scale = scale.data(), .shift = bias.data(), .add = add, .slope = slope});
      }
    }
  }
};

}  // namespace moka
