// Results from strips (depthwise_strips.h). See depthwise_kernels_all.h.

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

// What is done to a plane's sums: r(scale sum + start).
struct StripEnd {
  float start, scale, slope;
  bool scales;

  MOKA_INLINE Vector Begin() const { return Fill(scales ? 0 : start); }
  template <int rows>
  MOKA_INLINE void End(Vector (&sums)[rows]) const {
    if (scales) {
#pragma GCC unroll 4
      for (int r = 0; r < rows; ++r) sums[r] = sums[r] * scale + start;
    }
    if (slope == 1) return;
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
      // Slope 0 multiplies nothing, as 0 * -infinity is NaN.
      const Vector low = slope == 0 ? Vector{} : sums[r] * slope;
      sums[r] = sums[r] < Vector{} ? low : sums[r];
    }
  }
};

template <int kernel, int stride, int rows>
MOKA_INLINE void DenseBlockOfStrips(const DepthwiseStrips& t, int64_t row, const float* x,
                                    const Vector (&w)[kernel * kernel], const StripEnd& end,
                                    int64_t room, float* y) {
  for (int64_t s = 0; s < t.strip_count; ++s) {
    const Columns& strip = t.strips[s];
    Vector sums[rows];
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) sums[r] = end.Begin();
    ByKind(
        strip.kind, [&]<Columns::Kind kind>() __attribute__((always_inline)) {
          if constexpr (stride == 1 || kind >= Columns::kSame)
            DenseRowsOfStrip<kernel, stride, rows, kind>(t, strip, row, x, w, sums);
        });
    end.End(sums);
    const int64_t at = row * t.width + strip.column;
    StoreRows<rows>(sums, t.width, room - at, y + at);
  }
}

template <int kernel, int stride>
MOKA_INLINE void DensePlane(const DepthwiseStrips& t, const DepthwiseStripRows& p, const float* x,
                            const float* weights, const StripEnd& end, int64_t room, float* y) {
  Vector w[kernel * kernel];
#pragma GCC unroll 8
  for (int i = 0; i < kernel; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < kernel; ++j)
      w[i * kernel + j] = Fill(weights[(t.mirrored ? kernel - 1 - i : i) * kernel + j]);
  }
  int64_t row = p.begin;
  for (; row + 4 <= p.end; row += 4) {
    Prefetch(x + (row + kReadAhead) * stride * t.x_width, 4 * stride * t.x_width);
    PrefetchForWriting(y + (row + kWriteAhead) * t.width, 4 * t.width);
    DenseBlockOfStrips<kernel, stride, 4>(t, row, x, w, end, room, y);
  }
  const int64_t rest = p.end - row;
  if (rest == 3) DenseBlockOfStrips<kernel, stride, 3>(t, row, x, w, end, room, y);
  if (rest == 2) DenseBlockOfStrips<kernel, stride, 2>(t, row, x, w, end, room, y);
  if (rest == 1) DenseBlockOfStrips<kernel, stride, 1>(t, row, x, w, end, room, y);
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
    Prefetch(x + (base + kReadAhead / stride) * t.x_width, 4 / stride * t.x_width);
    PrefetchForWriting(y + (row + kWriteAhead) * t.width, 4 * t.width);
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
                          const float* weights, const StripEnd& end, int64_t room, float* y) {
  for (int64_t row = p.begin; row < p.end; ++row) {
    for (int64_t s = 0; s < t.strip_count; ++s) {
      Vector sums[1] = {end.Begin()};
      ByKind(
          t.strips[s].kind, [&]<Columns::Kind kind>() __attribute__((always_inline)) {
            AddRowOfStrip<kernel_w, kind>(t, t.strips[s], p.inputs, t.from + row * t.kernel_h, x,
                                          weights, sums[0]);
          });
      end.End(sums);
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
    const StripEnd end{p.start != nullptr ? p.start[i] : 0, p.scale != nullptr ? p.scale[i] : 1,
                       p.slope, p.scale != nullptr};
    if (dense && t.kernel_w == 3 && t.stride == 1) {
      DensePlane<3, 1>(t, p, x, weights, end, room, y);
    } else if (dense && t.kernel_w == 3 && t.stride == 2) {
      DensePlane<3, 2>(t, p, x, weights, end, room, y);
    } else if (dense && t.kernel_w == 5 && t.stride == 1) {
      DensePlane<5, 1>(t, p, x, weights, end, room, y);
    } else if (spreads && (p.begin + t.pad) % 2 == 0) {
      SpreadPlane<3, 2, 0>(t, p, x, weights, room, y);
    } else if (spreads) {
      SpreadPlane<3, 2, 1>(t, p, x, weights, room, y);
    } else if (t.kernel_w == 3) {
      AnyPlane<3>(t, p, x, weights, end, room, y);
    } else {
      AnyPlane<0>(t, p, x, weights, end, room, y);
    }
    weights += p.inputs * t.kernel_h * t.kernel_w;
    y += t.height * t.width, room -= t.height * t.width;
    if ((i + 1) % p.outputs == 0) x += p.inputs * t.x_height * t.x_width;
  }
}
