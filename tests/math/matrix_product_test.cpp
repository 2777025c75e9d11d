#include "math/matrix_product.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "math/targets.h"
#include "moka/math.h"
#include "naive/compare.h"
#include "naive/gemm.h"

namespace moka {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Sizes {
  int64_t m, n, k;
};
// Around the borders of tiles, of what is packed at a time (108 rows, 256 columns, 256 terms) and
// of pieces.
const Sizes kSizes[] = {{1, 1, 1},      {1, 32, 3},     {4, 300, 600},  {13, 33, 65},
                        {14, 16, 256},  {15, 64, 257},  {109, 40, 10},  {110, 530, 30},
                        {57, 255, 290}, {250, 257, 64}, {28, 1000, 90}, {2, 70, 33},
                        {3, 5, 1000}};

// op(a) and op(b) as they are stored, rows a little apart, and c = NaN or ones.
struct Case {
  Case(const Sizes& s, bool a_turned, bool b_turned, bool adds)
      : a(naive::Random(static_cast<size_t>(s.m * s.k), "a")),
        b(naive::Random(static_cast<size_t>(s.k * s.n), "b")),
        product{.a_turned = a_turned,
                .b_turned = b_turned,
                .m = s.m,
                .n = s.n,
                .k = s.k,
                .lda = (a_turned ? s.m : s.k) + 3,
                .ldb = (b_turned ? s.k : s.n) + 5,
                .adds = adds,
                .ldc = s.n + 2},
        a_rows(Apart(a, a_turned ? s.k : s.m, product.lda)),
        b_rows(Apart(b, b_turned ? s.n : s.k, product.ldb)),
        c(static_cast<size_t>(s.m * product.ldc), adds ? 1.0F : kNan) {}

  // Rows of `to` floats, NaN between them; the last is not followed by any.
  static std::vector<float> Apart(const std::vector<float>& x, int64_t rows, int64_t to) {
    const size_t n = x.size() / static_cast<size_t>(rows), step = static_cast<size_t>(to);
    std::vector<float> y((static_cast<size_t>(rows) - 1) * step + n, kNan);
    for (size_t i = 0; i < x.size(); ++i) y[i / n * step + i % n] = x[i];
    return y;
  }
  void Run(int threads) {
    product.a = a_rows.data(), product.b = b_rows.data(), product.c = c.data();
    Context context({.threads = threads, .seed = 1});
    const MatrixCut cut = CutMatrix(product);
    context.ParallelFor(cut.down * cut.across, 1, [&](int64_t begin, int64_t end) {
      MultiplyPieces(product, cut, begin, end);
    });
  }
  std::vector<float> Result() const {
    std::vector<float> y;
    for (int64_t i = 0; i < product.m; ++i) {
      const float* row = c.data() + i * product.ldc;
      y.insert(y.end(), row, row + product.n);
    }
    return y;
  }
  std::vector<double> Expected() const {
    const auto turned = [](bool is) { return is ? Transpose::kYes : Transpose::kNo; };
    const MatrixProduct& p = product;
    return naive::Gemm(turned(p.a_turned), turned(p.b_turned), p.m, p.n, p.k, 1, a, b,
                       p.adds ? 1 : 0, std::vector<float>(static_cast<size_t>(p.m * p.n), 1.0F));
  }

