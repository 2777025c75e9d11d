// Included by each depthwise_kernels_*.cpp after it has set the processor: kLanes, in its own
// namespace. Nothing here may be shared between them (the linker would keep any one), so this
// includes nothing and calls no function of a library.

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
  for (int64_t k = 0; k < n; k += 16) __builtin_prefetch(x + k, 0, 2);
}

// The first n < kLanes floats of v.
MOKA_INLINE void StoreSome(Vector v, int64_t n, float* y) {
  float floats[kLanes];
  __builtin_memcpy(floats, &v, sizeof floats);
  int64_t k = 0;
  if (kLanes > 8 && (n & 8) != 0) Copy<8>(floats, y), k = 8;
  if (kLanes > 4 && (n & 4) != 0) Copy<4>(floats + k, y + k), k += 4;
  for (; k < n; ++k) y[k] = floats[k];
}

// ---- y = start + sum of w * x: blocks of 4 rows, which stay in registers.

// A dense kernel: each vector of x that is loaded serves all rows that it is part of.
template <int kernel>
struct DenseBlock {
  Vector w[kernel * kernel];

  explicit MOKA_INLINE DenseBlock(const DepthwiseTaps& taps) {
#pragma GCC unroll 32
    for (int t = 0; t < kernel * kernel; ++t) w[t] = Fill(taps.weights[t]);
  }
  template <int rows>
  MOKA_INLINE void Add(const float* x, int64_t step, Vector (&sums)[rows]) const {
#pragma GCC unroll 16
    for (int row = 0; row < rows + kernel - 1; ++row) {
#pragma GCC unroll 16
      for (int j = 0; j < kernel; ++j) {
        const Vector v = LoadOnce(x + row * step + j);
#pragma GCC unroll 16
        for (int i = 0; i < kernel; ++i) {
          if (row - i >= 0 && row - i < rows) sums[row - i] += w[i * kernel + j] * v;
        }
      }
    }
  }
};

struct TapBlock {
  const DepthwiseTaps& taps;

  template <int rows>
  MOKA_INLINE void Add(const float* x, int64_t step, Vector (&sums)[rows]) const {
    for (int64_t t = 0; t < taps.count; ++t) {
      const Vector w = Fill(taps.weights[t]);
      const float* from = x + taps.offsets[t];
#pragma GCC unroll 16
      for (int row = 0; row < rows; ++row) sums[row] += w * Load(from + row * step);
    }
  }
};

// Rows [row, row + n), all columns. The last vector of a row overlaps the one before.
template <int n, typename Block>
MOKA_INLINE void BlockOfRows(const DepthwiseRows& t, int64_t row, const Block& block) {
  const float* x = t.x + row * t.x_step;
  float* y = t.y + row * t.y_step;
  for (int64_t q = 0; q < t.width; q += kLanes) {
    if (q + kLanes > t.width && t.width >= kLanes) q = t.width - kLanes;
    Vector sums[n];
#pragma GCC unroll 16
    for (int r = 0; r < n; ++r) sums[r] = Fill(t.start);
    block.template Add<n>(x + q, t.x_step, sums);
    if (t.width >= kLanes || t.room - (row + n - 1) * t.y_step >= kLanes) {
#pragma GCC unroll 16
      for (int r = 0; r < n; ++r) Store(sums[r], y + r * t.y_step + q);
      continue;
    }
#pragma GCC unroll 16
    for (int r = 0; r < n; ++r) {
      const int64_t room = t.room - (row + r) * t.y_step;
      if (room >= kLanes) {
        Store(sums[r], y + r * t.y_step);
      } else {
        StoreSome(sums[r], room, y + r * t.y_step);
      }
    }
  }
}

// The last block overlaps the one before.
template <typename Block>
MOKA_INLINE void AllRows(const DepthwiseRows& t, const Block& block) {
  if (t.rows < 4) {
    for (int64_t row = 0; row < t.rows; ++row) BlockOfRows<1>(t, row, block);
    return;
  }
  const float* ahead = t.ahead;
  for (int64_t row = 0; row < t.rows - 4; row += 4, ahead += t.ahead_step) {
    Prefetch(ahead, t.ahead_step);
    BlockOfRows<4>(t, row, block);
  }
  Prefetch(ahead, t.ahead_step);
  BlockOfRows<4>(t, t.rows - 4, block);
}

