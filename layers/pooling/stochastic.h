// Stochastic pooling. Zeiler and Fergus, "Stochastic pooling for regularization of deep
// convolutional neural networks", 2013.
#pragma once

#include "grid.h"
#include "moka/random.h"

namespace moka {

// In training, a_i of a window is drawn with probability a_i / sum a, for a >= 0. Negative values
// count as 0; where nothing is positive, the first is taken; a NaN is always. Window k of the
// planes [begin, end) draws random number `first` + k; mask: the place within the window.
template <typename Index>
void Draw(const Grid& g, const RandomStream& random, uint64_t first, int64_t begin, int64_t end,
          const float* x, float* y, Index* mask) {
  ForEachWindow(g, begin, end, [&](int64_t k, int64_t plane, const Window& window) {
    double sum = 0;
    ForEachRow(g, window, [&](int64_t pixel, int64_t, int64_t n) {
      for (int64_t j = 0; j < n; ++j) sum += std::max(0.0f, x[plane + pixel + j]);
    });
    const double threshold = sum * random.Uniform(first + static_cast<uint64_t>(k));
    double passed = 0;
    bool found = false;
    int64_t chosen = -1, chosen_place = 0;
    ForEachRow(g, window, [&](int64_t pixel, int64_t place, int64_t n) {
      for (int64_t j = 0; j < n && !found; ++j) {
        const float a = x[plane + pixel + j];
        if (chosen < 0 || a > 0 || a != a) chosen = pixel + j, chosen_place = place + j;
        if (a > 0) passed += a;
        found = passed > threshold || a != a;
      }
    });
    y[k] = x[plane + chosen];
    mask[k] = static_cast<Index>(chosen_place);
  });
}

// In testing: y = sum a^2 / sum a over the positive a, the mean of what training draws. So
// dy/da = (2 a - y) / sum a.
struct WeightedMean {
  double sum = 0, squares = 0;

  WeightedMean(const Grid& g, const float* plane, const Window& window) {
    ForEachRow(g, window, [&](int64_t pixel, int64_t, int64_t n) {
      for (int64_t j = 0; j < n; ++j) {
        const double a = plane[pixel + j];
        if (a > 0 || a != a) sum += a, squares += a * a;
      }
    });
  }
  double mean() const { return sum == 0 ? 0 : squares / sum; }
};

inline void WeightedMeanForward(const Grid& g, int64_t begin, int64_t end, const float* x,
                                float* y) {
  ForEachWindow(g, begin, end, [&](int64_t k, int64_t plane, const Window& window) {
    y[k] = static_cast<float>(WeightedMean(g, x + plane, window).mean());
  });
}

inline void WeightedMeanBackward(const Grid& g, int64_t begin, int64_t end, const float* x,
                                 const float* dy, float* dx) {
  std::fill(dx + begin * g.pixels(), dx + end * g.pixels(), 0.0f);
  ForEachWindow(g, begin, end, [&](int64_t k, int64_t plane, const Window& window) {
    const WeightedMean mean(g, x + plane, window);
    if (mean.sum == 0) return;
    ForEachRow(g, window, [&](int64_t pixel, int64_t, int64_t n) {
      for (int64_t at = plane + pixel; at < plane + pixel + n; ++at) {
        if (x[at] > 0) dx[at] += static_cast<float>(dy[k] * (2 * x[at] - mean.mean()) / mean.sum);
      }
    });
  });
}

}  // namespace moka
