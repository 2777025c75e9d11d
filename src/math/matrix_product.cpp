// A piece of c, kDepth terms of the sums at a time: columns of b lie in panels or, where they are
// stored as rows, are read in place; rows of a are packed for each.
#include "math/matrix_product.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "math/sliding.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/matrix_product.cpp"
#include "math/tile.h"
// Highway's own order: the targets first.
#include <hwy/foreach_target.h>

#include "math/tile-inl.h"
#include "math/turn-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moka::HWY_NAMESPACE {
namespace {

constexpr int64_t kDepth = 256;                // terms at a time
constexpr int64_t kColumns = 256;              // of b at a time: in an L2 cache
constexpr int64_t kTurned = kTileColumns / 2;  // rows of b that are turned at a time
constexpr int64_t kRows = 112;                 // of a, turned at a time
constexpr int64_t kPackedA = kRows * kDepth, kPackedB = kColumns * kDepth;
constexpr int64_t kScratch = kPackedA + kPackedB + kTileRows * kTileColumns;

int64_t Least(int64_t a, int64_t b) { return a < b ? a : b; }

class MatrixPiece {
 public:
  MatrixPiece(const MatrixProduct& product, float* scratch)
      : p_(product), a_(scratch), b_(a_ + kPackedA), sums_(b_ + kPackedB) {}

  void Run(int64_t row, int64_t rows, int64_t column, int64_t columns) {
    for (int64_t k = 0; k < p_.k; k += kDepth) {
      depth_ = Least(kDepth, p_.k - k);
      adds_ = p_.adds || k > 0;
      for (int64_t j = column; j < column + columns; j += kColumns) {
        const int64_t n = Least(kColumns, column + columns - j);
        if (!p_.b_packed) LayOut(k, j, n);
        for (int64_t i = row; i < row + rows; i += kRows)
          RunRows(k, i, Least(kRows, row + rows - i), j, n);
      }
    }
  }

 private:
  // Columns [j, j + n) as panels; whole ones of rows that are stored so are read where they are.
  void LayOut(int64_t k, int64_t j, int64_t n) {
    for (int64_t s = 0; s < n; s += kTileColumns) {
      const int64_t columns = Least(kTileColumns, n - s);
      float* panel = b_ + s * kDepth;
      if (p_.b_turned) {
        const float* from = p_.b + (j + s) * p_.ldb + k;
        for (int64_t i = 0; i < columns; i += kTurned, from += kTurned * p_.ldb) {
          PrefetchRows(from + kTurned * p_.ldb, Least(kTurned, n - s - i - kTurned));
          TurnRows(from, Least(kTurned, columns - i), p_.ldb, depth_, panel + i, kTileColumns);
        }
      } else if (columns < kTileColumns) {
        const float* from = p_.b + k * p_.ldb + j + s;
        for (int64_t i = 0; i < depth_; ++i, from += p_.ldb)
          std::copy(from, from + columns, panel + i * kTileColumns);
      }
    }
  }

  void PrefetchRows(const float* from, int64_t rows) const {
    for (int64_t i = 0; i < rows; ++i, from += p_.ldb) {
      for (int64_t k = 0; k < depth_; k += 16) __builtin_prefetch(from + k);
    }
  }

  void RunRows(int64_t k, int64_t i, int64_t rows, int64_t j, int64_t n) {
    if (!p_.a_turned) TurnRows(p_.a + i * p_.lda + k, rows, p_.lda, depth_, a_, kRows);
    const int64_t blocks = (rows + kTileRows - 1) / kTileRows, block = (rows + blocks - 1) / blocks;
    TileProduct t;
    t.depth = depth_;
    t.a_step = p_.a_turned ? p_.lda : kRows;
    for (int64_t r = 0; r < rows; r += block) {
      const int64_t count = Least(block, rows - r);
      t.a = (p_.a_turned ? p_.a + k * p_.lda + i : a_) + r;
      for (int64_t s = 0; s < n; s += kTileColumns) {
        const int64_t columns = Least(kTileColumns, n - s);
        const bool in_place = !p_.b_packed && !p_.b_turned && columns == kTileColumns;
        t.b = p_.b_packed ? p_.b + (j + s) * p_.k + k * kTileColumns
              : in_place  ? p_.b + k * p_.ldb + j + s
                          : b_ + s * kDepth;
        t.b_step = in_place ? p_.ldb : 0;
        t.fetch = in_place ? t.b + kTileColumns + (r / block % 2 == 0 ? 0 : kLanes) : nullptr;
        t.fetch_step = in_place ? p_.ldb : 0;
        RunTile(t, count, columns, p_.c + (i + r) * p_.ldc + j + s);
      }
    }
  }

