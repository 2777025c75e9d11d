// to[i] = or += the sum over chunks of from[chunk][i].
#include "math/chunk_sums.h"

#include <algorithm>

namespace moka {

void AddChunks(const float* from, int64_t chunks, int64_t chunk_floats, int64_t count, bool add,
               float* to) {
  constexpr int64_t kStrip = 256;  // in the nearest cache
  for (int64_t begin = 0; begin < count; begin += kStrip) {
    const int64_t n = std::min(kStrip, count - begin);
    float sum[kStrip];
    std::copy_n(from + begin, n, sum);
    for (int64_t chunk = 1; chunk < chunks; ++chunk) {
      const float* more = from + chunk * chunk_floats + begin;
      for (int64_t i = 0; i < n; ++i) sum[i] += more[i];
    }
    for (int64_t i = 0; i < n; ++i) to[begin + i] = add ? to[begin + i] + sum[i] : sum[i];
  }
}

void AddChunks(Context& context, const float* from, int64_t chunks, int64_t chunk_floats,
               int64_t count, bool add, float* to) {
  context.ParallelFor(count, 16384, [&](int64_t begin, int64_t end) {
    AddChunks(from + begin, chunks, chunk_floats, end - begin, add, to + begin);
  });
}

void AddBiasChunks(const double* from, int64_t chunks, int64_t outputs, bool add, float* db) {
  for (int64_t o = 0; o < outputs; ++o) {
    double sum = 0;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) sum += from[chunk * outputs + o];
    db[o] = static_cast<float>(add ? db[o] + sum : sum);
  }
}

}  // namespace moka