template <int kernel>
void DenseRows(const DepthwiseRows& rows, const DepthwiseTaps& taps) {
  AllRows(rows, DenseBlock<kernel>(taps));
}
void TapRows(const DepthwiseRows& rows, const DepthwiseTaps& taps) {
  AllRows(rows, TapBlock{taps});
}

// ---- Sums of dy * x for the weights.

struct NoMask {
  MOKA_INLINE Vector operator()(Vector v) const { return v; }
};
// Zeros in the lanes that do not count, in both factors: 0 * NaN is NaN.
struct LaneMask {
  Mask lanes;
  MOKA_INLINE Vector operator()(Vector v) const { return Keep(v, lanes); }
};

template <int kernel, int rows, typename KeepLanes>
MOKA_INLINE void DenseSums(const float* x, int64_t x_step, const float* dy, int64_t dy_step,
                           const KeepLanes& keep, Vector (&sums)[kernel * kernel + 1]) {
  Vector d[rows];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    d[r] = keep(LoadOnce(dy + r * dy_step));
    sums[kernel * kernel] += d[r];
  }
#pragma GCC unroll 16
  for (int row = 0; row < rows + kernel - 1; ++row) {
#pragma GCC unroll 16
    for (int j = 0; j < kernel; ++j) {
      const Vector v = keep(LoadOnce(x + row * x_step + j));
#pragma GCC unroll 16
      for (int i = 0; i < kernel; ++i) {
        if (row - i >= 0 && row - i < rows) sums[i * kernel + j] += d[row - i] * v;
      }
    }
  }
}

template <int kernel, typename KeepLanes>
MOKA_INLINE void DenseStrip(const DepthwiseStrip& t, const KeepLanes& keep, float* lanes) {
  constexpr int kSums = kernel * kernel + 1;
  Vector sums[kSums];
#pragma GCC unroll 32
  for (int i = 0; i < kSums; ++i) sums[i] = Load(lanes + kLanes * i);
  const float *x = t.x, *dy = t.dy;
  int64_t row = 0;
  for (; row + 4 <= t.rows; row += 4, x += 4 * t.x_step, dy += 4 * t.dy_step)
    DenseSums<kernel, 4>(x, t.x_step, dy, t.dy_step, keep, sums);
  const int64_t rest = t.rows - row;
  if (rest == 3) DenseSums<kernel, 3>(x, t.x_step, dy, t.dy_step, keep, sums);
  if (rest == 2) DenseSums<kernel, 2>(x, t.x_step, dy, t.dy_step, keep, sums);
  if (rest == 1) DenseSums<kernel, 1>(x, t.x_step, dy, t.dy_step, keep, sums);
#pragma GCC unroll 32
  for (int i = 0; i < kSums; ++i) Store(sums[i], lanes + kLanes * i);
}

template <int kernel>
void DenseStripSums(const DepthwiseStrip& t, const DepthwiseTaps&, float* lanes) {
  if (t.first == 0 && t.last == kLanes) {
    DenseStrip<kernel>(t, NoMask(), lanes);
  } else {
    DenseStrip<kernel>(t, LaneMask{LanesBetween(t.first, t.last)}, lanes);
  }
}

// `taps` taps at these offsets, over rows of one vector each; lanes belong to the first of them.
template <int taps, typename KeepLanes>
MOKA_INLINE void SomeTaps(const DepthwiseStrip& t, const KeepLanes& keep, const int64_t* offsets,
                          float* lanes) {
  Vector sums[taps];
#pragma GCC unroll 16
  for (int i = 0; i < taps; ++i) sums[i] = Load(lanes + kLanes * i);
  const float *x = t.x, *dy = t.dy;
  for (int64_t row = 0; row < t.rows; ++row, x += t.x_step, dy += t.dy_step) {
    const Vector d = keep(LoadOnce(dy));
#pragma GCC unroll 16
    for (int i = 0; i < taps; ++i) sums[i] += d * keep(Load(x + offsets[i]));
  }
#pragma GCC unroll 16
  for (int i = 0; i < taps; ++i) Store(sums[i], lanes + kLanes * i);
}

template <typename KeepLanes>
MOKA_INLINE void AllTaps(const DepthwiseStrip& t, const KeepLanes& keep, const DepthwiseTaps& taps,
                         float* lanes) {
  int64_t i = 0;
  for (; i + 9 <= taps.count; i += 9) SomeTaps<9>(t, keep, taps.offsets + i, lanes + kLanes * i);
  for (; i + 3 <= taps.count; i += 3) SomeTaps<3>(t, keep, taps.offsets + i, lanes + kLanes * i);
  for (; i < taps.count; ++i) SomeTaps<1>(t, keep, taps.offsets + i, lanes + kLanes * i);
  Vector sum = Load(lanes + kLanes * i);
  for (int64_t row = 0; row < t.rows; ++row) sum += keep(Load(t.dy + row * t.dy_step));
  Store(sum, lanes + kLanes * i);
}