  void RunTile(TileProduct& t, int64_t rows, int64_t columns, float* c) {
    const auto tile = TileOf<Broadcast::kPacked>(rows, columns);
    const bool whole = columns == kTileColumns || columns == kLanes;
    t.c = whole ? c : sums_;
    t.c_step = whole ? p_.ldc : kTileColumns;
    t.adds = adds_ && whole;
    tile(t);
    if (whole) return;
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) {
        float& to = c[i * p_.ldc + j];
        to = adds_ ? to + sums_[i * kTileColumns + j] : sums_[i * kTileColumns + j];
      }
    }
  }

  const MatrixProduct& p_;
  float *a_, *b_, *sums_;
  int64_t depth_ = 0;
  bool adds_ = false;
};

// Columns [j, j + columns) of c where few_rows(): products of rows of a and of b.
template <int m, int columns>
HWY_INLINE void MultiplyRows(const MatrixProduct& p, int64_t j) {
  const Floats d;
  FloatVector sums[m][columns];
#pragma GCC unroll 4
  for (int i = 0; i < m; ++i) {
#pragma GCC unroll 4
    for (int l = 0; l < columns; ++l) sums[i][l] = hn::Zero(d);
  }
  for (int64_t k = 0; k < p.k; k += kLanes) {
    const int64_t n = p.k - k;
    const auto load = [=](const float* row) HWY_ATTR __attribute__((always_inline)) {
      return n < kLanes ? LoadFirst(row + k, n) : hn::LoadU(Floats(), row + k);
    };
    FloatVector a[m];
#pragma GCC unroll 4
    for (int i = 0; i < m; ++i) a[i] = load(p.a + i * p.lda);
#pragma GCC unroll 4
    for (int l = 0; l < columns; ++l) {
      const FloatVector b = load(p.b + (j + l) * p.ldb);
#pragma GCC unroll 4
      for (int i = 0; i < m; ++i) sums[i][l] = hn::MulAdd(a[i], b, sums[i][l]);
    }
  }
  for (int i = 0; i < m; ++i) {
    for (int l = 0; l < columns; ++l) {
      float& c = p.c[i * p.ldc + j + l];
      const float sum = hn::GetLane(hn::SumOfLanes(d, sums[i][l]));
      c = p.adds ? c + sum : sum;
    }
  }
}

template <int m>
void MultiplyRows(const MatrixProduct& p, int64_t begin, int64_t end) {
  int64_t j = begin;
  for (; j + 4 <= end; j += 4) MultiplyRows<m, 4>(p, j);
  for (; j < end; ++j) MultiplyRows<m, 1>(p, j);
}

void MultiplyFewRows(const MatrixProduct& p, int64_t begin, int64_t end) {
  if (p.m == 1) MultiplyRows<1>(p, begin, end);
  if (p.m == 2) MultiplyRows<2>(p, begin, end);
  if (p.m == 3) MultiplyRows<3>(p, begin, end);
  if (p.m == 4) MultiplyRows<4>(p, begin, end);
}

float* ScratchOfThread() {
  thread_local std::vector<float> scratch;
  constexpr int64_t kLine = 64 / sizeof(float);
  scratch.resize(kScratch + kLine);
  const auto at = reinterpret_cast<uintptr_t>(scratch.data());
  return scratch.data() + (64 - at % 64) % 64 / sizeof(float);
}

