// c = alpha op(a) op(b) + beta c: cut by shape alone into pieces for the threads, and each piece
// into what OpenBLAS does fastest.
#include <algorithm>

#include "math/blas.h"
#include "math/matrix_product.h"
#include "moka/math.h"

namespace moka {
namespace {

struct Blocks {
  int64_t rows, columns;  // of c
};

constexpr double kSmall = 1e6;  // m n k up to which the kernels run that do not pack

int64_t RoundUp(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

// Blocks that OpenBLAS's small AVX-512 kernels take; the whole where they would not. Sizes found by
// measuring (Zen 4, 0.3.21): b stored (k, n) wants 64 columns, rows in eights; b stored (n, k)
// wants k to be long and m n <= 1200.
Blocks SmallKernelBlocks(bool ta, bool tb, int64_t m, int64_t n, int64_t k) {
  if (!blas::HasSmallKernels()) return {m, n};
  if (tb) {
    const int64_t rows = std::min<int64_t>(32, static_cast<int64_t>(kSmall / (32.0 * k))) / 8 * 8;
    return !ta && k >= 192 && rows >= 8 ? Blocks{rows, 32} : Blocks{m, n};
  }
  if (static_cast<double>(m) * n * k <= kSmall) return {m, n};
  const int64_t columns = std::min<int64_t>(n, 64);
  const int64_t rows =
      std::min(m, static_cast<int64_t>(kSmall / (static_cast<double>(columns) * k)));
  if (rows < std::min<int64_t>(m, 8)) return {m, n};
  return {rows >= 24 ? rows / 24 * 24 : rows >= 8 ? rows / 8 * 8 : rows, columns};
}

// Pieces of about 2 million multiply-adds, at most 16: the cut with the least sum of their sides,
// as sides are what is packed.
Blocks PieceBlocks(int64_t m, int64_t n, int64_t k) {
  constexpr double kWork = 2e6;
  const double work = static_cast<double>(m) * n * k;
  const int64_t pieces = static_cast<int64_t>(std::clamp(work / kWork, 1.0, 16.0));
  Blocks best{m, n};
  double least = 1e300;
  for (int64_t across = 1; pieces > 1 && across <= pieces; ++across) {
    const int64_t down = (pieces + across - 1) / across;
    const Blocks blocks{std::min(m, RoundUp((m + down - 1) / down, 8)),
                        std::min(n, RoundUp((n + across - 1) / across, 16))};
    const double cost =
        1.0 / static_cast<double>(blocks.rows) + 1.0 / static_cast<double>(blocks.columns);
    if (cost < least) least = cost, best = blocks;
  }
  return best;
}

// Where our own tiles beat OpenBLAS (Zen 5, 0.3.21, moka time on tests/bench/nets): products that
// read or write more than caches hold, since tiles ask for what comes next, and those of few terms.
bool IsFasterByTiles(bool a_turned, bool b_turned, int64_t m, int64_t n, int64_t k) {
  constexpr int64_t kMuch = 2000000;  // floats
  if (n < 32 || k == 0 || !HasFastTiles()) return false;
  if (!a_turned && b_turned && m <= 4) return n * k >= kMuch / 64;
  if (a_turned) return k <= 48 || m * n >= kMuch;
  return n * k >= (m <= 48 ? kMuch / 2 : kMuch);
}

void Multiply(Context& context, const MatrixProduct& p) {
  const MatrixCut cut = CutMatrix(p);
  context.ParallelFor(cut.down * cut.across, 1,
                      [&](int64_t begin, int64_t end) { MultiplyPieces(p, cut, begin, end); });
}

}  // namespace

void SerialGemm(Context& context, Transpose ta, Transpose tb, int64_t m, int64_t n, int64_t k,
                float alpha, const float* a, int64_t lda, const float* b, int64_t ldb, float beta,
                float* c, int64_t ldc) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
    }
    return;
  }
  blas::Prepare(context);
  const bool a_turned = ta == Transpose::kYes, b_turned = tb == Transpose::kYes;
  const Blocks blocks = SmallKernelBlocks(a_turned, b_turned, m, n, k);
  for (int64_t j = 0; j < n; j += blocks.columns) {
    const int64_t columns = std::min(blocks.columns, n - j);
    for (int64_t i = 0; i < m; i += blocks.rows) {
      const int64_t rows = std::min(blocks.rows, m - i);
      blas::Sgemm(a_turned, b_turned, rows, columns, k, alpha, a + (a_turned ? i : i * lda), lda,
                  b + (b_turned ? j * ldb : j), ldb, beta, c + i * ldc + j, ldc);
    }
  }
}