void TapStripSums(const DepthwiseStrip& t, const DepthwiseTaps& taps, float* lanes) {
  if (t.first == 0 && t.last == kLanes) {
    AllTaps(t, NoMask(), taps, lanes);
  } else {
    AllTaps(t, LaneMask{LanesBetween(t.first, t.last)}, taps, lanes);
  }
}

void MoveLanes(int64_t n, bool first, float* lanes, double* sums) {
  typedef double Doubles __attribute__((vector_size(kLanes * 8)));
  for (int64_t i = 0; i < n; i += kLanes) {
    Doubles sum = __builtin_convertvector(Load(lanes + i), Doubles), before = {};
    if (!first) __builtin_memcpy(&before, sums + i, sizeof before);
    sum += before;
    __builtin_memcpy(sums + i, &sum, sizeof sum);
    Store(Vector{}, lanes + i);
  }
}

void AddLanes(int64_t n, const double* x, double* y) {
  typedef double Two __attribute__((vector_size(16)));
  for (int64_t i = 0; i < n; ++i, x += kLanes) {
    Two pairs[kLanes / 2];
    __builtin_memcpy(pairs, x, sizeof pairs);
#pragma GCC unroll 4
    for (int half = kLanes / 4; half > 0; half /= 2) {
#pragma GCC unroll 4
      for (int k = 0; k < half; ++k) pairs[k] += pairs[k + half];
    }
    y[i] = pairs[0][0] + pairs[0][1];
  }
}

// ---- Copies between planes and tiles, in whole vectors that may overlap.

template <int n>
struct VectorOf {
  typedef float Type __attribute__((vector_size(n * 4)));
};

// y[k] = x[2 k]. The upper half is read from one earlier, so that nothing beyond the last is read.
template <int n>
MOKA_INLINE void CopyEven(const float* x, float* y) {
  typename VectorOf<n>::Type low, high, v;
  __builtin_memcpy(&low, x, sizeof low);
  __builtin_memcpy(&high, x + n - 1, sizeof high);
  if constexpr (n == 16) {
    v = __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14, 17, 19, 21, 23, 25, 27, 29,
                                31);
  } else if constexpr (n == 8) {
    v = __builtin_shufflevector(low, high, 0, 2, 4, 6, 9, 11, 13, 15);
  } else {
    v = __builtin_shufflevector(low, high, 0, 2, 5, 7);
  }
  __builtin_memcpy(y, &v, sizeof v);
}

template <int n, int stride>
MOKA_INLINE void CopyVector(const float* x, float* y) {
  if constexpr (stride == 1) {
    Copy<n>(x, y);
  } else {
    CopyEven<n>(x, y);
  }
}

template <int stride>
MOKA_INLINE void GatherRow(const float* x, float* y, int64_t n) {
  if (n >= kLanes) {
    for (int64_t k = 0; k < n - kLanes; k += kLanes)
      CopyVector<kLanes, stride>(x + k * stride, y + k);
    CopyVector<kLanes, stride>(x + (n - kLanes) * stride, y + n - kLanes);
  } else if (kLanes > 8 && n >= 8) {
    CopyVector<8, stride>(x, y), CopyVector<8, stride>(x + (n - 8) * stride, y + n - 8);
  } else if (kLanes > 4 && n >= 4) {
    CopyVector<4, stride>(x, y), CopyVector<4, stride>(x + (n - 4) * stride, y + n - 4);
  } else {
    for (int64_t k = 0; k < n; ++k) y[k] = x[k * stride];
  }
}

void GatherRows(const float* x, int64_t x_step, float* y, int64_t y_step, int64_t rows, int64_t n,
                int64_t stride) {
  for (int64_t r = 0; r < rows; ++r, x += x_step, y += y_step) {
    if (stride == 1) {
      GatherRow<1>(x, y, n);
    } else if (stride == 2) {
      GatherRow<2>(x, y, n);
    } else {
      for (int64_t k = 0; k < n; ++k) y[k] = x[k * stride];
    }
  }
}

