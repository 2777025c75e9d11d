// What the cuts of sliding products have in common.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <numeric>

#include "math/sliding.h"

namespace moka {

constexpr int64_t kPanelFloats = 98304;  // 384 KB: panels stay in an L2 of 512 KB and more
constexpr int64_t kDepth = 320;  // of a panel: the products' sums stay in registers that long
constexpr int64_t kPieces = 16;  // wanted: enough to keep a few threads evenly busy

constexpr int64_t Ceil(int64_t n, int64_t step) { return (n + step - 1) / step; }
constexpr int64_t RoundUp(int64_t n, int64_t step) { return Ceil(n, step) * step; }

// n in even parts of at most `most`.
constexpr int64_t Even(int64_t n, int64_t most) {
  if (n <= 0) return 1;
  return Ceil(n, Ceil(n, std::clamp<int64_t>(most, 1, n)));
}

// What an axis' taps span of the elements that are taken, and their stride; as WindowOf of
// sliding_windows-inl.h.
struct Span {
  int64_t stride, reach;
};
inline Span SpanOf(const SlidingAxis& a) {
  if (a.taps <= 1) return {1, 0};
  const int64_t sample = std::gcd(a.stride, a.step);
  return {a.stride / sample, (a.taps - 1) * std::abs(a.step) / sample};
}

// Whether no window leaves x.
inline bool IsDirect(const SlidingAxis& a) {
  const int64_t last = a.first + (a.taps - 1) * a.step;
  return a.stride == 1 && a.taps > 0 && std::min(a.first, last) >= 0 &&
         std::max(a.first, last) + a.out <= a.size;
}

// Tiles of panels, of even size: of at most `most` pixels, and so many at least.
void SetPixels(const SlidingProduct& p, int64_t most, SlidingCut& cut);
void SetTiles(const SlidingProduct& p, int64_t tiles, SlidingCut& cut);
SlidingCut CutPanels(const SlidingProduct& p, int64_t group);

}  // namespace moka
