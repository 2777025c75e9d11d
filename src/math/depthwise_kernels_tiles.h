// Kernels over tiles (depthwise_tile.h). See depthwise_kernels_all.h.

// y = start + sum of w * x: blocks of 4 rows, which stay in registers.

// Rows [row, row + n), all columns. The last vector of a row overlaps the one before.
template <int n>
MOKA_INLINE void BlockOfRows(const DepthwiseRows& t, const DepthwiseTaps& taps, int64_t row) {
  const float* x = t.x + row * t.x_step;
  float* y = t.y + row * t.y_step;
  for (int64_t q = 0; q < t.width; q += kLanes) {
    if (q + kLanes > t.width && t.width >= kLanes) q = t.width - kLanes;
    Vector sums[n];
#pragma GCC unroll 4
    for (int r = 0; r < n; ++r) sums[r] = Fill(t.start);
    for (int64_t tap = 0; tap < taps.count; ++tap) {
      const Vector w = Fill(taps.weights[tap]);
      const float* from = x + q + taps.offsets[tap];
#pragma GCC unroll 4
      for (int r = 0; r < n; ++r) sums[r] += w * Load(from + r * t.x_step);
    }
    StoreRows<n>(sums, t.y_step,
                 t.width >= kLanes ? n * t.y_step + kLanes : t.room - row * t.y_step, y + q);
  }
}

// The last block overlaps the one before.
void TapRows(const DepthwiseRows& t, const DepthwiseTaps& taps) {
  if (t.rows < 4) {
    for (int64_t row = 0; row < t.rows; ++row) BlockOfRows<1>(t, taps, row);
    return;
  }
  const float* ahead = t.ahead;
  for (int64_t row = 0; row < t.rows - 4; row += 4, ahead += t.ahead_step) {
    Prefetch(ahead, t.ahead_step);
    BlockOfRows<4>(t, taps, row);
  }
  Prefetch(ahead, t.ahead_step);
  BlockOfRows<4>(t, taps, t.rows - 4);
}

// Sums of dy * x for the weights.

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

// Copies between planes and tiles, in whole vectors that may overlap.

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