void RunMatrixPieces(const MatrixProduct& p, const MatrixCut& cut, int64_t begin, int64_t end) {
  if (p.few_rows()) {
    for (int64_t i = begin; i < end; ++i)
      MultiplyFewRows(p, i * cut.columns, Least(p.n, (i + 1) * cut.columns));
    return;
  }
  MatrixPiece piece(p, ScratchOfThread());
  for (int64_t i = begin; i < end; ++i) {
    const int64_t row = i / cut.across * cut.rows, column = i % cut.across * cut.columns;
    piece.Run(row, Least(cut.rows, p.m - row), column, Least(cut.columns, p.n - column));
  }
}

void PackPanelsOf(const MatrixProduct& p, int64_t begin, int64_t end, float* packed) {
  for (int64_t panel = begin; panel < end; ++panel) {
    const int64_t j = panel * kTileColumns, columns = Least(kTileColumns, p.n - j);
    float* to = packed + j * p.k;
    if (columns < kTileColumns) std::fill(to, to + p.k * kTileColumns, 0.0F);
    if (p.b_turned) {
      TurnRows(p.b + j * p.ldb, columns, p.ldb, p.k, to, kTileColumns);
      continue;
    }
    for (int64_t k = 0; k < p.k; ++k)
      std::copy(p.b + k * p.ldb + j, p.b + k * p.ldb + j + columns, to + k * kTileColumns);
  }
}

}  // namespace
}  // namespace moka::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moka {
namespace {

HWY_EXPORT(RunMatrixPieces);
HWY_EXPORT(PackPanelsOf);

int64_t Ceil(int64_t n, int64_t step) { return (n + step - 1) / step; }

}  // namespace

bool HasFastTiles() { return TileOfProcessor().columns >= 16; }

// Estimates, in cycles of a vector's products: packing a row of a costs as much as 12 columns,
// turning a column of b as much as 12 rows (in place: 3); few pieces leave threads idle.
MatrixCut CutMatrix(const MatrixProduct& p) {
  constexpr double kWork = 1e6;  // multiply-adds of a piece, at least
  constexpr int64_t kPieces = 16;
  if (p.few_rows()) {
    constexpr int64_t kFloats = 1 << 16;  // of b, that a piece reads
    MatrixCut cut;
    cut.rows = p.m;
    cut.columns = std::min(p.n, Ceil(kFloats, 16 * std::max<int64_t>(1, p.k)) * 16);
    cut.down = 1, cut.across = Ceil(p.n, cut.columns);
    return cut;
  }
  const SlidingTile tile = TileOfProcessor();
  const double work =
      static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
  const int64_t most = static_cast<int64_t>(std::clamp(work / kWork, 1.0, 64.0));
  MatrixCut best;
  double least = std::numeric_limits<double>::infinity();
  for (int64_t down = 1; down <= std::min(most, Ceil(p.m, tile.rows)); ++down) {
    for (int64_t across = 1; across * down <= most; ++across) {
      MatrixCut cut;
      cut.rows = Ceil(Ceil(p.m, down), tile.rows) * tile.rows;
      cut.columns = Ceil(Ceil(p.n, across), tile.columns) * tile.columns;
      if (down == 1) cut.rows = p.m;
      cut.down = Ceil(p.m, cut.rows), cut.across = Ceil(p.n, cut.columns);
      const double pieces = static_cast<double>(cut.down * cut.across);
      const double cost =
          12.0 / static_cast<double>(std::min(cut.columns, p.n)) +
          (p.b_turned && !p.b_packed ? 12.0 : 3.0) / static_cast<double>(std::min(cut.rows, p.m)) +
          0.2 * std::max(0.0, static_cast<double>(std::min(kPieces, most)) / pieces - 1);
      if (cost < least) least = cost, best = cut;
    }
  }
  return best;
}

int64_t PanelsFloats(int64_t n, int64_t k) {
  const int64_t columns = TileOfProcessor().columns;
  return Ceil(n, columns) * columns * k;
}

void PackPanels(const MatrixProduct& p, int64_t begin, int64_t end, float* packed) {
  HWY_DYNAMIC_DISPATCH(PackPanelsOf)(p, begin, end, packed);
}

void MultiplyPieces(const MatrixProduct& p, const MatrixCut& cut, int64_t begin, int64_t end) {
  HWY_DYNAMIC_DISPATCH(RunMatrixPieces)(p, cut, begin, end);
}

}  // namespace moka
#endif
