// Kernels of max pooling; see math/for_each_processor.h.
#include "math/pooling_mask_lanes.h"

// best and its place become those of v where it is larger: of equal values the first stays. Not
// for NaN.
template <bool with_mask, typename Floats, typename Ints>
__attribute__((always_inline)) inline void Compare(const Floats& v, const Ints& at, Floats& best,
                                                   Ints& place) {
  const auto greater = v > best;
  if constexpr (with_mask) place = greater ? at : place;
  best = greater ? v : best;
}

// Of some rows of a plane, the largest of each window's part of the row, and its column within the
// window: a ring of the last rows.
struct RowMaxima {
  static constexpr int64_t kMost = 8, kWindows = kTileWidth * kLanes;
  const int64_t ring;  // a power of 2
  float best[kMost][kWindows];
  int32_t column[kMost][kWindows];

  explicit RowMaxima(const PoolingGeometry& g)
      : ring(g.kernel_h <= 2   ? 2
             : g.kernel_h <= 4 ? 4
                               : kMost) {}
  int64_t at(int64_t row) const { return row & (ring - 1); }

  // Calls store(lanes, i, largest, place) with the largest of windows over the rows of h, for
  // vectors that cover [0, count).
  template <bool with_mask, typename F>
  __attribute__((always_inline)) void ForEachOver(const WindowRange& h, int64_t kernel_w,
                                                  int64_t count, F store) const {
    const int64_t n = h.end - h.begin;
    if (n == 3) return ForEachOver<with_mask, 3>(h, kernel_w, count, store);
    if (n == 2) return ForEachOver<with_mask, 2>(h, kernel_w, count, store);
    ForEachOver<with_mask, 0>(h, kernel_w, count, store);
  }

 private:
  template <bool with_mask, int rows, typename F>
  void ForEachOver(const WindowRange& h, int64_t kernel_w, int64_t count, F store) const {
    constexpr int64_t kKnown = rows > 0 ? rows : kMost;
    const float* from[kKnown] = {};
    const int32_t* places[kKnown] = {};
    const int64_t n = rows > 0 ? rows : h.end - h.begin;
    for (int64_t i = 0; i < n; ++i) {
      from[i] = best[at(h.begin + i)];
      places[i] = column[at(h.begin + i)];
    }
    const auto first = static_cast<int32_t>((h.begin - h.start) * kernel_w);
    const auto step = static_cast<int32_t>(kernel_w);
    ForEachVector(Lanes<kLanes>(), count, [=](auto lanes, int64_t k) {
      typename decltype(lanes)::Floats largest, v;
      typename decltype(lanes)::Ints place, columns;
      std::memcpy(&largest, from[0] + k, sizeof v);
      if constexpr (with_mask) std::memcpy(&place, places[0] + k, sizeof place), place += first;
      for (int64_t i = 1; i < n; ++i) {
        std::memcpy(&v, from[i] + k, sizeof v);
        if constexpr (with_mask) {
          std::memcpy(&columns, places[i] + k, sizeof columns);
          columns += first + static_cast<int32_t>(i) * step;
        }
        Compare<with_mask>(v, columns, largest, place);
      }
      store(lanes, k, largest, place);
    });
  }
};

// Row x of the planes of a tile.
template <int kernel, int stride, bool with_mask>
__attribute__((always_inline)) inline void MaxOfTileRow(const TileGeometry& of, const TileFloats* x,
                                                        float* y, int32_t* column) {
  const auto run = [&]<int fixed>(int64_t q, const TileAxis::Window& w) {
    const TileFloats* v = x + w.begin;
    TileFloats best = *v;
    TileInts place = TileInts{} + static_cast<int32_t>(w.skipped), at = place;
    const int64_t count = fixed > 0 ? fixed : w.count;
    for (int64_t j = 1; j < count; ++j) Compare<with_mask>(v[j], at += 1, best, place);
    std::memcpy(y + q * kLanes, &best, sizeof best);
    if constexpr (with_mask) std::memcpy(column + q * kLanes, &place, sizeof place);
  };
  const int64_t windows = of.g.out_width, pad = of.g.pad_w;
  const int64_t first = of.inner.first, last = kernel > 0 ? of.inner.last : first;
  for (int64_t q = first; q < last; ++q)
    run.template operator()<kernel>(q, {q * stride - pad, kernel, 0, 0});
  for (int64_t q = 0; q < windows; ++q) {
    if (q == first) q = std::max(first, last);
    if (q < windows) run.template operator()<0>(q, of.columns.windows[q]);
  }
}

