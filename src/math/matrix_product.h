// c = a b, or c += a b, by the tile of the processor (tile-inl.h) rather than OpenBLAS.
#pragma once

#include <cstdint>

namespace moka {

// Row-major matrices; op(a) (m, k), op(b) (k, n), turned: stored the other way around.
struct MatrixProduct {
  bool a_turned = false, b_turned = false;
  int64_t m = 0, n = 0, k = 0;
  const float* a = nullptr;
  int64_t lda = 0;  // floats from row to row, as stored
  const float* b = nullptr;
  int64_t ldb = 0;
  bool b_packed = false;  // by PackPanels, instead
  bool adds = false;
  float* c = nullptr;
  int64_t ldc = 0;

  // So few that rows of b, stored turned, are best read as they are.
  bool few_rows() const { return m <= 4 && !a_turned && b_turned && !b_packed; }
};

// How c is cut into pieces of work, by the sizes alone.
struct MatrixCut {
  int64_t rows = 1, columns = 1;  // of a piece
  int64_t down = 0, across = 0;   // pieces
};
MatrixCut CutMatrix(const MatrixProduct& p);

// Whether this processor has vectors with which this is faster than OpenBLAS.
bool HasFastTiles();

// op(b) in panels of the tile's columns, the last padded: panel after panel, k rows each.
int64_t PanelsFloats(int64_t n, int64_t k);
// Panels [begin, end).
void PackPanels(const MatrixProduct& p, int64_t begin, int64_t end, float* packed);

// Pieces [begin, end) of down * across, row by row. Takes some 500 KB of the thread's own memory.
void MultiplyPieces(const MatrixProduct& p, const MatrixCut& cut, int64_t begin, int64_t end);

}  // namespace moka
