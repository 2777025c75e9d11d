// The speed of multiply-adds and of memory.
#include "peak.h"

#include <sched.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <vector>

#include "moka/elementwise.h"
#include "moka/tensor.h"
#include "timing.h"

#if MOKA_SEVERAL_VECTOR_SIZES
#include <immintrin.h>
#endif

namespace moka::tool {
namespace {

constexpr int kSteps = 100'000;
constexpr int kRuns = 60, kApart = 10;

// A processor begins up to two multiply-adds in a cycle, and one takes 4 or 5 cycles: with 10 or
// more sums that do not wait for each other it never pauses. Twelve and the two factors fit into
// the 16 registers of AVX2. Each sum starts from what the compiler does not know: of equal ones it
// would compute only one. Returns the number of operations.
constexpr int kSums = 12;
constexpr int kNumbers = 16 * (kSums + 2);  // the factors first, then the sums
#define MOKA_MULTIPLY_ADDS(Vector, lanes, Load, MultiplyAdd, Store)                              \
  Vector sum[kSums];                                                                             \
  const Vector x = Load(numbers), y = Load(numbers + (lanes));                                   \
  _Pragma("GCC unroll 12") for (int i = 0; i < kSums; ++i) sum[i] =                              \
      Load(numbers + (i + 2) * (lanes));                                                         \
  for (int step = 0; step < kSteps; ++step) {                                                    \
    _Pragma("GCC unroll 12") for (int i = 0; i < kSums; ++i) sum[i] = MultiplyAdd(sum[i], x, y); \
  }                                                                                              \
  _Pragma("GCC unroll 12") for (int i = 0; i < kSums; ++i)                                       \
      Store(numbers + (i + 2) * (lanes), sum[i]);                                                \
  return 2.0 * (lanes)*kSums * kSteps

#if MOKA_SEVERAL_VECTOR_SIZES
// As intrinsics: flags of the compiler decide whether it may make one instruction of x * y + z.
__attribute__((target("avx512f"), noinline)) double MultiplyAddsOf512(float* numbers) {
  MOKA_MULTIPLY_ADDS(__m512, 16, _mm512_loadu_ps, _mm512_fmadd_ps, _mm512_storeu_ps);
}
__attribute__((target("avx2,fma"), noinline)) double MultiplyAddsOf256(float* numbers) {
  MOKA_MULTIPLY_ADDS(__m256, 8, _mm256_loadu_ps, _mm256_fmadd_ps, _mm256_storeu_ps);
}
#endif

// Any other processor: vectors of four, which every compiler knows to cut to what there is.
using Four = float __attribute__((vector_size(16)));
Four Load(const float* from) { return Four{from[0], from[1], from[2], from[3]}; }
Four MultiplyAdd(Four x, Four y, Four z) { return x * y + z; }
void Store(float* to, Four x) {
  for (int i = 0; i < 4; ++i) to[i] = x[i];
}
__attribute__((noinline)) double MultiplyAddsOf128(float* numbers) {
  MOKA_MULTIPLY_ADDS(Four, 4, Load, MultiplyAdd, Store);
}

// All numbers are 0.5, so that sums go to 1: no infinities, no denormals.
double MultiplyAdds() {
  float numbers[kNumbers];
  std::fill(std::begin(numbers), std::end(numbers), 0.5f);
  float* hidden = numbers;
  asm volatile("" : "+r"(hidden) : : "memory");  // what it holds and who reads it, nobody knows
#if MOKA_SEVERAL_VECTOR_SIZES
  if (__builtin_cpu_supports("avx512f")) return MultiplyAddsOf512(hidden);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return MultiplyAddsOf256(hidden);
  }
#endif
  return MultiplyAddsOf128(hidden);
}

// Those that this process may use.
double Cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  return sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1e9;
}

}  // namespace

// All threads at the same time, but each one's best run counts: that another program takes a core
// for a while does not matter. The first and last runs do not count, when others may not run yet or
// no more: two threads may share the units of one core.
double PeakGflops(Context& context) {
  const auto threads = static_cast<size_t>(context.threads());
  std::vector<double> gflops(threads);
  context.ParallelFor(context.threads(), 1, [&](int64_t begin, int64_t) {
    double& best = gflops[static_cast<size_t>(begin)];
    for (int run = 0; run < kRuns; ++run) {
      const Clock::time_point start = Clock::now();
      const double operations = MultiplyAdds();
      const double ms = Milliseconds(start);
      if (run >= kApart && run < kRuns - kApart) best = std::max(best, operations / ms / 1e6);
    }
  });
  const double together = std::accumulate(gflops.begin(), gflops.end(), 0.0);
  return together * std::min(1.0, Cores() / context.threads());  // more threads take turns
}

double CopyGigabytes(Context& context) {
  constexpr int64_t kCount = 16 << 20;
  const double bytes = 2.0 * sizeof(float) * kCount;
  if (static_cast<double>(MemoryLimit()) < 2 * bytes) return 0;  // --max_memory is not to fail here
  Tensor x(Shape{kCount}), y(Shape{kCount});
  x.Fill(1);
  y.Fill(0);
  double best = 0;
  volatile float one = 1;  // or the compiler would call memcpy, which stores around the caches
  for (int run = 0; run < 10; ++run) {
    const Clock::time_point start = Clock::now();
    context.ParallelFor(kCount, kElementGrain,
                        [one = float{one}, x = x.data(), y = y.data()](int64_t begin, int64_t end) {
                          Vectorised([=] {
#pragma GCC ivdep
                            for (int64_t i = begin; i < end; ++i) y[i] = one * x[i];
                          });
                        });
    best = std::max(best, bytes / Milliseconds(start) / 1e6);
  }
  return best;
}

}  // namespace moka::tool