// low, high = even[0], odd[0], even[1], ...
template <int n, typename V>
MOKA_INLINE void Interleave(V even, V odd, V& low, V& high) {
  if constexpr (n == 16) {
    low =
        __builtin_shufflevector(even, odd, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    high = __builtin_shufflevector(even, odd, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30,
                                   15, 31);
  } else if constexpr (n == 8) {
    low = __builtin_shufflevector(even, odd, 0, 8, 1, 9, 2, 10, 3, 11);
    high = __builtin_shufflevector(even, odd, 4, 12, 5, 13, 6, 14, 7, 15);
  } else {
    low = __builtin_shufflevector(even, odd, 0, 4, 1, 5);
    high = __builtin_shufflevector(even, odd, 2, 6, 3, 7);
  }
}

// Reads whole vectors of even and odd, which lie in a tile.
void InterleaveRows(const float* even, const float* odd, int64_t x_step, float* y, int64_t y_step,
                    int64_t rows, int64_t n) {
  Vector low, high;
  for (int64_t r = 0; r < rows; ++r, even += x_step, odd += x_step, y += y_step) {
    int64_t k = 0;
    for (; 2 * k + 2 * kLanes <= n; k += kLanes) {
      Interleave<kLanes>(Load(even + k), Load(odd + k), low, high);
      Store(low, y + 2 * k), Store(high, y + 2 * k + kLanes);
    }
    if (2 * k + kLanes <= n) {
      Interleave<kLanes>(Load(even + k), Load(odd + k), low, high);
      Store(low, y + 2 * k);
      k += kLanes / 2;
    }
    if (2 * k == n) continue;
    if (n < kLanes) {
      Interleave<kLanes>(Load(even), Load(odd), low, high);
      StoreSome(low, n, y);
      continue;
    }
    // The last vector, which overlaps; it may begin at an odd column.
    const int64_t first = n - kLanes, half = first / 2;
    if (first % 2 == 0) {
      Interleave<kLanes>(Load(even + half), Load(odd + half), low, high);
    } else {
      Interleave<kLanes>(Load(odd + half), Load(even + half + 1), low, high);
    }
    Store(low, y + first);
  }
}

#ifdef MOKA_DEPTHWISE_STRIPS  // if the processor has permutations
// ---- Strips: rows are read where they are, their neighbours by permutation.

using Columns = DepthwiseColumns;

// How one column of the kernel reads a row of x.
template <Columns::Kind kind>
struct Column {
  int64_t at, at2;
  Mask places;

  MOKA_INLINE Column() = default;
  MOKA_INLINE Column(const Columns& t, int64_t j) : at(t.at[2 * j]), at2(t.at[2 * j + 1]) {
    if constexpr (kind != Columns::kPlain) places = LoadMask(t.places + kLanes * j);
  }
  // shared: the vector that all columns read, if they are the same.
  MOKA_INLINE Vector Read(const float* row, Vector shared) const {
    if constexpr (kind == Columns::kPlain) {
      return LoadOnce(row + at);
    } else if constexpr (kind == Columns::kPick) {
      return __builtin_shuffle(Load(row + at), Vector{}, places);
    } else if constexpr (kind == Columns::kSame) {
      return __builtin_shuffle(shared, Vector{}, places);
    } else {
      const Vector v = __builtin_shuffle(Load(row + at), Load(row + at2), places);
      if constexpr (kind == Columns::kPair) return v;
      return Keep(v, places >= 0);
    }
  }
};
template <Columns::Kind kind>
MOKA_INLINE Vector Shared(const float* row, int64_t at) {
  if constexpr (kind == Columns::kSame) return LoadOnce(row + at);
  return Vector{};
}

// Calls f.template operator()<kind>(), so that each kind has its own code.
template <typename F>
MOKA_INLINE void ByKind(Columns::Kind kind, const F& f) {
  if (kind == Columns::kPlain) {
    f.template operator()<Columns::kPlain>();
  } else if (kind == Columns::kPick) {
    f.template operator()<Columns::kPick>();
  } else if (kind == Columns::kSame) {
    f.template operator()<Columns::kSame>();
  } else if (kind == Columns::kPair) {
    f.template operator()<Columns::kPair>();
  } else {
    f.template operator()<Columns::kPairOrZero>();
  }
}

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

// A dense kernel: each row of x that is read serves all rows of the result that it is part of.
template <int kernel, int stride, int rows, Columns::Kind kind>
MOKA_INLINE void DenseRowsOfStrip(const DepthwiseStrips& t, const Columns& strip, int64_t row,
                                  const float* x, const Vector (&w)[kernel * kernel],
                                  Vector (&sums)[rows]) {
  Column<kind> columns[kernel];
#pragma GCC unroll 8
  for (int j = 0; j < kernel; ++j) columns[j] = Column<kind>(strip, j);
  const int64_t top = row * stride - t.above;
#pragma GCC unroll 16
  for (int k = 0; k < (rows - 1) * stride + kernel; ++k) {
    if (top + k < 0 || top + k >= t.x_height) continue;
    const float* from = x + (top + k) * t.x_width;
    const Vector shared = Shared<kind>(from, columns[0].at);
#pragma GCC unroll 8
    for (int j = 0; j < kernel; ++j) {
      const Vector v = columns[j].Read(from, shared);
#pragma GCC unroll 4
      for (int r = 0; r < rows; ++r) {
        const int i = k - r * stride;
        if (i >= 0 && i < kernel) sums[r] += w[i * kernel + j] * v;
      }
    }
  }
}

template <int kernel, int stride, int rows>
MOKA_INLINE void DenseBlockOfStrips(const DepthwiseStrips& t, int64_t row, const float* x,
                                    const Vector (&w)[kernel * kernel], float start, int64_t room,
                                    float* y) {
  for (int64_t s = 0; s < t.strip_count; ++s) {
    const Columns& strip = t.strips[s];
    Vector sums[rows];
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) sums[r] = Fill(start);
    ByKind(
        strip.kind, [&]<Columns::Kind kind>() __attribute__((always_inline)) {
          if constexpr (stride == 1 || kind >= Columns::kSame)
            DenseRowsOfStrip<kernel, stride, rows, kind>(t, strip, row, x, w, sums);
        });
    const int64_t at = row * t.width + strip.column;
    StoreRows<rows>(sums, t.width, room - at, y + at);
  }
}

