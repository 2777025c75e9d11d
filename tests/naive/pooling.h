// Pooling by the definition: each window looked at by itself.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "moka/math.h"

namespace moka::naive {

struct MaxPooled {
  std::vector<float> y;
  std::vector<int64_t> at;     // the element of x
  std::vector<int64_t> place;  // within the window
};

// Calls f(window, plane, i, j, place within the window) for every pixel of the plane that a window
// covers.
template <typename F>
void ForEachPixel(const PoolingGeometry& g, F f) {
  int64_t window = 0;
  for (int64_t p = 0; p < g.planes; ++p)
    for (int64_t r = 0; r < g.out_height; ++r)
      for (int64_t q = 0; q < g.out_width; ++q, ++window)
        for (int64_t i = 0; i < g.kernel_h; ++i)
          for (int64_t j = 0; j < g.kernel_w; ++j) {
            const int64_t h = r * g.stride_h - g.pad_h + i, w = q * g.stride_w - g.pad_w + j;
            if (h < 0 || h >= g.height || w < 0 || w >= g.width) continue;
            f(window, p, h, w, i * g.kernel_w + j);
          }
}

inline size_t WindowCount(const PoolingGeometry& g) {
  return static_cast<size_t>(g.planes * g.out_height * g.out_width);
}

inline MaxPooled MaxPool(const PoolingGeometry& g, const std::vector<float>& x) {
  MaxPooled result;
  result.y.resize(WindowCount(g));
  result.at.assign(WindowCount(g), -1);
  result.place.resize(WindowCount(g));
  ForEachPixel(g, [&](int64_t window, int64_t p, int64_t h, int64_t w, int64_t place) {
    const size_t o = static_cast<size_t>(window);
    const int64_t at = (p * g.height + h) * g.width + w;
    const float v = x[static_cast<size_t>(at)];
    if (result.at[o] >= 0 && !std::isnan(v) && !(v > result.y[o])) return;
    result.y[o] = v, result.at[o] = at, result.place[o] = place;
  });
  return result;
}

// How many pixels a window counts: those of the plane and its pad.
inline double AverageSize(const PoolingGeometry& g, int64_t window) {
  const int64_t q = window % g.out_width, r = window / g.out_width % g.out_height;
  const auto length = [](int64_t at, int64_t stride, int64_t pad, int64_t kernel, int64_t size) {
    return std::min(at * stride - pad + kernel, size + pad) - (at * stride - pad);
  };
  return static_cast<double>(length(r, g.stride_h, g.pad_h, g.kernel_h, g.height) *
                             length(q, g.stride_w, g.pad_w, g.kernel_w, g.width));
}

inline std::vector<double> AveragePool(const PoolingGeometry& g, const std::vector<float>& x) {
  std::vector<double> y(WindowCount(g));
  ForEachPixel(g, [&](int64_t window, int64_t p, int64_t h, int64_t w, int64_t) {
    y[static_cast<size_t>(window)] +=
        x[static_cast<size_t>((p * g.height + h) * g.width + w)] / AverageSize(g, window);
  });
  return y;
}

inline std::vector<double> AveragePoolBackward(const PoolingGeometry& g,
                                               const std::vector<float>& dy) {
  std::vector<double> dx(static_cast<size_t>(g.planes * g.height * g.width));
  ForEachPixel(g, [&](int64_t window, int64_t p, int64_t h, int64_t w, int64_t) {
    dx[static_cast<size_t>((p * g.height + h) * g.width + w)] +=
        dy[static_cast<size_t>(window)] / AverageSize(g, window);
  });
  return dx;
}

}  // namespace moka::naive
