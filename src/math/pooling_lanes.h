// What the kernels of pooling share: vectors of windows side by side, and rows of a gradient.
// Included by math/for_each_processor.h's files, and so without a guard.

template <int n>
struct Lanes {
  static constexpr int kCount = n;
  typedef float Floats __attribute__((vector_size(n * 4)));
  typedef int32_t Ints __attribute__((vector_size(n * 4)));
  typedef uint8_t Bytes __attribute__((vector_size(n)));
};

// Elements stand in groups of `stride`; the n ones of one phase within their groups, at(i), are
// taken from as many vectors.
template <int n, int stride, int phase, int... i>
__attribute__((always_inline)) inline void LoadPhase(const float* x,
                                                     typename Lanes<n>::Floats& values,
                                                     std::integer_sequence<int, i...>) {
  static_assert(1 <= stride && stride <= 3 && phase < stride);
  if constexpr (stride == 1) {
    std::memcpy(&values, x, sizeof values);
  } else {
    constexpr auto at = [](int lane) { return lane * stride + phase; };
    typename Lanes<n>::Floats a, b;
    std::memcpy(&a, x, sizeof a);
    std::memcpy(&b, x + n, sizeof b);
    values = __builtin_shufflevector(a, b, (at(i) < 2 * n ? at(i) : 0)...);
    if constexpr (stride == 3) {
      std::memcpy(&a, x + 2 * n, sizeof a);
      values = __builtin_shufflevector(values, a, (at(i) < 2 * n ? i : at(i) - n)...);
    }
  }
}

// Calls f(values of column j of n windows side by side) for j in [0, kernel); kernel >= stride.
// Reads nothing beyond the windows.
template <int n, int stride, typename F>
__attribute__((always_inline)) inline void ForEachColumn(const float* x, int64_t kernel, F f) {
  constexpr auto lanes = std::make_integer_sequence<int, n>();
  typename Lanes<n>::Floats values;
  if constexpr (stride > 1) LoadPhase<n, stride, 0>(x, values, lanes), f(values);
  if constexpr (stride > 2) LoadPhase<n, stride, 1>(x, values, lanes), f(values);
  for (int64_t j = stride - 1; j < kernel; ++j)
    LoadPhase<n, stride, stride - 1>(x + j - (stride - 1), values, lanes), f(values);
}

// The other way round: y[i * stride + phase] = values[phase][i].
template <int n, int stride, int part, int... i>
__attribute__((always_inline)) inline void StorePart(const typename Lanes<n>::Floats* values,
                                                     float* y, std::integer_sequence<int, i...>) {
  constexpr auto phase = [](int lane) { return (part * n + lane) % stride; };
  constexpr auto group = [](int lane) { return (part * n + lane) / stride; };
  typename Lanes<n>::Floats v = values[0];
  if constexpr (stride > 1) {
    v = __builtin_shufflevector(values[0], values[1],
                                (phase(i) < 2 ? phase(i) * n + group(i) : 0)...);
  }
  if constexpr (stride > 2)
    v = __builtin_shufflevector(v, values[2], (phase(i) < 2 ? i : n + group(i))...);
  std::memcpy(y + part * n, &v, sizeof v);
}
template <int n, int stride>
__attribute__((always_inline)) inline void StorePhases(const typename Lanes<n>::Floats* values,
                                                       float* y) {
  constexpr auto lanes = std::make_integer_sequence<int, n>();
  StorePart<n, stride, 0>(values, y, lanes);
  if constexpr (stride > 1) StorePart<n, stride, 1>(values, y, lanes);
  if constexpr (stride > 2) StorePart<n, stride, 2>(values, y, lanes);
}

// Every lane = the largest of all.
template <int step, int n, typename Vector>
__attribute__((always_inline)) inline void LargestToAll(Vector& v, Lanes<n> lanes) {
  const auto shuffled = [&]<int... i>(std::integer_sequence<int, i...>)
      __attribute__((always_inline)) {
    return __builtin_shufflevector(v, v, (i ^ step)...);
  };
  const auto other = shuffled(std::make_integer_sequence<int, n>());
  v = other > v ? other : v;
  if constexpr (step > 1) LargestToAll<step / 2>(v, lanes);
}

// False if there is a NaN or an infinite value: of a number, 0 times it is 0.
inline bool AllFinite(const float* x, int64_t count) {
  using Floats = Lanes<kLanes>::Floats;
  Floats zeros[4] = {}, v;
  int64_t i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
    for (int k = 0; k < 4; ++k) std::memcpy(&v, x + i + k * kLanes, sizeof v), zeros[k] += v * 0.0f;
  }
  for (; i < count && count >= kLanes; i += kLanes) {
    std::memcpy(&v, x + std::min(i, count - kLanes), sizeof v);
    zeros[0] += v * 0.0f;
  }
  float rest = 0, lanes[kLanes];
  for (; i < count; ++i) rest += x[i] * 0.0f;
  const Floats sum = (zeros[0] + zeros[1]) + (zeros[2] + zeros[3]);
  std::memcpy(lanes, &sum, sizeof sum);
  for (const float zero : lanes) rest += zero;
  return rest == 0;
}