template <int kernel, int stride>
MOKA_INLINE void DensePlane(const DepthwiseStrips& t, const DepthwiseStripRows& p, const float* x,
                            const float* weights, float start, int64_t room, float* y) {
  Vector w[kernel * kernel];
#pragma GCC unroll 8
  for (int i = 0; i < kernel; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < kernel; ++j)
      w[i * kernel + j] = Fill(weights[(t.mirrored ? kernel - 1 - i : i) * kernel + j]);
  }
  int64_t row = p.begin;
  for (; row + 4 <= p.end; row += 4)
    DenseBlockOfStrips<kernel, stride, 4>(t, row, x, w, start, room, y);
  const int64_t rest = p.end - row;
  if (rest == 3) DenseBlockOfStrips<kernel, stride, 3>(t, row, x, w, start, room, y);
  if (rest == 2) DenseBlockOfStrips<kernel, stride, 2>(t, row, x, w, start, room, y);
  if (rest == 1) DenseBlockOfStrips<kernel, stride, 1>(t, row, x, w, start, room, y);
}

// Back through a dense kernel with a stride: of row r, r + pad - i = stride * (the row of x). With
// `phase` = (row + pad) % stride it is known when compiled which i these are.
template <int kernel, int stride, int rows, int phase, Columns::Kind kind>
MOKA_INLINE void SpreadRowsOfStrip(const DepthwiseStrips& t, const Columns& strip, int64_t base,
                                   const float* x, const Vector (&w)[kernel * kernel],
                                   Vector (&sums)[rows]) {
  Column<kind> columns[kernel];
#pragma GCC unroll 8
  for (int j = 0; j < kernel; ++j) columns[j] = Column<kind>(strip, j);
#pragma GCC unroll 16
  for (int k = -(kernel - 1) / stride; k <= (phase + rows - 1) / stride; ++k) {
    if (base + k < 0 || base + k >= t.x_height) continue;
    const float* from = x + (base + k) * t.x_width;
    const Vector shared = Shared<kind>(from, columns[0].at);
#pragma GCC unroll 8
    for (int j = 0; j < kernel; ++j) {
      const Vector v = columns[j].Read(from, shared);
#pragma GCC unroll 4
      for (int r = 0; r < rows; ++r) {
        const int i = phase + r - k * stride;
        if (i >= 0 && i < kernel) sums[r] += w[i * kernel + j] * v;
      }
    }
  }
}

