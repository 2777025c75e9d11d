// The micro-kernel of all products: c (rows, columns) = [c +] sum over k of a[k][row] b[k][column],
// kept in registers over the whole depth; columns are vectors, rows are broadcast. Included once
// for each target of Highway.
#include "math/tile.h"

#if defined(MOKA_MATH_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOKA_MATH_TILE_INL_H_
#undef MOKA_MATH_TILE_INL_H_
#else
#define MOKA_MATH_TILE_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace moka::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using FloatVector = hn::Vec<Floats>;
constexpr int64_t kLanes = HWY_LANES(float);

// With 32 registers 28 hold sums, with 16 of them 12; the rest is for b and a broadcast a.
#if HWY_TARGET <= HWY_AVX3
constexpr int kTileRows = 14;
#elif HWY_TARGET == HWY_NEON
constexpr int kTileRows = 12;
#else
constexpr int kTileRows = 6;
#endif
constexpr int64_t kTileColumns = 2 * kLanes;

// The first `count` floats, then zeros; nothing is read beyond them.
HWY_INLINE FloatVector LoadFirst(const float* from, int64_t count) {
  const Floats d;
#if HWY_TARGET <= HWY_AVX2
  return hn::MaskedLoad(hn::FirstN(d, static_cast<size_t>(count)), d, from);
#else
  HWY_ALIGN float part[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) part[i] = from[i];
  return hn::Load(d, part);
#endif
}

// Nothing is written beyond the first `count`, not even what was there: it may be another thread's.
HWY_INLINE void StoreFirst(FloatVector v, int64_t count, float* to) {
  const Floats d;
#if HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(v, hn::FirstN(d, static_cast<size_t>(count)), d, to);
#else
  HWY_ALIGN float part[kLanes];
  hn::Store(v, d, part);
  for (int64_t i = 0; i < count; ++i) to[i] = part[i];
#endif
}

// ahead: from x on, what is needed next, to be fetched meanwhile.
HWY_INLINE float SumOfRow(const float* x, int64_t n, int64_t ahead = 0) {
  const Floats d;
  FloatVector sums[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  int64_t k = 0;
  for (; k + 4 * kLanes <= n; k += 4 * kLanes) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      if (ahead != 0) __builtin_prefetch(x + ahead + k + i * kLanes);
      sums[i] = hn::Add(sums[i], hn::LoadU(d, x + k + i * kLanes));
    }
  }
  for (; k + kLanes <= n; k += kLanes) sums[0] = hn::Add(sums[0], hn::LoadU(d, x + k));
  if (k < n) sums[1] = hn::Add(sums[1], LoadFirst(x + k, n - k));
  const FloatVector all = hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]));
  return hn::GetLane(hn::SumOfLanes(d, all));
}

// Where a[k][row] lies: packed, a[k * rows + row], or as rows of a panel, a[row * kTileColumns +
// k], or anywhere, a[row * a_step + k], or a_runs[k / a_run][a_rows[row] + k % a_run]. kPackedRows:
// packed, and the rows of b lie at b_rows.
enum class Broadcast { kPacked, kPanel, kRows, kRuns, kPackedRows };

// v where v > 0 (or is no number), else slope v; 0 for slope 0, whatever v.
HWY_INLINE FloatVector Rectify(FloatVector v, float slope) {
  const Floats d;
  if (slope == 1) return v;
  const auto negative = hn::Le(v, hn::Zero(d));
  return slope == 0 ? hn::IfThenZeroElse(negative, v)
                    : hn::IfThenElse(negative, hn::Mul(v, hn::Set(d, slope)), v);
}

// Calls f(row, vector) for each.
template <int rows, int vectors, typename F>
HWY_INLINE void ForEachVector(const F& f) {
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < vectors; ++j) f(i, j);
  }
}

// To c, with what is done to each element at the end.
template <int rows, int vectors>
HWY_INLINE void EndTile(const TileProduct& t, FloatVector (&sums)[rows][vectors]) {
  const Floats d;
  const auto all = [&](const auto& f) HWY_ATTR __attribute__((always_inline)) {
    ForEachVector<rows, vectors>([&](int i, int j) HWY_ATTR __attribute__((always_inline)) {
      sums[i][j] = f(sums[i][j], i, i * t.c_step + j * kLanes);
    });
  };
  using V = FloatVector;
  if (t.adds) {
    all([&](V v, int, int64_t at) HWY_ATTR { return hn::Add(v, hn::LoadU(d, t.c + at)); });
  }
  if (t.end != nullptr) {
    const TileEnd& end = *t.end;
    if (end.scale != nullptr) {
      all([&](V v, int i, int64_t) HWY_ATTR {
        const FloatVector shift = hn::Set(d, end.shift != nullptr ? end.shift[i] : 0.0F);
        return hn::MulAdd(v, hn::Set(d, end.scale[i]), shift);
      });
    } else if (end.shift != nullptr) {
      all([&](V v, int i, int64_t) HWY_ATTR { return hn::Add(v, hn::Set(d, end.shift[i])); });
    }
    if (end.add != nullptr)
      all([&](V v, int, int64_t at) HWY_ATTR { return hn::Add(v, hn::LoadU(d, end.add + at)); });
    if (end.slope == 0) {
      all([&](V v, int, int64_t) HWY_ATTR { return Rectify(v, 0); });
    } else if (end.slope != 1) {
      all([&](V v, int, int64_t) HWY_ATTR { return Rectify(v, end.slope); });
    }
  }
  ForEachVector<rows, vectors>([&](int i, int j) HWY_ATTR __attribute__((always_inline)) {
    hn::StoreU(sums[i][j], d, t.c + i * t.c_step + j * kLanes);
  });
}