// Calls f(lanes, q) for vectors of windows that cover [0, windows), the last perhaps overlapping
// the one before; none if there are fewer than 4. Returns how many windows are done.
template <int n, typename F>
__attribute__((always_inline)) inline int64_t ForEachVector(Lanes<n> lanes, int64_t windows, F f) {
  if (windows >= n) {
    for (int64_t q = 0; q < windows - n; q += n) f(lanes, q);
    f(lanes, windows - n);
    return windows;
  }
  if constexpr (n > 4) {
    return ForEachVector(Lanes<n / 2>(), windows, f);
  } else {
    return 0;
  }
}

// f.operator()<kernel, stride>() with what is known of the windows' width at compile time: kernel
// 2, 3 or 5, or 0 for another; none if there is no code for it.
template <typename F>
auto ForWindowWidth(const PoolingGeometry& g, F f) -> decltype(f.template operator()<0, 1>()) {
  const auto with = [&]<int stride>() {
    if (g.kernel_w == 2 && stride <= 2) return f.template operator()<2, stride>();
    if (g.kernel_w == 3) return f.template operator()<3, stride>();
    if (g.kernel_w == 5) return f.template operator()<5, stride>();
    return f.template operator()<0, stride>();
  };
  if (g.kernel_w < g.stride_w) return {};
  if (g.stride_w == 1) return with.template operator()<1>();
  if (g.stride_w == 2) return with.template operator()<2>();
  if (g.stride_w == 3) return with.template operator()<3>();
  return {};
}

// Asks for what lies a page after n values of a row: the processor does not look across pages, and
// rows are read between others. Reads nothing, so that it may be beyond the array.
template <typename T>
inline void PrefetchAfter(const T* row, int64_t n) {
  constexpr int64_t kPage = 4096 / sizeof(T), kLine = 64 / sizeof(T);
  for (int64_t k = 0; k < n; k += kLine) __builtin_prefetch(row + kPage + k);
}

// y = x, without a call for rows that are short.
inline void CopyRow(const float* x, int64_t n, float* y) {
  const int64_t done = ForEachVector(Lanes<kLanes>(), n, [&](auto lanes, int64_t i) {
    typename decltype(lanes)::Floats v;
    std::memcpy(&v, x + i, sizeof v), std::memcpy(y + i, &v, sizeof v);
  });
  for (int64_t i = done; i < n; ++i) y[i] = x[i];
}

// The gradient goes row by row of dx: each of its columns takes from the windows that see it, so
// that dx is written once and in order. Columns stand in groups of stride_w, counted from the first
// column of the pad; group m is seen by windows m - overlap, ..., m.
constexpr int64_t kMostOverlap = 16, kMostStride = 3;

// Groups [first, first + count), so few that what is at hand for them fits the first cache, and the
// windows [begin, end) that see them.
struct Part {
  static constexpr int64_t kMost = 256;
  int64_t first, count, overlap, begin, end;

  Part(const PoolingGeometry& g, int64_t first_, int64_t groups)
      : first(first_),
        count(std::min(kMost, groups - first)),
        overlap((g.kernel_w - 1) / g.stride_w),
        begin(std::clamp<int64_t>(first - overlap, 0, g.out_width)),
        end(std::clamp(first + count, begin, g.out_width)) {}
};

// Calls f(part) for the parts of a row.
template <typename F>
void ForEachPart(const PoolingGeometry& g, F f) {
  const int64_t groups = (g.pad_w + g.width + g.stride_w - 1) / g.stride_w;
  for (int64_t first = 0; first < groups; first += Part::kMost) f(Part(g, first, groups));
}

// One value for each window that sees a part: seen(part)[m - t] is that of window m - t, for group
// m of the part; 0 where there is no such window.
template <typename T>
struct WindowLine {
  T values[Part::kMost + kMostOverlap + kLanes];

  const T* seen(const Part& part) const { return values + part.overlap; }
  T* at(const Part& part, int64_t window) { return values + window - part.first + part.overlap; }

  // Once for a part.
  void Clear(const Part& part) {
    const Lanes<kLanes>::Ints zero = {};
    for (int64_t k = 0; k < part.count + part.overlap; k += kLanes)
      std::memcpy(values + k, &zero, sizeof zero);
    std::memcpy(values + part.count + part.overlap, &zero, sizeof zero);
  }
};

// Groups of columns of a part, on their way to a row of dx, which has no pad.
struct ColumnLine {
  float columns[kMostStride * (Part::kMost + kLanes)];

  void Store(const PoolingGeometry& g, const Part& part, bool stream, float* dx) const {
    const int64_t start = part.first * g.stride_w - g.pad_w;
    const int64_t begin = std::max<int64_t>(start, 0);
    const int64_t end = std::min(start + part.count * g.stride_w, g.width);
    if (begin < end && stream) return Stream(columns + begin - start, end - begin, dx + begin);
    CopyRow(columns + begin - start, end - begin, dx + begin);
  }
};