void Gemm(Context& context, Transpose ta, Transpose tb, int64_t m, int64_t n, int64_t k,
          float alpha, const float* a, int64_t lda, const float* b, int64_t ldb, float beta,
          float* c, int64_t ldc) {
  if (m == 0 || n == 0) return;
  if (alpha == 1 && (beta == 0 || beta == 1) &&
      IsFasterByTiles(ta == Transpose::kYes, tb == Transpose::kYes, m, n, k)) {
    const MatrixProduct p{.a_turned = ta == Transpose::kYes,
                          .b_turned = tb == Transpose::kYes,
                          .m = m,
                          .n = n,
                          .k = k,
                          .a = a,
                          .lda = lda,
                          .b = b,
                          .ldb = ldb,
                          .adds = beta == 1,
                          .c = c,
                          .ldc = ldc};
    const MatrixCut cut = CutMatrix(p);
    context.ParallelFor(cut.down * cut.across, 1,
                        [&](int64_t begin, int64_t end) { MultiplyPieces(p, cut, begin, end); });
    return;
  }
  const Blocks blocks = PieceBlocks(m, n, k);
  const int64_t down = (m + blocks.rows - 1) / blocks.rows,
                across = (n + blocks.columns - 1) / blocks.columns;
  context.ParallelFor(down * across, 1, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t i = piece / across * blocks.rows, j = piece % across * blocks.columns;
      SerialGemm(context, ta, tb, std::min(blocks.rows, m - i), std::min(blocks.columns, n - j), k,
                 alpha, a + (ta == Transpose::kYes ? i : i * lda), lda,
                 b + (tb == Transpose::kYes ? j * ldb : j), ldb, beta, c + i * ldc + j, ldc);
    }
  });
}

void Gemm(Context& context, Transpose ta, Transpose tb, int64_t m, int64_t n, int64_t k,
          float alpha, const float* a, const float* b, float beta, float* c) {
  Gemm(context, ta, tb, m, n, k, alpha, a, ta == Transpose::kYes ? m : k, b,
       tb == Transpose::kYes ? k : n, beta, c, n);
}

int64_t PackedMatrixFloats(int64_t m, int64_t n, int64_t k) {
  const bool pays =
      HasFastTiles() && m >= 48 && n >= 32 && k > 0 &&
      !IsFasterByTiles(false, true, m, n, k);  // the larger ones wait for memory anyway
  return pays ? PanelsFloats(n, k) : 0;
}

void PackMatrix(Context& context, Transpose tb, int64_t n, int64_t k, const float* b,
                std::span<float> packed) {
  const bool turned = tb == Transpose::kYes;
  const MatrixProduct p{.b_turned = turned, .n = n, .k = k, .b = b, .ldb = turned ? k : n};
  context.ParallelFor(
      static_cast<int64_t>(packed.size()) / PanelsFloats(1, k), 1,
      [&](int64_t begin, int64_t end) { PackPanels(p, begin, end, packed.data()); });
}

void GemmPacked(Context& context, int64_t m, int64_t n, int64_t k, const float* a,
                std::span<const float> packed, bool adds, float* c) {
  Multiply(context, {.m = m,
                     .n = n,
                     .k = k,
                     .a = a,
                     .lda = k,
                     .b = packed.data(),
                     .b_packed = true,
                     .adds = adds,
                     .c = c,
                     .ldc = n});
}

}  // namespace moka
