// Vectors of kLanes floats, and what goes with them. See depthwise_kernels_all.h.

typedef float Vector __attribute__((vector_size(kLanes * 4)));
typedef int32_t Mask __attribute__((vector_size(kLanes * 4)));
#define MOKA_INLINE __attribute__((always_inline)) inline

MOKA_INLINE Vector Load(const float* x) {
  Vector v;
  __builtin_memcpy(&v, x, sizeof v);
  return v;
}
// The same, in a register from now on: GCC would load again for each use.
MOKA_INLINE Vector LoadOnce(const float* x) {
  Vector v = Load(x);
#if defined(__x86_64__)
  __asm__("" : "+v"(v));
#endif
  return v;
}
MOKA_INLINE void Store(Vector v, float* y) { __builtin_memcpy(y, &v, sizeof v); }
MOKA_INLINE Mask LoadMask(const int32_t* x) {
  Mask v;
  __builtin_memcpy(&v, x, sizeof v);
  return v;
}
MOKA_INLINE Vector Keep(Vector v, Mask mask) { return (Vector)((Mask)v & mask); }
MOKA_INLINE Vector Fill(float x) { return x - Vector{}; }  // 0 + x would be computed
MOKA_INLINE Mask LanesBetween(int64_t first, int64_t last) {
  Mask lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
  return (lane >= (int32_t)first) & (lane < (int32_t)last);
}
MOKA_INLINE int64_t Least(int64_t a, int64_t b) { return a < b ? a : b; }

template <int n>
MOKA_INLINE void Copy(const float* x, float* y) {
  __builtin_memcpy(y, x, n * sizeof(float));
}

MOKA_INLINE void Prefetch(const float* x, int64_t n) {
  for (int64_t k = 0; k < n; k += 16) __builtin_prefetch(x + k, 0, 3);
}
MOKA_INLINE void PrefetchForWriting(const float* y, int64_t n) {
  for (int64_t k = 0; k < n; k += 16) __builtin_prefetch(y + k, 1, 3);
}
// Rows ahead of those at work, where memory is the limit.
constexpr int64_t kReadAhead = 16, kWriteAhead = 12;

// The first n < kLanes floats of v.
MOKA_INLINE void StoreSome(Vector v, int64_t n, float* y) {
  float floats[kLanes];
  __builtin_memcpy(floats, &v, sizeof floats);
  int64_t k = 0;
  if (kLanes > 8 && (n & 8) != 0) Copy<8>(floats, y), k = 8;
  if (kLanes > 4 && (n & 4) != 0) Copy<4>(floats + k, y + k), k += 4;
  for (; k < n; ++k) y[k] = floats[k];
}

struct NoMask {
  MOKA_INLINE Vector operator()(Vector v) const { return v; }
};
// Zeros in the lanes that do not count, in both factors: 0 * NaN is NaN.
struct LaneMask {
  Mask lanes;
  MOKA_INLINE Vector operator()(Vector v) const { return Keep(v, lanes); }
};

// Stores rows from y on. Those shorter than a vector spill into the next, which follow.
template <int rows>
MOKA_INLINE void StoreRows(const Vector (&sums)[rows], int64_t width, int64_t room, float* y) {
  if (room - (rows - 1) * width >= kLanes) {
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) Store(sums[r], y + r * width);
    return;
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r, room -= width) {
    if (room >= kLanes) {
      Store(sums[r], y + r * width);
    } else {
      StoreSome(sums[r], room, y + r * width);
    }
  }
}
