// A tensor as x (outer, channels, inner), its layout in memory, and loops over it by channel: sums
// over each channel, and element by element with what belongs to the channel. Images N x C x H x W
// are (N, C, H W); rows that are normalized each for itself are (1, rows, length).
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "moka/elementwise.h"
#include "moka/layer.h"

namespace moka {

// Two sums that are taken in one reading.
struct Sums {
  double first = 0, second = 0;
};
inline Sums operator+(Sums a, Sums b) { return {a.first + b.first, a.second + b.second}; }

// The work is cut by shape: into blocks of channels so small that the second loop over one finds
// in the cache what the first has read, and within a block into pieces, for threads where there
// are few blocks. `f(c)(i)` below is a function of element i of channel c; c's part comes first,
// so that it is done once. Captured by value: the loops are compiled for several processors.
class Channels {
 public:
  Channels() = default;
  Channels(int64_t outer, int64_t channels, int64_t inner)
      : outer_(channels == 1 ? 1 : outer),
        channels_(channels),
        inner_(channels == 1 ? outer * inner : inner) {}

  int64_t channels() const { return channels_; }
  int64_t each() const { return outer_ * inner_; }  // elements of one channel
  int64_t inner() const { return inner_; }
  bool empty() const { return channels_ == 0 || each() == 0; }

  // What a layer asks Reshape's plan for, so that Sum has where to put its sums. Channels that
  // belong together, as those of a group, come in the same block.
  void PlanSums(Plan& plan, int64_t together = 1) {
    together_ = std::max<int64_t>(1, together);
    in_one_reading_ = false;
    sums_ = plan.Scratch<Sums>(block() * Pieces(block()), true);
  }
  // For a layer that reads each element once, by SumAndRun: in the order in which they lie in
  // memory, unless that would leave threads without work.
  void PlanSumsOfOneReading(Plan& plan) {
    together_ = 1;
    in_one_reading_ = units() >= kFewBlocks;
    sums_ = plan.Scratch<Sums>(block() * Pieces(block()), true);
  }

  // Calls body(block) for all blocks.
  struct Block {
    int64_t first, last;  // its channels
    int worker;
    int64_t count() const { return last - first; }
  };
  template <typename F>
  void ForEachBlock(Pass& pass, const F& body) const {
    if (empty()) return;
    const int64_t step = block();
    if (channels_ > kFewBlocks * step) {
      return pass.ParallelFor(channels_, step, [&](int64_t first, int64_t last, int worker) {
        body(Block{first, last, worker});
      });
    }
    for (int64_t c = 0; c < channels_; c += step) body(Block{c, std::min(c + step, channels_), 0});
  }

  // The sum of term(c)(i) over all elements i, for each channel c of a block, in a fixed order:
  // element c - block.first of what is returned, which lives until the next Sum.
  template <typename F>
  Sums* Sum(Pass& pass, Block block, F term) const {
    return SumAndRun(pass, block, term, Nothing());
  }
  // The same, and then body(c)(i), strip by strip, while it is in the nearest cache.
  template <typename F, typename G>
  Sums* SumAndRun(Pass& pass, Block block, F term, G body) const {
    Sums* sums = pass.Get(sums_, block.worker).data();
    const int64_t count = block.count(), pieces = Pieces(count);
    ForEachPiece(pass, count, [&](int64_t piece, int64_t begin, int64_t end) {
      Sums* part = sums + piece * count;
      std::fill_n(part, count, Sums());
      Vectorised([=, *this] { AddUnits(block, begin, end, part, term, body); });
    });
    for (int64_t k = count; k < pieces * count; ++k) sums[k % count] = sums[k % count] + sums[k];
    return sums;
  }

  // Calls body(c)(i) for all elements i of a block of channels.
  template <typename F>
  void ForEach(Pass& pass, Block block, F body) const {
    ForEachPiece(pass, block.count(), [&](int64_t, int64_t begin, int64_t end) {
      Vectorised([=, *this] { RunUnits(block, begin, end, body); });
    });
  }

