// The largest and the mean of windows with any number of axes, of the planes [begin, end). For 1
// and 2 axes moka/math.h has faster ones.
#pragma once

#include "grid.h"

namespace moka {

// As MaxPoolForward, MaskPoolBackward, AveragePoolForward and AveragePoolBackward; mask may be
// null.
template <typename Index>
void MaxOfWindows(const Grid& g, int64_t begin, int64_t end, const float* x, float* y,
                  Index* mask) {
  ForEachWindow(g, begin, end, [&](int64_t k, int64_t plane, const Window& window) {
    float best = 0;
    int64_t at = -1;
    ForEachRow(g, window, [&](int64_t pixel, int64_t place, int64_t n) {
      for (int64_t j = 0; j < n; ++j) {
        const float v = x[plane + pixel + j];
        if (at < 0 || v > best || v != v) best = v, at = place + j;
      }
    });
    y[k] = best;
    if (mask) mask[k] = static_cast<Index>(at);
  });
}

template <typename Index>
void MaskGradient(const Grid& g, int64_t begin, int64_t end, const Index* mask, const float* dy,
                  float* dx) {
  std::fill(dx + begin * g.pixels(), dx + end * g.pixels(), 0.0f);
  ForEachWindow(g, begin, end, [&](int64_t k, int64_t plane, const Window& window) {
    dx[plane + window.Pixel(g, mask[k])] += dy[k];
  });
}

inline void MeanOfWindows(const Grid& g, int64_t begin, int64_t end, const float* x, float* y) {
  ForEachWindow(g, begin, end, [&](int64_t k, int64_t plane, const Window& window) {
    double sum = 0;
    ForEachRow(g, window, [&](int64_t pixel, int64_t, int64_t n) {
      for (int64_t j = 0; j < n; ++j) sum += x[plane + pixel + j];
    });
    y[k] = static_cast<float>(sum / window.Size(g));
  });
}

inline void MeanGradient(const Grid& g, int64_t begin, int64_t end, const float* dy, float* dx) {
  std::fill(dx + begin * g.pixels(), dx + end * g.pixels(), 0.0f);
  ForEachWindow(g, begin, end, [&](int64_t k, int64_t plane, const Window& window) {
    const auto share = static_cast<float>(dy[k] / window.Size(g));
    ForEachRow(g, window, [&](int64_t pixel, int64_t, int64_t n) {
      for (int64_t j = 0; j < n; ++j) dx[plane + pixel + j] += share;
    });
  });
}

}  // namespace moka
