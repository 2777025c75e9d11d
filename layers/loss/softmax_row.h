// Softmax over the classes of predictions, x (outer, classes, inner), and its gradient: in vectors
// along `inner`, or along the classes where inner is 1.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "class_scores.h"
#include "moka/elementwise.h"
#include "moka/functions.h"

namespace moka {

// So many neighbouring predictions are worked on together.
inline constexpr int64_t kColumns = 64;
// A row is summed in so many sums of their own, added up in order: bits do not depend on vectors.
inline constexpr int64_t kLanes = 16;

// f(n, columns) for predictions n, n + 1, ..., n + columns - 1, whose scores are neighbours.
template <typename F>
inline void ForColumns(const ClassScores& scores, int64_t begin, int64_t end, F f) {
  for (int64_t n = begin; n < end;) {
    const int64_t columns = std::min({end - n, scores.inner - n % scores.inner, kColumns});
    f(n, columns);
    n += columns;
  }
}

// With so many side by side that the compiler leaves the loop over them a loop, and makes vectors.
inline float LargestOfRow(const float* x, int64_t n) {
  constexpr int64_t kSide = 64;
  float most[kSide], largest = -std::numeric_limits<float>::infinity();
  int64_t i = 0;
  if (n >= kSide) {
    std::copy_n(x, kSide, most);
    for (i = kSide; i + kSide <= n; i += kSide) {
      for (int64_t l = 0; l < kSide; ++l) most[l] = x[i + l] > most[l] ? x[i + l] : most[l];
    }
    for (int64_t half = kSide / 2; half > 0; half /= 2) {
      for (int64_t l = 0; l < half; ++l) {
        most[l] = most[l + half] > most[l] ? most[l + half] : most[l];
      }
    }
    largest = most[0];
  }
  for (; i < n; ++i) largest = x[i] > largest ? x[i] : largest;
  return largest;
}

// The sum of f(i) over a row, in double.
template <typename F>
inline double SumOfRow(int64_t n, F f) {
  double sum[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) sum[l] += f(i + l);
  }
  for (int64_t l = 0; i < n; ++i, ++l) sum[l] += f(i);
  double total = 0;
  for (const double lane : sum) total += lane;
  return total;
}

// y = exp(x) / sum exp(x) of one row of neighbours. The largest is taken off first, so that exp
// cannot overflow; a NaN or +inf anywhere makes all of y NaN.
inline void SoftmaxRow(const float* x, float* y, int64_t classes) {
  const float most = LargestOfRow(x, classes);
#pragma GCC ivdep
  for (int64_t c = 0; c < classes; ++c) y[c] = Exp(x[c] - most);
  const double sum = SumOfRow(classes, [=](int64_t c) { return static_cast<double>(y[c]); });
  const auto scale = static_cast<float>(1 / sum);
#pragma GCC ivdep
  for (int64_t c = 0; c < classes; ++c) y[c] *= scale;
}

// The same for `columns` predictions side by side, the classes `stride` apart.
inline void SoftmaxColumns(const float* x, float* y, int64_t classes, int64_t stride,
                           int64_t columns) {
  float most[kColumns];
  double sum[kColumns] = {};
  std::fill(most, most + columns, -std::numeric_limits<float>::infinity());
  for (int64_t c = 0; c < classes; ++c) {
    const float* row = x + c * stride;
    for (int64_t j = 0; j < columns; ++j) most[j] = row[j] > most[j] ? row[j] : most[j];
  }
  for (int64_t c = 0; c < classes; ++c) {
    const float* row = x + c * stride;
    float* e = y + c * stride;
#pragma GCC ivdep
    for (int64_t j = 0; j < columns; ++j) {
      e[j] = Exp(row[j] - most[j]);
      sum[j] += e[j];
    }
  }
  for (int64_t j = 0; j < columns; ++j) sum[j] = 1 / sum[j];
  for (int64_t c = 0; c < classes; ++c) {
    float* row = y + c * stride;
    for (int64_t j = 0; j < columns; ++j) row[j] = static_cast<float>(row[j] * sum[j]);
  }
}

// dx = y (dy - <y, dy>) of one row of neighbours.
inline void SoftmaxRowGradient(const float* y, const float* dy, float* dx, int64_t classes) {
  const double dot =
      SumOfRow(classes, [=](int64_t c) { return static_cast<double>(y[c]) * dy[c]; });
#pragma GCC ivdep
  for (int64_t c = 0; c < classes; ++c) dx[c] = static_cast<float>(y[c] * (dy[c] - dot));
}

inline void SoftmaxColumnsGradient(const float* y, const float* dy, float* dx, int64_t classes,
                                   int64_t stride, int64_t columns) {
  double dot[kColumns] = {};
  for (int64_t c = 0; c < classes; ++c) {
    const float *p = y + c * stride, *dp = dy + c * stride;
    for (int64_t j = 0; j < columns; ++j) dot[j] += static_cast<double>(p[j]) * dp[j];
  }
  for (int64_t c = 0; c < classes; ++c) {
    const float *p = y + c * stride, *dp = dy + c * stride;
    float* d = dx + c * stride;
#pragma GCC ivdep
    for (int64_t j = 0; j < columns; ++j) d[j] = static_cast<float>(p[j] * (dp[j] - dot[j]));
  }
}

// Predictions [begin, end) of y = softmax(x). y may be x.
inline void SoftmaxForward(const ClassScores& scores, const float* x, float* y, int64_t begin,
                           int64_t end) {
  Vectorised([=] {
    ForColumns(scores, begin, end, [=](int64_t n, int64_t columns) {
      const int64_t at = scores.Offset(n);
      if (scores.inner == 1) {
        SoftmaxRow(x + at, y + at, scores.classes);
      } else {
        SoftmaxColumns(x + at, y + at, scores.classes, scores.inner, columns);
      }
    });
  });
}

// Those of dx = y (dy - <y, dy>). dx may be dy.
inline void SoftmaxBackward(const ClassScores& scores, const float* y, const float* dy, float* dx,
                            int64_t begin, int64_t end) {
  Vectorised([=] {
    ForColumns(scores, begin, end, [=](int64_t n, int64_t columns) {
      const int64_t at = scores.Offset(n);
      if (scores.inner == 1) {
        SoftmaxRowGradient(y + at, dy + at, dx + at, scores.classes);
      } else {
        SoftmaxColumnsGradient(y + at, dy + at, dx + at, scores.classes, scores.inner, columns);
      }
    });
  });
}

}  // namespace moka
