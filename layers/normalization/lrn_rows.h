// Sums over windows of lines of numbers, which LRN takes across channels and within them.
#pragma once

#include <cstdint>

namespace moka {

// to[w] = or += the sum of kTerms lines, at(k)[w].
template <int kTerms, typename F>
[[gnu::always_inline]] inline void AddLines(bool first, int64_t columns, float* to, F at) {
  const float* line[kTerms];
  for (int k = 0; k < kTerms; ++k) line[k] = at(k);
  if (first) {
#pragma GCC ivdep
    for (int64_t w = 0; w < columns; ++w) {
      float sum = line[0][w];
      for (int k = 1; k < kTerms; ++k) sum += line[k][w];
      to[w] = sum;
    }
  } else {
#pragma GCC ivdep
    for (int64_t w = 0; w < columns; ++w) {
      float sum = line[0][w];
      for (int k = 1; k < kTerms; ++k) sum += line[k][w];
      to[w] += sum;
    }
  }
}

// to[w] = the sum of `count` lines, at least 1: several in one reading of `to`.
template <typename F>
[[gnu::always_inline]] inline void SumLines(int64_t columns, int64_t count, float* to, F at) {
  int64_t k = 0;
  const auto from = [&](int64_t i) { return at(k + i); };
  for (; k + 5 <= count; k += 5) AddLines<5>(k == 0, columns, to, from);
  for (; k + 3 <= count; k += 3) AddLines<3>(k == 0, columns, to, from);
  for (; k < count; ++k) AddLines<1>(k == 0, columns, to, from);
}

}  // namespace moka