template <int kernel, int stride, int rows, int phase>
MOKA_INLINE void SpreadBlockOfStrips(const DepthwiseStrips& t, int64_t row, int64_t base,
                                     const float* x, const Vector (&w)[kernel * kernel],
                                     int64_t room, float* y) {
  for (int64_t s = 0; s < t.strip_count; ++s) {
    const Columns& strip = t.strips[s];
    Vector sums[rows];
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) sums[r] = Vector{};
    if (strip.kind == Columns::kSame) {
      SpreadRowsOfStrip<kernel, stride, rows, phase, Columns::kSame>(t, strip, base, x, w, sums);
    } else {
      SpreadRowsOfStrip<kernel, stride, rows, phase, Columns::kPick>(t, strip, base, x, w, sums);
    }
    const int64_t at = row * t.width + strip.column;
    StoreRows<rows>(sums, t.width, room - at, y + at);
  }
}

template <int kernel, int stride, int phase>
MOKA_INLINE void SpreadPlane(const DepthwiseStrips& t, const DepthwiseStripRows& p, const float* x,
                             const float* weights, int64_t room, float* y) {
  Vector w[kernel * kernel];
#pragma GCC unroll 32
  for (int i = 0; i < kernel * kernel; ++i) w[i] = Fill(weights[i]);
  static_assert(4 % stride == 0);  // the phase stays
  int64_t row = p.begin, base = (row + t.pad) / stride;
  for (; row + 4 <= p.end; row += 4, base += 4 / stride) {
    // Much more is written than read: fetch the lines.
    for (int64_t k = 0; k < 4 * t.width; k += 16)
      __builtin_prefetch(y + (row + 8) * t.width + k, 1, 3);
    SpreadBlockOfStrips<kernel, stride, 4, phase>(t, row, base, x, w, room, y);
  }
  const int64_t rest = p.end - row;
  if (rest == 3) SpreadBlockOfStrips<kernel, stride, 3, phase>(t, row, base, x, w, room, y);
  if (rest == 2) SpreadBlockOfStrips<kernel, stride, 2, phase>(t, row, base, x, w, room, y);
  if (rest == 1) SpreadBlockOfStrips<kernel, stride, 1, phase>(t, row, base, x, w, room, y);
}

// Any kernel, row by row. kernel_w 0: any.
template <int kernel_w, Columns::Kind kind>
MOKA_INLINE void AddRowOfStrip(const DepthwiseStrips& t, const Columns& strip, int64_t inputs,
                               const int64_t* from, const float* x, const float* w, Vector& sum) {
  const int64_t width = kernel_w > 0 ? kernel_w : t.kernel_w;
  for (int64_t u = 0; u < inputs; ++u, x += t.x_height * t.x_width) {
    for (int64_t i = 0; i < t.kernel_h; ++i, w += width) {
      if (from[i] < 0) continue;
      const Vector shared = Shared<kind>(x + from[i], strip.at[0]);
#pragma GCC unroll 4
      for (int64_t j = 0; j < width; ++j)
        sum += Fill(w[j]) * Column<kind>(strip, j).Read(x + from[i], shared);
    }
  }
}

template <int kernel_w>
MOKA_INLINE void AnyPlane(const DepthwiseStrips& t, const DepthwiseStripRows& p, const float* x,
                          const float* weights, float start, int64_t room, float* y) {
  for (int64_t row = p.begin; row < p.end; ++row) {
    for (int64_t s = 0; s < t.strip_count; ++s) {
      Vector sums[1] = {Fill(start)};
      ByKind(
          t.strips[s].kind, [&]<Columns::Kind kind>() __attribute__((always_inline)) {
            AddRowOfStrip<kernel_w, kind>(t, t.strips[s], p.inputs, t.from + row * t.kernel_h, x,
                                          weights, sums[0]);
          });
      const int64_t at = row * t.width + t.strips[s].column;
      StoreRows<1>(sums, t.width, room - at, y + at);
    }
  }
}

