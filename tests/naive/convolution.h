// Convolution and its gradients by the definition, in double: every pair of an input and an output
// pixel that a weight connects.
#pragma once

#include <cstdint>
#include <vector>

#include "moka/math.h"

namespace moka::naive {

// Calls f(x index, w index, y index) for every product that makes up y.
template <typename F>
void ForEachProduct(const ConvolutionGeometry& g, F f) {
  const int64_t channels = g.channels / g.group, m = g.outputs / g.group;
  const int64_t oh = g.out_height(), ow = g.out_width();
  for (int64_t n = 0; n < g.batch; ++n)
    for (int64_t o = 0; o < g.outputs; ++o)
      for (int64_t r = 0; r < oh; ++r)
        for (int64_t q = 0; q < ow; ++q)
          for (int64_t c = 0; c < channels; ++c)
            for (int64_t i = 0; i < g.kernel_h; ++i)
              for (int64_t j = 0; j < g.kernel_w; ++j) {
                const int64_t h = r * g.stride_h + i * g.dilation_h - g.pad_h;
                const int64_t w = q * g.stride_w + j * g.dilation_w - g.pad_w;
                if (h < 0 || h >= g.height || w < 0 || w >= g.width) continue;
                const int64_t in =
                    ((n * g.channels + o / m * channels + c) * g.height + h) * g.width + w;
                const int64_t weight = ((o * channels + c) * g.kernel_h + i) * g.kernel_w + j;
                f(static_cast<size_t>(in), static_cast<size_t>(weight),
                  static_cast<size_t>(((n * g.outputs + o) * oh + r) * ow + q));
              }
}

inline size_t InputCount(const ConvolutionGeometry& g) {
  return static_cast<size_t>(g.batch * g.channels * g.height * g.width);
}
inline size_t WeightCount(const ConvolutionGeometry& g) {
  return static_cast<size_t>(g.outputs * (g.channels / g.group) * g.kernel_h * g.kernel_w);
}
inline size_t OutputCount(const ConvolutionGeometry& g) {
  return static_cast<size_t>(g.batch * g.outputs * g.out_height() * g.out_width());
}

inline std::vector<double> Forward(const ConvolutionGeometry& g, const std::vector<float>& x,
                                   const std::vector<float>& w, const std::vector<float>& bias) {
  std::vector<double> y(OutputCount(g));
  const size_t plane = static_cast<size_t>(g.out_height() * g.out_width());
  for (size_t i = 0; i < y.size() && !bias.empty(); ++i) y[i] = bias[i / plane % bias.size()];
  ForEachProduct(g, [&](size_t in, size_t weight, size_t out) {
    y[out] += static_cast<double>(x[in]) * w[weight];
  });
  return y;
}

inline std::vector<double> BackwardData(const ConvolutionGeometry& g, const std::vector<float>& w,
                                        const std::vector<float>& dy) {
  std::vector<double> dx(InputCount(g));
  ForEachProduct(g, [&](size_t in, size_t weight, size_t out) {
    dx[in] += static_cast<double>(dy[out]) * w[weight];
  });
  return dx;
}

inline std::vector<double> BackwardWeights(const ConvolutionGeometry& g,
                                           const std::vector<float>& x,
                                           const std::vector<float>& dy) {
  std::vector<double> dw(WeightCount(g));
  ForEachProduct(g, [&](size_t in, size_t weight, size_t out) {
    dw[weight] += static_cast<double>(dy[out]) * x[in];
  });
  return dw;
}

inline std::vector<double> BackwardBias(const ConvolutionGeometry& g,
                                        const std::vector<float>& dy) {
  std::vector<double> db(static_cast<size_t>(g.outputs));
  const size_t plane = static_cast<size_t>(g.out_height() * g.out_width());
  for (size_t i = 0; i < dy.size(); ++i) db[i / plane % db.size()] += dy[i];
  return db;
}

}  // namespace moka::naive