template <int kernel, int stride, bool with_mask>
void MaxOfTile(const TileGeometry& of, const TileFloats* x, TileFloats* y, TilePlaces& places) {
  const PoolingGeometry& g = of.g;
  RowMaxima rows(g);
  int64_t done = 0;
  for (int64_t r = 0; r < g.out_height; ++r, y += g.out_width) {
    const WindowRange h(r, g.stride_h, g.pad_h, g.kernel_h, g.height);
    for (done = std::max(done, h.begin); done < h.end; ++done) {
      MaxOfTileRow<kernel, stride, with_mask>(of, x + done * g.width, rows.best[rows.at(done)],
                                              rows.column[rows.at(done)]);
    }
    const auto store = [y = &y[0][0], mask = places.at(r * g.out_width)](
                           auto, int64_t k, const auto& largest, const auto& place) {
      std::memcpy(y + k, &largest, sizeof largest);
      if constexpr (with_mask) {
        const auto bytes = __builtin_convertvector(place, typename Lanes<sizeof place / 4>::Bytes);
        std::memcpy(mask + k, &bytes, sizeof bytes);
      }
    };
    rows.ForEachOver<with_mask>(h, g.kernel_w, g.out_width * kLanes, store);
  }
}

template <int kernel, int stride>
void MaxOfTiles(const PoolingGeometry& g, int64_t planes, const float* x, float* y, uint8_t* mask,
                MaxOfAnyKernel* any) {
  const TileGeometry of(g);
  TileRows rows;
  TileFloats in[kTilePixels + kLanes], out[kTilePixels + kLanes];
  TilePlaces places;
  for (int64_t p = 0; p < planes; p += kLanes) {
    const int64_t count = std::min<int64_t>(kLanes, planes - p);
    rows.Load(x, of.pixels * 4, count, in);
    if (!AllFinite(&in[0][0], of.pixels * kLanes)) {
      any(g, count, x, y, mask);
    } else {
      if (mask) {
        MaxOfTile<kernel, stride, true>(of, in, out, places);
        rows.Store(places.Pack(of.windows), of.windows, count, mask);
      } else {
        MaxOfTile<kernel, stride, false>(of, in, out, places);
      }
      rows.Store(out, of.windows * 4, count, y);
    }
    x += kLanes * of.pixels, y += kLanes * of.windows, mask += mask ? kLanes * of.windows : 0;
  }
}

// n windows, side by side. `rows` of them, or row.rows if it is 0.
template <int n, int kernel, int stride, int rows, bool with_mask>
__attribute__((always_inline)) inline void MaxOfWindows(const WindowRow& row, int64_t q, float* y,
                                                        uint8_t* mask) {
  typename Lanes<n>::Floats best;
  typename Lanes<n>::Ints place = {}, at;
  const float* x = row.x + q * stride;
  const int64_t width = kernel > 0 ? kernel : row.kernel, height = rows > 0 ? rows : row.rows;
  LoadPhase<n, stride, 0>(x, best, std::make_integer_sequence<int, n>());
  place += static_cast<int32_t>(row.place);
  at = place;
  for (int64_t i = 0; i < height; ++i, x += row.stride) {
    ForEachColumn<n, stride>(
        x, width, [&](const auto& v) __attribute__((always_inline)) {
          Compare<with_mask>(v, at, best, place);
          at += 1;
        });
  }
  std::memcpy(y + q, &best, sizeof best);
  if constexpr (with_mask) {
    const auto bytes = __builtin_convertvector(place, typename Lanes<n>::Bytes);
    std::memcpy(mask + q, &bytes, sizeof bytes);
  }
}

template <int kernel, int stride, int rows, bool with_mask>
int64_t MaxOfRow(const WindowRow& row, float* y, uint8_t* mask) {
  return ForEachVector(Lanes<kLanes>(), row.windows, [=](auto lanes, int64_t q) {
    MaxOfWindows<decltype(lanes)::kCount, kernel, stride, rows, with_mask>(row, q, y, mask);
  });
}

// A window that hangs over the end of a row.
inline void MaxOfWindow(const PoolingGeometry& g, const WindowRange& h, const WindowRange& w,
                        const float* x, float* y, uint8_t* mask) {
  float best = x[h.begin * g.width + w.begin];
  int32_t place = static_cast<int32_t>((h.begin - h.start) * g.kernel_w + w.begin - w.start);
  for (int64_t i = h.begin; i < h.end; ++i) {
    auto at = static_cast<int32_t>((i - h.start) * g.kernel_w - w.start);
    for (int64_t j = w.begin; j < w.end; ++j) {
      // Without a branch, which would be guessed wrong as often as right.
      const float v = x[i * g.width + j];
      const int32_t greater = -static_cast<int32_t>(v > best);
      place ^= (place ^ (at + static_cast<int32_t>(j))) & greater;
      best = v > best ? v : best;
    }
  }
  *y = best;
  if (mask) *mask = static_cast<uint8_t>(place);
}

