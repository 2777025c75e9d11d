// Rows of a tensor (count, width) that are copied or summed as wholes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "moka/layer.h"

namespace moka {

struct Rows {
  int64_t count = 0, width = 0;

  // Calls body(row, begin, end) for the elements [begin, end) of every row, on all threads. Short
  // rows are whole; long ones are cut.
  template <typename F>
  void ForEach(Pass& pass, const F& body) const {
    if (count == 0 || width == 0) return;
    constexpr int64_t kPiece = 16384;
    const int64_t parts = (width - 1) / kPiece + 1;
    pass.ParallelFor(count * parts, std::max<int64_t>(1, kPiece / width),
                     [&](int64_t first, int64_t last) {
                       int64_t row = first / parts, part = first % parts;
                       for (int64_t piece = first; piece < last; ++piece) {
                         const int64_t begin = part * kPiece;
                         body(row, begin, std::min(begin + kPiece, width));
                         if (++part == parts) part = 0, ++row;
                       }
                     });
  }
};

// y[begin, end) = or += the sum of several rows x, in double; for_each_row calls its argument with
// each x, in order. y may be one of them: what is written has been read.
template <typename F>
void SumStrips(int64_t begin, int64_t end, bool add, float* y, const F& for_each_row) {
  constexpr int64_t kBlock = 512;
  double sum[kBlock];
  for (int64_t at = begin; at < end; at += kBlock) {
    const int64_t n = std::min(kBlock, end - at);
    for (int64_t i = 0; i < n; ++i) sum[i] = add ? y[at + i] : 0;
    for_each_row([&](const float* x) {
      for (int64_t i = 0; i < n; ++i) sum[i] += x[at + i];
    });
    for (int64_t i = 0; i < n; ++i) y[at + i] = static_cast<float>(sum[i]);
  }
}

}  // namespace moka