  // The same for the whole tensor, in the order in which it lies in memory.
  template <typename F>
  void ForAll(Pass& pass, F body) const {
    if (empty()) return;
    const int64_t rows = inner_ == 1 ? 1 : channels_;
    const int64_t length = std::min(kUnit, inner_ == 1 ? channels_ : inner_);
    const int64_t grain = std::max<int64_t>(1, kElementGrain / length);
    pass.ParallelFor(outer_ * rows * UnitsOf(RowLength()), grain,
                     [=, *this](int64_t begin, int64_t end) {
                       Vectorised([=, *this] { RunRows(begin, end, rows, body); });
                     });
  }

 private:
  static constexpr int64_t kUnit = 4096;  // elements: a unit of x and one of dy fit a level-1 cache
  static constexpr int64_t kBlock = 65536;  // elements: three such blocks fit a level-2 cache
  static constexpr int64_t kFewBlocks = 16;
  static constexpr int64_t kMostPieces = 32;
  static constexpr int64_t kColumns = 512;
  static constexpr int64_t kLanes = 64;
  static constexpr int kRows = 4;

  static int64_t UnitsOf(int64_t length) { return (length + kUnit - 1) / kUnit; }
  int64_t RowLength() const { return inner_ == 1 ? channels_ : inner_; }

  // Channels in a block. Where they lie side by side, whole lines of the cache.
  int64_t block() const {
    if (in_one_reading_) return std::clamp<int64_t>(channels_, 1, kColumns);
    const int64_t least = inner_ == 1 ? kColumns : 1;
    const int64_t fitting = kBlock / std::max<int64_t>(1, each());
    const int64_t count = std::clamp<int64_t>(fitting, least, 1024) / together_;
    return std::min(std::max<int64_t>(1, channels_), std::max<int64_t>(1, count) * together_);
  }
  // A unit is one strip of each channel of the block, or part of one if it is long.
  int64_t units() const { return outer_ * (inner_ == 1 ? 1 : UnitsOf(inner_)); }
  int64_t UnitsInPiece(int64_t count) const {
    const int64_t pieces = std::clamp<int64_t>(count * each() / 32768, 1, kMostPieces);
    return std::max<int64_t>(1, (units() + pieces - 1) / pieces);
  }
  int64_t Pieces(int64_t count) const {
    const int64_t step = UnitsInPiece(count);
    return (units() + step - 1) / step;
  }

  // Calls body(piece, begin, end): the units [begin, end) of a block of `count` channels.
  template <typename F>
  void ForEachPiece(Pass& pass, int64_t count, const F& body) const {
    const int64_t step = UnitsInPiece(count);
    if (step >= units()) return body(0, 0, units());
    pass.ParallelFor(units(), step,
                     [&](int64_t begin, int64_t end) { body(begin / step, begin, end); });
  }

  // Calls strip(c, begin, end) for the elements of units [begin, end).
  template <typename F>
  void ForEachStrip(Block block, int64_t begin, int64_t end, const F& strip) const {
    const int64_t in_strip = UnitsOf(inner_);
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t n = unit / in_strip, from = unit % in_strip * kUnit;
      const int64_t length = std::min(kUnit, inner_ - from);
      for (int64_t c = block.first; c < block.last; ++c) {
        const int64_t i = (n * channels_ + c) * inner_ + from;
        strip(c, i, i + length);
      }
    }
  }

  struct Nothing {};
  template <typename F, typename G>
  void AddUnits(Block block, int64_t begin, int64_t end, Sums* sums, F term, G body) const {
    constexpr bool runs = !std::is_same_v<G, Nothing>;
    if (inner_ == 1) {
      for (; block.first < block.last; block.first += kColumns, sums += kColumns) {
        const Block part{block.first, std::min(block.first + kColumns, block.last), 0};
        AddColumns(part, begin, end, sums, term, body);
      }
      return;
    }
    ForEachStrip(block, begin, end, [=](int64_t c, int64_t i, int64_t stop) {
      sums[c - block.first] = sums[c - block.first] + SumStrip(i, stop, term(c));
      if constexpr (runs) RunStrip(i, stop, body(c));
    });
  }