void StripRows(const DepthwiseStrips& t, const DepthwiseStripRows& p) {
  const float *x = p.x, *weights = p.weights;
  float* y = p.y;
  int64_t room = p.room;
  const bool dense = t.dense && p.inputs == 1,
             spreads = t.spreads && p.inputs == 1 && t.kernel_w == 3 && t.stride == 2;
  for (int64_t i = 0; i < p.planes; ++i) {
    const float start = p.start != nullptr ? p.start[i] : 0;
    if (dense && t.kernel_w == 3 && t.stride == 1) {
      DensePlane<3, 1>(t, p, x, weights, start, room, y);
    } else if (dense && t.kernel_w == 3 && t.stride == 2) {
      DensePlane<3, 2>(t, p, x, weights, start, room, y);
    } else if (dense && t.kernel_w == 5 && t.stride == 1) {
      DensePlane<5, 1>(t, p, x, weights, start, room, y);
    } else if (spreads && (p.begin + t.pad) % 2 == 0) {
      SpreadPlane<3, 2, 0>(t, p, x, weights, room, y);
    } else if (spreads) {
      SpreadPlane<3, 2, 1>(t, p, x, weights, room, y);
    } else if (t.kernel_w == 3) {
      AnyPlane<3>(t, p, x, weights, start, room, y);
    } else {
      AnyPlane<0>(t, p, x, weights, start, room, y);
    }
    weights += p.inputs * t.kernel_h * t.kernel_w;
    y += t.height * t.width, room -= t.height * t.width;
    if ((i + 1) % p.outputs == 0) x += p.inputs * t.x_height * t.x_width;
  }
}

template <int kernel, int stride, int rows, Columns::Kind kind, typename KeepLanes>
MOKA_INLINE void DenseStripBlock(const DepthwiseStrips& t, int64_t row, const float* x,
                                 const float* dy, const KeepLanes& keep,
                                 const Column<kind> (&columns)[kernel],
                                 Vector (&sums)[kernel * kernel + 1]) {
  Vector d[rows];
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
    d[r] = keep(LoadOnce(dy + (row + r) * t.width));
    sums[kernel * kernel] += d[r];
  }
  const int64_t top = row * stride - t.above;
#pragma GCC unroll 16
  for (int k = 0; k < (rows - 1) * stride + kernel; ++k) {
    if (top + k < 0 || top + k >= t.x_height) continue;
    const float* from = x + (top + k) * t.x_width;
    const Vector shared = Shared<kind>(from, columns[0].at);
#pragma GCC unroll 8
    for (int j = 0; j < kernel; ++j) {
      const Vector v = columns[j].Read(from, shared);
#pragma GCC unroll 4
      for (int r = 0; r < rows; ++r) {
        const int i = k - r * stride;
        if (i >= 0 && i < kernel) sums[i * kernel + j] += d[r] * v;
      }
    }
  }
}

template <int kernel, int stride, Columns::Kind kind, typename KeepLanes>
MOKA_INLINE void DenseStripSumsOf(const DepthwiseStrips& t, const DepthwiseStripSums& p,
                                  const Columns& strip, const KeepLanes& keep, const float* x,
                                  const float* dy, float* lanes) {
  constexpr int kSums = kernel * kernel + 1;
  Vector sums[kSums];
#pragma GCC unroll 32
  for (int i = 0; i < kSums; ++i) sums[i] = Load(lanes + kLanes * i);
  Column<kind> columns[kernel];
#pragma GCC unroll 8
  for (int j = 0; j < kernel; ++j) columns[j] = Column<kind>(strip, j);
  dy += strip.column;
  int64_t row = p.begin;
  for (; row + 4 <= p.end; row += 4)
    DenseStripBlock<kernel, stride, 4>(t, row, x, dy, keep, columns, sums);
  const int64_t rest = p.end - row;
  if (rest == 3) DenseStripBlock<kernel, stride, 3>(t, row, x, dy, keep, columns, sums);
  if (rest == 2) DenseStripBlock<kernel, stride, 2>(t, row, x, dy, keep, columns, sums);
  if (rest == 1) DenseStripBlock<kernel, stride, 1>(t, row, x, dy, keep, columns, sums);
#pragma GCC unroll 32
  for (int i = 0; i < kSums; ++i) Store(sums[i], lanes + kLanes * i);
}

template <int kernel, int stride>
MOKA_INLINE void DensePlaneSums(const DepthwiseStrips& t, const DepthwiseStripSums& p,
                                const float* x, const float* dy, float* lanes) {
  for (int64_t s = 0; s < t.strip_count; ++s) {
    const Columns& strip = t.strips[s];
    ByKind(
        strip.kind, [&]<Columns::Kind kind>() __attribute__((always_inline)) {
          if constexpr (stride == 1 ? kind <= Columns::kSame : kind >= Columns::kSame) {
            if constexpr (kind == Columns::kPlain || kind == Columns::kPair) {
              DenseStripSumsOf<kernel, stride, kind>(t, p, strip, NoMask(), x, dy, lanes);
            } else {
              DenseStripSumsOf<kernel, stride, kind>(
                  t, p, strip, LaneMask{LanesBetween(strip.first, strip.last)}, x, dy, lanes);
            }
          }
        });
  }
}