template <int rows, int vectors, Broadcast kind>
HWY_NOINLINE void Tile(const TileProduct& t) {
  const Floats d;
  FloatVector sums[rows][vectors];
  ForEachVector<rows, vectors>([&](int i, int j) HWY_ATTR
                               __attribute__((always_inline)) { sums[i][j] = hn::Zero(d); });
  if (t.start != nullptr) {
    ForEachVector<rows, vectors>([&](int i, int j) HWY_ATTR __attribute__((always_inline)) {
      sums[i][j] = hn::Set(d, t.start[i]);
    });
  }
  const float* add = t.end != nullptr ? t.end->add : nullptr;
  constexpr bool packed = kind == Broadcast::kPacked || kind == Broadcast::kPackedRows;
  constexpr int64_t a_row = packed ? 1 : kTileColumns;
  const int64_t a_step = !packed ? 1 : t.a_step != 0 ? t.a_step : rows;
  // Rows of a that lie evenly: every third has a pointer, the others are found from there.
  const float* thirds[(rows + 2) / 3];
  const int64_t row_step = t.a_step, two_rows = 2 * t.a_step;
  // Of runs: a pointer for each.
  const float* starts[kind == Broadcast::kRuns ? rows : 1];
  const float* const* run = t.a_runs;
  const float *a = kind == Broadcast::kRuns ? *run : t.a, *b = t.b,
              *fetch = t.fetch != nullptr ? t.fetch : a;
  const int64_t b_step = t.b_step != 0 ? t.b_step : kTileColumns;
  const int32_t* b_row = t.b_rows;
  int64_t left = t.depth;
  // A panel has but kTileColumns elements of a row; the next panel follows a_next floats later.
  do {
    const int64_t most = kind == Broadcast::kPanel ? kTileColumns : t.a_run;
    const bool parts = kind == Broadcast::kPanel || kind == Broadcast::kRuns;
    const int64_t depth = !parts || left < most ? left : most;
    int64_t k = 0;
    const float* HWY_RESTRICT from = a;
    const auto step = [&]() HWY_ATTR __attribute__((always_inline)) {
      __builtin_prefetch(fetch);
      fetch += t.fetch_step;
      const float* HWY_RESTRICT row = b;
      if constexpr (kind == Broadcast::kPackedRows) {
        row += *b_row++;
      } else {
        b += b_step;
      }
      FloatVector right[vectors];
#pragma GCC unroll 2
      for (int j = 0; j < vectors; ++j) right[j] = hn::LoadU(d, row + j * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < rows; ++i) {
        const float* at = from + i * a_row;
        if constexpr (kind == Broadcast::kRows)
          at = thirds[i / 3] + (i % 3 == 0 ? 0 : i % 3 == 1 ? row_step : two_rows);
        if constexpr (kind == Broadcast::kRuns) at = starts[i] + k;
        const FloatVector left_i = hn::Set(d, *at);
#pragma GCC unroll 2
        for (int j = 0; j < vectors; ++j) sums[i][j] = hn::MulAdd(left_i, right[j], sums[i][j]);
      }
      from += a_step;
      if constexpr (kind == Broadcast::kRows) {
#pragma GCC unroll 5
        for (const float*& third : thirds) ++third;
      }
    };
    if constexpr (kind == Broadcast::kRows) {
#pragma GCC unroll 5
      for (int i = 0; i < rows; i += 3) thirds[i / 3] = a + i * row_step;
    }
    if constexpr (kind == Broadcast::kRuns) {
#pragma GCC unroll 16
      for (int i = 0; i < rows; ++i) starts[i] = a + t.a_rows[i];
    }
    // What is read or written at the end is on its way from memory meanwhile, line by line.
    for (int v = 0; v < 3 && k + rows <= depth && left == t.depth; ++v) {
      const int64_t at = v < 2 ? v * kLanes : 2 * kLanes - 1;
      for (int i = 0; i < rows; ++i, ++k) {
        __builtin_prefetch(t.c + i * t.c_step + at, 1, 3);
        if (add != nullptr) __builtin_prefetch(add + i * t.c_step + at, 0, 3);
        step();
      }
    }
    for (; k < depth; ++k) step();
    left -= depth;
    if constexpr (kind == Broadcast::kRuns) {
      if (left > 0) a = *++run;
    } else {
      a += t.a_next;
    }
  } while (left > 0);
  EndTile<rows, vectors>(t, sums);
}

using TileFunction = void (*)(const TileProduct&);

template <Broadcast kind, int... rows>
constexpr TileFunction TileAt(int count, int vectors, std::integer_sequence<int, rows...>) {
  TileFunction found = nullptr;
  ((found = rows + 1 == count ? (vectors == 1 ? &Tile<rows + 1, 1, kind> : &Tile<rows + 1, 2, kind>)
                              : found),
   ...);
  return found;
}

// The kernel for tiles of so many rows, 1 to kTileRows, and columns in one or two vectors.
template <Broadcast kind>
TileFunction TileOf(int64_t rows, int64_t columns) {
  struct Table {
    TileFunction at[kTileRows][2];
  };
  static constexpr Table table = [] {
    Table t{};
    for (int r = 0; r < kTileRows; ++r) {
      for (int v = 0; v < 2; ++v)
        t.at[r][v] = TileAt<kind>(r + 1, v + 1, std::make_integer_sequence<int, kTileRows>());
    }
    return t;
  }();
  return table.at[rows - 1][columns <= kLanes ? 0 : 1];
}

}  // namespace moka::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