  // Of at most kColumns channels that lie side by side: some rows in one reading of the sums.
  template <typename F, typename G>
  void AddColumns(Block block, int64_t begin, int64_t end, Sums* sums, F term, G body) const {
    double first[kColumns] = {}, second[kColumns] = {};
    int64_t n = begin;
    for (; n + kRows <= end; n += kRows) AddRows<kRows>(block, n, first, second, term, body);
    for (; n < end; ++n) AddRows<1>(block, n, first, second, term, body);
    for (int64_t k = 0; k < block.count(); ++k) sums[k] = {first[k], second[k]};
  }
  template <int rows, typename F, typename G>
  [[gnu::always_inline]] void AddRows(Block block, int64_t n, double* first, double* second, F term,
                                      G body) const {
    const int64_t count = block.count();
#pragma GCC ivdep
    for (int64_t k = 0; k < count; ++k) {
      const int64_t c = block.first + k;
      const auto of = term(c);
      Sums add = of(n * channels_ + c);
      for (int row = 1; row < rows; ++row) add = add + of((n + row) * channels_ + c);
      first[k] += add.first;
      second[k] += add.second;
    }
    if constexpr (!std::is_same_v<G, Nothing>) RunUnits(block, n, n + rows, body);
  }

  // Running sums side by side, so that vectors can be used and additions need not wait for one
  // another: in arrays, and so many that the compiler leaves the loop over them a loop. Fewer for
  // what is short.
  template <typename F>
  static Sums SumStrip(int64_t i, int64_t end, F f) {
    return end - i >= 512 ? SumStrip<kLanes>(i, end, f) : SumStrip<kLanes / 4>(i, end, f);
  }
  template <int64_t lanes, typename F>
  [[gnu::always_inline]] static Sums SumStrip(int64_t i, int64_t end, F f) {
    double first[lanes] = {}, second[lanes] = {};
    for (; i + lanes <= end; i += lanes) AddLanes(i, lanes, first, second, f);
    AddLanes(i, end - i, first, second, f);
    for (int64_t half = lanes / 2; half > 0; half /= 2) {
      for (int64_t k = 0; k < half; ++k) {
        first[k] += first[k + half];
        second[k] += second[k + half];
      }
    }
    return {first[0], second[0]};
  }
  template <typename F>
  static void AddLanes(int64_t i, int64_t count, double* first, double* second, F f) {
#pragma GCC ivdep
    for (int64_t k = 0; k < count; ++k) {
      const Sums add = f(i + k);
      first[k] += add.first;
      second[k] += add.second;
    }
  }

  // The last unit first: what Sum has read last is the nearest.
  template <typename F>
  void RunUnits(Block block, int64_t begin, int64_t end, F body) const {
    if (inner_ == 1) {
      for (int64_t n = begin; n < end; ++n) {
#pragma GCC ivdep
        for (int64_t c = block.first; c < block.last; ++c) body(c)(n * channels_ + c);
      }
      return;
    }
    for (int64_t unit = end - 1; unit >= begin; --unit) {
      ForEachStrip(block, unit, unit + 1,
                   [=](int64_t c, int64_t i, int64_t stop) { RunStrip(i, stop, body(c)); });
    }
  }

  template <typename F>
  static void RunStrip(int64_t i, int64_t end, F f) {
#pragma GCC ivdep
    for (; i < end; ++i) f(i);
  }

  template <typename F>
  void RunRows(int64_t begin, int64_t end, int64_t rows, F body) const {
    const int64_t in_row = UnitsOf(RowLength());
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t row = unit / in_row, from = unit % in_row * kUnit;
      const int64_t i = row * RowLength() + from, stop = i + std::min(kUnit, RowLength() - from);
      if (inner_ == 1) {
#pragma GCC ivdep
        for (int64_t k = 0; k < stop - i; ++k) body(from + k)(i + k);
      } else {
        RunStrip(i, stop, body(row % rows));
      }
    }
  }

  int64_t outer_ = 0, channels_ = 0, inner_ = 0;
  int64_t together_ = 1;
  bool in_one_reading_ = false;
  Buffer<Sums> sums_;
};

}  // namespace moka