  std::vector<float> a, b;
  MatrixProduct product;
  std::vector<float> a_rows, b_rows, c;
};

template <typename F>
void ForEachCase(const F& f) {
  for (const Sizes& s : kSizes) {
    for (const bool a_turned : {false, true}) {
      for (const bool b_turned : {false, true}) {
        for (const bool adds : {false, true}) {
          SCOPED_TRACE(testing::Message()
                       << s.m << "x" << s.n << "x" << s.k << (a_turned ? " T" : " N")
                       << (b_turned ? "T" : "N") << (adds ? ", adds" : ""));
          f(Case(s, a_turned, b_turned, adds));
        }
      }
    }
  }
}

TEST(MatrixProduct, AgreesWithTheDefinitionOnEveryKindOfProcessor) {
  ForEachCase([](const Case& given) {
    const std::vector<double> expected = given.Expected();
    for (const int64_t target : RunnableTargets()) {
      SCOPED_TRACE(hwy::TargetName(target));
      const OnTarget on(target);
      Case c = given;
      c.Run(2);
      EXPECT_TRUE(naive::Near(expected, c.Result()));
    }
  });
}

TEST(MatrixProduct, LeavesWhatLiesBetweenTheRowsAlone) {
  ForEachCase([](Case c) {
    std::fill(c.c.begin(), c.c.end(), 3.0F);
    c.Run(2);
    for (size_t i = 0; i < c.c.size(); ++i) {
      if (static_cast<int64_t>(i) % c.product.ldc < c.product.n) continue;
      ASSERT_EQ(c.c[i], 3.0F) << i;
    }
  });
}

TEST(MatrixProduct, GivesTheSameBitsForAnyNumberOfThreads) {
  ForEachCase([](Case c) {
    Case one = c;
    one.Run(1);
    for (const int threads : {2, 3, 8}) {
      Case other = c;
      other.Run(threads);
      EXPECT_EQ(one.Result(), other.Result());
    }
  });
}

TEST(MatrixProduct, ReadsPanelsThatWerePackedBefore) {
  ForEachCase([](const Case& given) {
    const std::vector<double> expected = given.Expected();
    for (const int64_t target : RunnableTargets()) {
      SCOPED_TRACE(hwy::TargetName(target));
      const OnTarget on(target);
      Case c = given;
      MatrixProduct b = c.product;
      b.b = c.b_rows.data();
      std::vector<float> packed(static_cast<size_t>(PanelsFloats(b.n, b.k)), kNan);
      PackPanels(b, 0, static_cast<int64_t>(packed.size()) / PanelsFloats(1, b.k), packed.data());
      c.b_rows = packed;
      c.product.b_packed = true;
      c.Run(3);
      EXPECT_TRUE(naive::Near(expected, c.Result()));
    }
  });
}

TEST(GemmPacked, AgreesWithTheDefinition) {
  Context context({.threads = 2, .seed = 1});
  const int64_t m = 50, n = 70, k = 300;
  const auto a = naive::Random(static_cast<size_t>(m * k), "a");
  const auto b = naive::Random(static_cast<size_t>(n * k), "b");
  const std::vector<float> ones(static_cast<size_t>(m * n), 1.0F);
  const auto floats = static_cast<size_t>(PackedMatrixFloats(m, n, k));
  EXPECT_EQ(floats > 0, HasFastTiles());
  if (floats == 0) return;
  for (const Transpose tb : {Transpose::kNo, Transpose::kYes}) {
    for (const bool adds : {false, true}) {
      std::vector<float> packed(floats), c = ones;
      PackMatrix(context, tb, n, k, b.data(), packed);
      GemmPacked(context, m, n, k, a.data(), packed, adds, c.data());
      EXPECT_TRUE(
          naive::Near(naive::Gemm(Transpose::kNo, tb, m, n, k, 1, a, b, adds ? 1 : 0, ones), c));
    }
  }
}

TEST(GemmPacked, IsOfNoUseForFewRowsAndForMuchThatIsReadOnce) {
  EXPECT_EQ(PackedMatrixFloats(8, 1000, 1000), 0);
  EXPECT_EQ(PackedMatrixFloats(100, 10, 1000), 0);
  EXPECT_EQ(PackedMatrixFloats(64, 4096, 9216), 0);
}

TEST(Gemm, GoesByTilesWhereMuchIsReadOrWritten) {
  // OpenBLAS adds in another order, and so gets other bits.
  Context context({.threads = 2, .seed = 1});
  const int64_t m = 4, n = 2000, k = 1000;
  const auto a = naive::Random(static_cast<size_t>(m * k), "a");
  const auto b = naive::Random(static_cast<size_t>(n * k), "b");
  std::vector<float> got(static_cast<size_t>(m * n)), tiles = got;
  Gemm(context, Transpose::kNo, Transpose::kYes, m, n, k, 1, a.data(), b.data(), 0, got.data());
  const MatrixProduct p{.b_turned = true,
                        .m = m,
                        .n = n,
                        .k = k,
                        .a = a.data(),
                        .lda = k,
                        .b = b.data(),
                        .ldb = k,
                        .c = tiles.data(),
                        .ldc = n};
  const MatrixCut cut = CutMatrix(p);
  MultiplyPieces(p, cut, 0, cut.down * cut.across);
  EXPECT_EQ(got == tiles, HasFastTiles());
}

}  // namespace
}  // namespace moka
