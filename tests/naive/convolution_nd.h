// Convolution over any number of axes of space, and its gradients, by the definition, in double.
#pragma once

#include <cstdint>
#include <vector>

#include "moka/convolution_nd.h"

namespace moka::naive {

// Calls f(x index, kernel index, y index), each within one image's plane, for every pair of an
// input and an output pixel that an element of the kernel connects.
template <typename F>
void ForEachPair(const ConvolutionNdGeometry& g, F f) {
  for (int64_t out = 0; out < g.out_plane(); ++out) {
    for (int64_t kernel = 0; kernel < g.kernel(); ++kernel) {
      int64_t p = out, k = kernel, in = 0, step = 1;
      bool inside = true;
      for (int a = g.axes - 1; a >= 0; --a) {
        const ConvolutionNdGeometry::Axis& axis = g.axis[static_cast<size_t>(a)];
        const int64_t i = p % axis.out() * axis.stride + k % axis.kernel * axis.dilation - axis.pad;
        inside = inside && i >= 0 && i < axis.size;
        in += i * step;
        step *= axis.size, p /= axis.out(), k /= axis.kernel;
      }
      if (inside) f(in, kernel, out);
    }
  }
}

// Calls f(x index, w index, y index) for every product that makes up y.
template <typename F>
void ForEachProduct(const ConvolutionNdGeometry& g, F f) {
  struct Pair {
    int64_t in, kernel, out;
  };
  std::vector<Pair> pairs;
  ForEachPair(g, [&](int64_t in, int64_t kernel, int64_t out) {
    pairs.push_back({in, kernel, out});
  });
  const int64_t channels = g.channels / g.group, m = g.outputs / g.group;
  const int64_t in_plane = g.in_plane(), kernel = g.kernel(), out_plane = g.out_plane();
  for (int64_t n = 0; n < g.batch; ++n) {
    for (int64_t o = 0; o < g.outputs; ++o) {
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t x = (n * g.channels + o / m * channels + c) * in_plane,
                      w = (o * channels + c) * kernel, y = (n * g.outputs + o) * out_plane;
        for (const Pair& pair : pairs) {
          f(static_cast<size_t>(x + pair.in), static_cast<size_t>(w + pair.kernel),
            static_cast<size_t>(y + pair.out));
        }
      }
    }
  }
}

inline size_t InputCount(const ConvolutionNdGeometry& g) {
  return static_cast<size_t>(g.batch * g.channels * g.in_plane());
}
inline size_t WeightCount(const ConvolutionNdGeometry& g) {
  return static_cast<size_t>(g.outputs * (g.channels / g.group) * g.kernel());
}
inline size_t OutputCount(const ConvolutionNdGeometry& g) {
  return static_cast<size_t>(g.batch * g.outputs * g.out_plane());
}

inline std::vector<double> Forward(const ConvolutionNdGeometry& g, const std::vector<float>& x,
                                   const std::vector<float>& w, const std::vector<float>& bias) {
  std::vector<double> y(OutputCount(g));
  const size_t plane = static_cast<size_t>(g.out_plane());
  for (size_t i = 0; i < y.size() && !bias.empty(); ++i) y[i] = bias[i / plane % bias.size()];
  ForEachProduct(g, [&](size_t in, size_t weight, size_t out) {
    y[out] += static_cast<double>(x[in]) * w[weight];
  });
  return y;
}

struct ConvolutionGradients {
  std::vector<double> x, w, bias;
};

inline ConvolutionGradients Backward(const ConvolutionNdGeometry& g, const std::vector<float>& x,
                                     const std::vector<float>& w, const std::vector<float>& dy) {
  ConvolutionGradients d{std::vector<double>(x.size()), std::vector<double>(w.size()),
                         std::vector<double>(static_cast<size_t>(g.outputs))};
  ForEachProduct(g, [&](size_t in, size_t weight, size_t out) {
    d.x[in] += static_cast<double>(dy[out]) * w[weight];
    d.w[weight] += static_cast<double>(dy[out]) * x[in];
  });
  const size_t plane = static_cast<size_t>(g.out_plane());
  for (size_t i = 0; i < dy.size(); ++i) d.bias[i / plane % d.bias.size()] += dy[i];
  return d;
}

}  // namespace moka::naive
