// Products in registers: see tile-inl.h.
#pragma once

#include <cstdint>
#include <utility>

// Kernels are compiled for AVX-512, AVX2, SSE4, NEON, and for any processor: vectors whose length
// is known, and no target that would gain nothing. Include this before anything of Highway.
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
// Where nothing else is there, emulated vectors of four rather than scalars: kernels change the
// places of elements. The bug of GCC 12 for which Highway avoids these is in integer products.
#define HWY_BROKEN_EMU128 0

namespace moka {

// What is done to each element c[i][j] of a finished product:
// r(scale[i] c + shift[i] + add[i * c_step + j]), r(v) = v where v > 0, else slope v.
struct TileEnd {
  const float* scale = nullptr;  // null: 1
  const float* shift = nullptr;  // null: 0
  const float* add = nullptr;    // null: 0
  float slope = 1;
};

// c (rows, columns) = [c +] sum over k < depth of a[k][row] b[k][column]. All columns of a tile are
// written, so many as vectors hold.
struct TileProduct {
  int64_t depth = 0;
  const float* a = nullptr;
  int64_t a_step = 0;  // of packed a, if not its rows; of kRows, from row to row
  int64_t a_next = 0;  // from one panel of a to the next
  // Of kRuns: the terms come in runs of so many, and where in a run each row begins.
  const float* const* a_runs = nullptr;
  int64_t a_run = 0;
  const int32_t* a_rows = nullptr;
  const float* b = nullptr;
  int64_t b_step = 0;               // from row to row; 0: rows of a panel
  const int32_t* b_rows = nullptr;  // or where each row begins, from b on
  float* c = nullptr;
  int64_t c_step = 0;  // from row to row
  bool adds = false;
  const float* start = nullptr;  // for each row, where the sums begin; null: 0
  // What a later product needs, to be fetched meanwhile: a line of it for each step of the depth.
  const float* fetch = nullptr;
  int64_t fetch_step = 0;
  const TileEnd* end = nullptr;  // null: c is but a part of a sum
};

}  // namespace moka
