// Sums for dw over strips (depthwise_strips.h). See depthwise_kernels_all.h.

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