// Some columns of one row of the kernel, over all rows of dy.
template <int taps, Columns::Kind kind>
MOKA_INLINE void AnyTaps(const DepthwiseStrips& t, const DepthwiseStripSums& p,
                         const Columns& strip, int64_t i, int64_t j, const float* x,
                         const float* dy, float* lanes) {
  const Mask keep = LanesBetween(strip.first, strip.last);
  Vector sums[taps];
  Column<kind> columns[taps];
#pragma GCC unroll 4
  for (int k = 0; k < taps; ++k) {
    sums[k] = Load(lanes + kLanes * k);
    columns[k] = Column<kind>(strip, j + k);
  }
  for (int64_t row = p.begin; row < p.end; ++row) {
    const int64_t from = t.from[row * t.kernel_h + i];
    if (from < 0) continue;
    const Vector d = Keep(LoadOnce(dy + row * t.width), keep);
    const Vector shared = Shared<kind>(x + from, columns[0].at);
#pragma GCC unroll 4
    for (int k = 0; k < taps; ++k) sums[k] += d * columns[k].Read(x + from, shared);
  }
#pragma GCC unroll 4
  for (int k = 0; k < taps; ++k) Store(sums[k], lanes + kLanes * k);
}

MOKA_INLINE void AnyPlaneSums(const DepthwiseStrips& t, const DepthwiseStripSums& p, const float* x,
                              const float* dy, float* lanes) {
  for (int64_t s = 0; s < t.strip_count; ++s) {
    const Columns& strip = t.strips[s];
    const float* from = dy + strip.column;
    float* to = lanes;
    for (int64_t i = 0; i < t.kernel_h; ++i) {
      ByKind(
          strip.kind, [&]<Columns::Kind kind>() __attribute__((always_inline)) {
            int64_t j = 0;
            for (; j + 4 <= t.kernel_w; j += 4, to += 4 * kLanes)
              AnyTaps<4, kind>(t, p, strip, i, j, x, from, to);
            for (; j < t.kernel_w; ++j, to += kLanes)
              AnyTaps<1, kind>(t, p, strip, i, j, x, from, to);
          });
    }
    const Mask keep = LanesBetween(strip.first, strip.last);
    Vector sum = Load(to);
    for (int64_t row = p.begin; row < p.end; ++row) sum += Keep(Load(from + row * t.width), keep);
    Store(sum, to);
  }
}

void StripSums(const DepthwiseStrips& t, const DepthwiseStripSums& p) {
  const float *x = p.x, *dy = p.dy;
  float* sums = p.sums;
  for (int64_t i = 0; i < p.planes * p.outputs; ++i) {
    if (t.dense && t.kernel_w == 3 && t.stride == 1) {
      DensePlaneSums<3, 1>(t, p, x, dy, sums);
    } else if (t.dense && t.kernel_w == 3 && t.stride == 2) {
      DensePlaneSums<3, 2>(t, p, x, dy, sums);
    } else if (t.dense && t.kernel_w == 5 && t.stride == 1) {
      DensePlaneSums<5, 1>(t, p, x, dy, sums);
    } else {
      AnyPlaneSums(t, p, x, dy, sums);
    }
    dy += t.height * t.width;
    sums += kLanes * (t.kernel_h * t.kernel_w + 1);
    if ((i + 1) % p.outputs == 0) x += t.x_height * t.x_width;
  }
}

#endif  // MOKA_DEPTHWISE_STRIPS

constexpr DepthwiseKernels kKernels = {.lanes = kLanes,
                                       .rows3 = DenseRows<3>,
                                       .rows5 = DenseRows<5>,
                                       .rows = TapRows,
                                       .sums3 = DenseStripSums<3>,
                                       .sums5 = DenseStripSums<5>,
                                       .sums = TapStripSums,
                                       .move = MoveLanes,
                                       .add_lanes = AddLanes,
                                       .gather = GatherRows,
                                       .interleave = InterleaveRows,
#ifdef MOKA_DEPTHWISE_STRIPS
                                       .strip_rows = StripRows,
                                       .strip_sums = StripSums
#else
                                       .strip_rows = nullptr,
                                       .strip_sums = nullptr
#endif
};

#undef MOKA_INLINE
