// c = alpha op(a) op(b) + beta c by the book, in double.
#pragma once

#include <cstdint>
#include <vector>

#include "moka/math.h"

namespace moka::naive {

inline std::vector<double> Gemm(Transpose ta, Transpose tb, int64_t m, int64_t n, int64_t k,
                                double alpha, const std::vector<float>& a,
                                const std::vector<float>& b, double beta,
                                const std::vector<float>& c) {
  std::vector<double> y(static_cast<size_t>(m * n));
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < k; ++l) {
        const float u = a[static_cast<size_t>(ta == Transpose::kYes ? l * m + i : i * k + l)];
        const float v = b[static_cast<size_t>(tb == Transpose::kYes ? j * k + l : l * n + j)];
        sum += static_cast<double>(u) * v;
      }
      const size_t at = static_cast<size_t>(i * n + j);
      y[at] = alpha * sum + (beta == 0 ? 0 : beta * c[at]);
    }
  }
  return y;
}

}  // namespace moka::naive
