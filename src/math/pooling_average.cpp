// y = the sum of each window over its size.
#include "math/clones.h"
#include "math/pooling_window.h"

namespace moka {
namespace {

// Windows that lie inside the plane along the width; along the height they may be clipped.
struct WindowRow {
  const float* x;  // the first window's first element that is in the plane
  int64_t stride;  // from one row of the plane to the next
  int64_t rows;    // of a window, in the plane
  float size;      // what the sum is divided by
  int64_t windows;
};

// n windows, side by side.
template <int kernel, int stride, int n>
__attribute__((always_inline)) inline void MeanOfWindows(const WindowRow& row, int64_t q,
                                                         float* y) {
  typename Lanes<n>::Floats sum = {}, v;
  const float* x = row.x + q * stride;
  for (int64_t i = 0; i < row.rows; ++i, x += row.stride) {
    LoadStrided<n, stride, 0>(x, v), sum += v;
    if constexpr (kernel > 1) LoadStrided<n, stride, 1>(x, v), sum += v;
    if constexpr (kernel > 2) LoadStrided<n, stride, 2>(x, v), sum += v;
  }
  sum /= row.size;
  std::memcpy(y + q, &sum, sizeof sum);
}

// All windows of a row if there are at least 4 (the last vectors may overlap), otherwise none.
// Returns how many.
template <int kernel, int stride>
__attribute__((always_inline)) inline int64_t MeanOfRow(const WindowRow& row, float* y) {
  const int64_t n = row.windows;
  if (n < 4) return 0;
  if (n < 8) {
    MeanOfWindows<kernel, stride, 4>(row, 0, y);
    if (n > 4) MeanOfWindows<kernel, stride, 4>(row, n - 4, y);
    return n;
  }
  for (int64_t q = 0; q < n - 8; q += 8) MeanOfWindows<kernel, stride, 8>(row, q, y);
  MeanOfWindows<kernel, stride, 8>(row, n - 8, y);
  return n;
}

MOKA_CLONES int64_t MeanOfRow22(const WindowRow& row, float* y) { return MeanOfRow<2, 2>(row, y); }
MOKA_CLONES int64_t MeanOfRow32(const WindowRow& row, float* y) { return MeanOfRow<3, 2>(row, y); }
MOKA_CLONES int64_t MeanOfRow31(const WindowRow& row, float* y) { return MeanOfRow<3, 1>(row, y); }

using FastRow = int64_t (*)(const WindowRow& row, float* y);
FastRow FastRowFor(const PoolingGeometry& g) {
  if (g.kernel_w == 2 && g.stride_w == 2) return MeanOfRow22;
  if (g.kernel_w == 3 && g.stride_w == 2) return MeanOfRow32;
  if (g.kernel_w == 3 && g.stride_w == 1) return MeanOfRow31;
  return nullptr;
}

float MeanOfWindow(const PoolingGeometry& g, const float* plane, const WindowRange& h,
                   const WindowRange& w) {
  double sum = 0;
  for (int64_t i = h.begin; i < h.end; ++i) {
    for (int64_t j = w.begin; j < w.end; ++j) sum += plane[i * g.width + j];
  }
  return static_cast<float>(sum / static_cast<double>(h.length * w.length));
}

void MeanOfPlane(const PoolingGeometry& g, FastRow fast, const float* x, float* y) {
  const InnerWindows inner(g.out_width, g.stride_w, g.pad_w, g.kernel_w, g.width);
  for (int64_t r = 0; r < g.out_height; ++r, y += g.out_width) {
    const WindowRange h(r, g.stride_h, g.pad_h, g.kernel_h, g.height);
    int64_t done = inner.first;  // windows [inner.first, done) need no more
    const WindowRow row{x + h.begin * g.width + inner.first * g.stride_w - g.pad_w, g.width,
                        h.end - h.begin, static_cast<float>(h.length * g.kernel_w),
                        inner.last - inner.first};
    if (fast) done += fast(row, y + inner.first);
    for (int64_t q = 0; q < g.out_width; ++q) {
      if (q == inner.first) q = done;
      if (q == g.out_width) break;
      y[q] = MeanOfWindow(g, x, h, WindowRange(q, g.stride_w, g.pad_w, g.kernel_w, g.width));
    }
  }
}

}  // namespace

void AveragePoolForward(Context& context, const PoolingGeometry& g, const float* x, float* y) {
  const FastRow fast = FastRowFor(g);
  context.ParallelFor(g.planes, PlaneGrain(g), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      MeanOfPlane(g, fast, x + p * g.height * g.width, y + p * g.out_height * g.out_width);
    }
  });
}

namespace {

constexpr int64_t kLine = 2048;

// One row of windows: their shares, spread along the width in `line`, are added to each of the rows
// that they cover. Long rows go in parts, of as many windows as fit the line.
MOKA_CLONES void SpreadRow(const PoolingGeometry& g, const WindowRange& h, const float* dy,
                           float* plane) {
  float line[kLine];
  const int64_t part = std::max<int64_t>(1, (kLine - g.kernel_w) / g.stride_w + 1);
  for (int64_t first = 0; first < g.out_width; first += part) {
    const int64_t last = std::min(g.out_width, first + part);
    const int64_t begin = std::max<int64_t>(first * g.stride_w - g.pad_w, 0);
    const int64_t end = std::min((last - 1) * g.stride_w - g.pad_w + g.kernel_w, g.width);
    std::fill_n(line, end - begin, 0.0f);
    for (int64_t q = first; q < last; ++q) {
      const WindowRange w(q, g.stride_w, g.pad_w, g.kernel_w, g.width);
      const float share = dy[q] / static_cast<float>(h.length * w.length);
      for (int64_t j = w.begin; j < w.end; ++j) line[j - begin] += share;
    }
    for (int64_t i = h.begin; i < h.end; ++i) {
      float* row = plane + i * g.width + begin;
      for (int64_t j = 0; j < end - begin; ++j) row[j] += line[j];
    }
  }
}

// A window longer than the line: it is added row by row.
void SpreadWindows(const PoolingGeometry& g, const WindowRange& h, const float* dy, float* plane) {
  for (int64_t q = 0; q < g.out_width; ++q) {
    const WindowRange w(q, g.stride_w, g.pad_w, g.kernel_w, g.width);
    const float share = dy[q] / static_cast<float>(h.length * w.length);
    for (int64_t i = h.begin; i < h.end; ++i) {
      for (int64_t j = w.begin; j < w.end; ++j) plane[i * g.width + j] += share;
    }
  }
}

}  // namespace

void AveragePoolBackward(Context& context, const PoolingGeometry& g, const float* dy, float* dx) {
  const int64_t in = g.height * g.width, out = g.out_height * g.out_width;
  const auto spread = g.kernel_w <= kLine ? SpreadRow : SpreadWindows;
  context.ParallelFor(g.planes, PlaneGrain(g), [&](int64_t begin, int64_t end) {
    std::fill(dx + begin * in, dx + end * in, 0.0f);
    for (int64_t p = begin; p < end; ++p) {
      for (int64_t r = 0; r < g.out_height; ++r) {
        const WindowRange h(r, g.stride_h, g.pad_h, g.kernel_h, g.height);
        spread(g, h, dy + p * out + r * g.out_width, dx + p * in);
      }
    }
  });
}

}  // namespace moka
