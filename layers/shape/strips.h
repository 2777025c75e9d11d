// Parts of a tensor along one axis: whole (outer, w0 + w1 + ...), part k (outer, wk).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "moka/layer.h"

namespace moka {

struct Strips {
  int64_t outer = 0;
  std::vector<int64_t> begins = {
      0};  // where part k begins in a row of the whole; one more: the row's length

  void Add(int64_t width) { begins.push_back(begins.back() + width); }

  // Calls body(part, at_whole, at_part, width) for every row of every part, on all threads.
  template <typename F>
  void ForEach(Pass& pass, const F& body) const {
    const auto parts = static_cast<int64_t>(begins.size()) - 1;
    const int64_t row = begins.back();
    if (outer * row == 0) return;
    const int64_t grain = std::max<int64_t>(1, 16384 * parts / row);
    pass.ParallelFor(outer * parts, grain, [&](int64_t first, int64_t last) {
      for (int64_t piece = first; piece < last; ++piece) {
        const int64_t o = piece / parts, k = piece % parts;
        const int64_t begin = begins[static_cast<size_t>(k)];
        const int64_t width = begins[static_cast<size_t>(k) + 1] - begin;
        body(static_cast<int>(k), o * row + begin, o * width, width);
      }
    });
  }
};

// y = x, and nothing where they are the same memory.
inline void CopyStrip(const float* x, float* y, int64_t width) {
  if (x != y) std::copy_n(x, width, y);
}

}  // namespace moka
