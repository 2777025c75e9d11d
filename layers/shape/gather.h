// Rows taken by index: row m of the copies is row index[m] of the sources. The gradient of source
// row n is the sum of those of its copies, in their order.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>

#include "moka/layer.h"
#include "rows.h"

namespace moka {

constexpr int64_t kMostIndices = int64_t{1} << 24;  // up to here floats count exactly

inline bool IsIndex(float value, int64_t count) {  // not so for NaN
  return value >= 0 && value < static_cast<double>(count) && value == std::floor(value);
}

class Gather {
 public:
  // Each sample of the batch has `per_sample` of the indices.
  // `whence`: where the number of sources comes from, for errors.
  void Reshape(Plan& plan, int64_t sources, int64_t copies, int64_t per_sample,
               const std::string& whence) {
    whence_ = whence, sources_ = sources, copies_ = copies,
    per_sample_ = std::max<int64_t>(1, per_sample);
    index_ = plan.Saved<int32_t>(copies);
    first_ = plan.Scratch<int64_t>(sources);
    next_ = plan.Scratch<int64_t>(copies);
  }

  // The indices, from a blob. They come from files, so each of them is checked.
  std::span<const int32_t> Read(ForwardPass& pass, const float* values) {
    const std::span<int32_t> index = pass.Get(index_);
    pass.ParallelFor(copies_, 4096, [&](int64_t begin, int64_t end) {
      for (int64_t m = begin; m < end; ++m) {
        if (!IsIndex(values[m], sources_)) Refuse(values[m], m);
        index[static_cast<size_t>(m)] = static_cast<int32_t>(values[m]);
      }
    });
    return index;
  }

  // dx (sources, width) = or += the sums of the rows of dy (copies, width).
  void SumCopies(BackwardPass& pass, int64_t width, const float* dy, bool add, float* dx) {
    ListCopies(pass);
    const int64_t* first = pass.Get(first_).data();
    const int64_t* next = pass.Get(next_).data();
    Rows{sources_, width}.ForEach(pass, [&](int64_t n, int64_t begin, int64_t end) {
      if (add && first[n] == kNone) return;
      SumStrips(begin, end, add, dx + n * width, [&](const auto& take) {
        for (int64_t m = first[n]; m != kNone; m = next[m]) take(dy + m * width);
      });
    });
  }

 private:
  static constexpr int64_t kNone = -1;

  // For each source its first copy, and for each copy the next one of the same source.
  void ListCopies(BackwardPass& pass) {
    const std::span<const int32_t> index = pass.Get(index_);
    const std::span<int64_t> first = pass.Get(first_), next = pass.Get(next_);
    std::fill(first.begin(), first.end(), kNone);
    for (size_t m = index.size(); m-- > 0;) {
      int64_t& head = first[static_cast<size_t>(index[m])];
      next[m] = head;
      head = static_cast<int64_t>(m);
    }
  }

  [[noreturn]] void Refuse(float value, int64_t m) const {
    const bool whole = value == std::floor(value);
    throw Error("index ", value, " of sample ", m / per_sample_, " (position ", m % per_sample_,
                whole ? ") is outside 0.." : ") is not an integer in 0..", sources_ - 1, ", as ",
                whence_, " is ", sources_)
        .Sample(m / per_sample_);
  }

  std::string whence_;
  int64_t sources_ = 0, copies_ = 0, per_sample_ = 1;
  Buffer<int32_t> index_;
  Buffer<int64_t> first_, next_;
};

}  // namespace moka
