// y += alpha x, y = x, and sums in double in a fixed order.
#include <algorithm>
#include <array>

#include "math/clones.h"
#include "moka/error.h"
#include "moka/math.h"

namespace moka {
namespace {

constexpr int64_t kGrain = 32768;  // elements: long enough to be worth a thread's while
constexpr int64_t kPieces = 256;   // partial sums at most

MOKA_CLONES void AxpyPiece(float alpha, const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] += alpha * x[i];
}

// Eight running sums, so that the additions need not wait for one another.
enum class Term { kValue, kAbs, kSquare, kProduct };
template <Term term>
inline double SumTerms(const float* x, const float* y, int64_t n) {
  double sums[8] = {};
  const auto value = [x, y](int64_t i) -> double {
    const double v = x[i];
    if constexpr (term == Term::kAbs) return v < 0 ? -v : v;
    if constexpr (term == Term::kSquare) return v * v;
    if constexpr (term == Term::kProduct) return v * y[i];
    return v;
  };
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int64_t lane = 0; lane < 8; ++lane) sums[lane] += value(i + lane);
  }
  for (; i < n; ++i) sums[i % 8] += value(i);
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

using SumPiece = double (*)(const float* x, const float* y, int64_t n);
double SumOfValues(const float* x, const float* y, int64_t n) {
  return SumTerms<Term::kValue>(x, y, n);
}
double SumOfMagnitudes(const float* x, const float* y, int64_t n) {
  return SumTerms<Term::kAbs>(x, y, n);
}
double SumOfSquared(const float* x, const float* y, int64_t n) {
  return SumTerms<Term::kSquare>(x, y, n);
}
double SumOfProducts(const float* x, const float* y, int64_t n) {
  return SumTerms<Term::kProduct>(x, y, n);
}

// The pieces depend on n alone, and their sums are added in order.
double SumInPieces(Context& context, SumPiece sum, const float* x, const float* y, int64_t n) {
  const int64_t length = std::max(kGrain, (n + kPieces - 1) / kPieces);
  std::array<double, kPieces> sums = {};
  context.ParallelFor(n, length, [&](int64_t begin, int64_t end) {
    sums[static_cast<size_t>(begin / length)] = sum(x + begin, y + begin, end - begin);
  });
  double total = 0;
  for (int64_t piece = 0; piece * length < n; ++piece) total += sums[static_cast<size_t>(piece)];
  return total;
}

void CheckSameLength(size_t x, size_t y) {
  if (x != y) throw Error("two vectors differ in length: ", x, " and ", y);
}

}  // namespace

void Axpy(Context& context, float alpha, std::span<const float> x, std::span<float> y) {
  CheckSameLength(x.size(), y.size());
  context.ParallelFor(static_cast<int64_t>(x.size()), kGrain, [&](int64_t begin, int64_t end) {
    AxpyPiece(alpha, x.data() + begin, y.data() + begin, end - begin);
  });
}

void Copy(Context& context, std::span<const float> x, std::span<float> y) {
  CheckSameLength(x.size(), y.size());
  if (x.data() == y.data()) return;
  context.ParallelFor(static_cast<int64_t>(x.size()), kGrain, [&](int64_t begin, int64_t end) {
    std::copy(x.data() + begin, x.data() + end, y.data() + begin);
  });
}

void RepeatRow(Context& context, std::span<const float> x, int64_t rows, std::span<float> y) {
  const int64_t n = static_cast<int64_t>(x.size());
  CheckSameLength(static_cast<size_t>(rows * n), y.size());
  context.ParallelFor(rows, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, n)),
                      [&](int64_t begin, int64_t end) {
                        for (int64_t row = begin; row < end; ++row)
                          std::copy_n(x.data(), n, y.data() + row * n);
                      });
}

void SumRows(Context& context, std::span<const float> x, int64_t rows, bool add,
             std::span<float> y) {
  const int64_t n = static_cast<int64_t>(y.size());
  CheckSameLength(x.size(), static_cast<size_t>(rows * n));
  constexpr int64_t kColumns = 64;
  context.ParallelFor(n, kColumns, [&](int64_t begin, int64_t end) {
    double sums[kColumns] = {};
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t j = begin; j < end; ++j) sums[j - begin] += x[static_cast<size_t>(row * n + j)];
    }
    for (int64_t j = begin; j < end; ++j) {
      float& out = y[static_cast<size_t>(j)];
      out = static_cast<float>(add ? out + sums[j - begin] : sums[j - begin]);
    }
  });
}

double Sum(Context& context, std::span<const float> x) {
  return SumInPieces(context, SumOfValues, x.data(), x.data(), static_cast<int64_t>(x.size()));
}
double SumOfAbs(Context& context, std::span<const float> x) {
  return SumInPieces(context, SumOfMagnitudes, x.data(), x.data(), static_cast<int64_t>(x.size()));
}
double SumOfSquares(Context& context, std::span<const float> x) {
  return SumInPieces(context, SumOfSquared, x.data(), x.data(), static_cast<int64_t>(x.size()));
}
double Dot(Context& context, std::span<const float> x, std::span<const float> y) {
  CheckSameLength(x.size(), y.size());
  return SumInPieces(context, SumOfProducts, x.data(), y.data(), static_cast<int64_t>(x.size()));
}

}  // namespace moka
