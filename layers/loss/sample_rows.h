// Bottoms as samples, each a row of `size` values: x (samples, size).
#pragma once

#include <algorithm>
#include <cstdint>

#include "class_scores.h"
#include "moka/shape.h"
#include "normaliser.h"

namespace moka {

struct SampleRows {
  int64_t samples = 0, size = 0;

  // How many samples make a piece of work for ParallelFor.
  int64_t grain() const { return std::max<int64_t>(1, 16384 / std::max<int64_t>(1, size)); }
  int64_t pieces() const { return Pieces(samples, grain()); }
  double divisor() const { return static_cast<double>(std::max<int64_t>(1, samples)); }
  // Each row as the scores of one prediction.
  ClassScores scores() const { return {samples, size, 1}; }
};

// The rows begin at `axis`: the sizes before it are samples, those from it on are flattened.
inline SampleRows RowsOf(const Shape& shape, int axis = 1) {
  axis = std::min(axis, shape.axes());
  return {shape.count(0, axis), shape.count_from(axis)};
}

inline double SquaredDistance(const float* a, const float* b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double d = static_cast<double>(a[i]) - b[i];
    sum += d * d;
  }
  return sum;
}

// d = factor scale[n] (a - b), for each sample n.
inline void ScaleDifferences(BackwardPass& pass, const SampleRows& rows, double factor,
                             const double* scale, const float* a, const float* b, float* d) {
  pass.ParallelFor(rows.samples, rows.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const double s = factor * scale[n];
      for (int64_t i = n * rows.size; i < (n + 1) * rows.size; ++i) {
        d[i] = static_cast<float>(s * (static_cast<double>(a[i]) - b[i]));
      }
    }
  });
}

}  // namespace moka