// Of a plane. False if there is a NaN or an infinite value: then nothing is sure.
template <int kernel, int stride, bool with_mask>
bool MaxOfPlane(const PoolingGeometry& g, const InnerWindows& inner, const float* x, float* y,
                uint8_t* mask) {
  int64_t done = 0;
  for (int64_t r = 0; r < g.out_height; ++r, y += g.out_width, mask += mask ? g.out_width : 0) {
    const WindowRange h(r, g.stride_h, g.pad_h, g.kernel_h, g.height);
    done = std::max(done, h.begin);
    PrefetchAfter(x + done * g.width, (h.end - done) * g.width);
    if (!AllFinite(x + done * g.width, (h.end - done) * g.width)) return false;
    done = h.end;
    const WindowRow row(g, h, inner, x);
    uint8_t* const places = with_mask ? mask + inner.first : nullptr;
    const int64_t vectors =
        kernel > 0 && row.rows == kernel
            ? MaxOfRow<kernel, stride, kernel, with_mask>(row, y + inner.first, places)
            : MaxOfRow<kernel, stride, 0, with_mask>(row, y + inner.first, places);
    for (int64_t q = 0; q < g.out_width; ++q) {
      if (q == inner.first) q += vectors;
      if (q == g.out_width) break;
      const WindowRange w(q, g.stride_w, g.pad_w, g.kernel_w, g.width);
      MaxOfWindow(g, h, w, x, y + q, with_mask ? mask + q : nullptr);
    }
  }
  return true;
}

template <int kernel, int stride>
void MaxOfPlanes(const PoolingGeometry& g, int64_t planes, const float* x, float* y, uint8_t* mask,
                 MaxOfAnyKernel* any) {
  const InnerWindows inner(g.out_width, g.stride_w, g.pad_w, g.kernel_w, g.width);
  const auto run = mask ? MaxOfPlane<kernel, stride, true> : MaxOfPlane<kernel, stride, false>;
  const int64_t in = g.height * g.width, out = g.out_height * g.out_width;
  for (int64_t p = 0; p < planes; ++p, x += in, y += out, mask += mask ? out : 0) {
    if (!run(g, inner, x, y, mask)) any(g, 1, x, y, mask);
  }
}

// None if the windows are few or large.
MaxOfPlanesKernel* MaxOfPlanesFor(const PoolingGeometry& g) {
  if (FitsTile(g) && g.kernel_h <= RowMaxima::kMost) {
    MaxOfPlanesKernel* const tiles = ForWindowWidth(
        g,
        []<int kernel, int stride>() -> MaxOfPlanesKernel* { return MaxOfTiles<kernel, stride>; });
    return tiles ? tiles : MaxOfTiles<0, 1>;
  }
  if (g.out_width < 4) return nullptr;
  return ForWindowWidth(g, []<int kernel, int stride>() -> MaxOfPlanesKernel* {
    return MaxOfPlanes<kernel, stride>;
  });
}

// Where the largest of `count` values is, n <= count < 2^31: the first of several. `count` if it is
// a NaN.
template <int n>
__attribute__((always_inline)) inline int64_t Largest(const float* x, int64_t count, Lanes<n>) {
  typename Lanes<n>::Floats best, v;
  typename Lanes<n>::Ints at, place = {};
  const auto infinity = typename Lanes<n>::Floats{} + std::numeric_limits<float>::infinity();
  best = -infinity;
  for (int64_t i = 0; i < count; i += n) {
    PrefetchAfter(x + i, n);
    std::memcpy(&v, x + (i < count - n ? i : count - n), sizeof v);
    v = v == v ? v : infinity;
    best = v > best ? v : best;
  }
  LargestToAll<n / 2>(best, Lanes<n>());
  for (int i = 0; i < n; ++i) at[i] = i;
  place += static_cast<int32_t>(count);
  for (int64_t i = 0; i < count; i += n) {
    const int64_t from = i < count - n ? i : count - n;
    std::memcpy(&v, x + from, sizeof v);
    const auto here = at + static_cast<int32_t>(from);
    const auto earlier = here < place ? here : place;
    place = v == best ? earlier : place;
  }
  place = -place;
  LargestToAll<n / 2>(place, Lanes<n>());
  return -place[0];
}

// Where the largest is: the first of several, the last NaN if there is one.
int64_t LargestOf(const float* x, int64_t count) {
  if (count >= kLanes && count <= std::numeric_limits<int32_t>::max()) {
    const int64_t at = Largest(x, count, Lanes<kLanes>());
    // Beside infinity there may be a NaN.
    if (at < count && x[at] < std::numeric_limits<float>::infinity()) return at;
  }
  int64_t at = 0;
  for (int64_t i = 1; i < count; ++i) at = (x[i] > x[at]) | (x[i] != x[i]) ? i : at;
  return at;
}
